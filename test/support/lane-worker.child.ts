// A worker process of the general lane whose events may ask for trouble: `properties.mood` says how their handling goes.
import { runAll } from '../../packages/pipeline/src/kernel/lifecycle.ts'
import { readSettings, ROOT } from '../../packages/pipeline/src/kernel/config.ts'
import { createLogger } from '../../packages/pipeline/src/kernel/logging.ts'
import { openReadOnly } from '../../packages/pipeline/src/kernel/sqlite.ts'
import { openMachine } from '../../packages/pipeline/src/wiring/machine.ts'
import { startWorkers } from '../../packages/pipeline/src/wiring/workers.ts'
import { enrich, type Work } from '../../packages/pipeline/src/workers/enrich.ts'

const settings = readSettings({}, process.env, ROOT)
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
const logger = createLogger('lane-worker', { ...settings, LOG_LEVEL: 'info' }, 'error')
await using machine = openMachine(settings, logger, stop.signal)

// How often it was tried so far is what the store says: a process that was killed has nothing to remember it by.
const store = await machine.lane()
using look = openReadOnly(store.path)
const tries = look.prepare('select tries from lane_retries where event_id = ?')
const work: Work = (event) => {
  const mood = (event.properties as { mood?: unknown } | undefined)?.mood
  const tried = (tries.get(event.event_id) as { tries: number } | undefined)?.tries ?? 0
  if (mood === 'never' || (mood === 'third time' && tried < 2)) throw new Error(`not in the mood, try ${tried + 1}`)
  return enrich(event)
}

const parts = await startWorkers(machine, work)
process.send?.('ready')
await runAll(parts, stop.signal)
process.disconnect?.()
