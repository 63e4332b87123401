// A worker process of the general lane whose events may ask for trouble: `properties.mood` says how their handling goes.
import { runAll } from '../../packages/pipeline/src/kernel/lifecycle.ts'
import { readSettings, ROOT } from '../../packages/pipeline/src/kernel/config.ts'
import { createLogger } from '../../packages/pipeline/src/kernel/logging.ts'
import { openMachine } from '../../packages/pipeline/src/wiring/open-machine.ts'
import { startWorkers } from '../../packages/pipeline/src/wiring/workers.ts'
import { enrich, type Work } from '../../packages/pipeline/src/workers/enrich.ts'

const settings = readSettings({}, process.env, ROOT)
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
const logger = createLogger('lane-worker', { ...settings, LOG_LEVEL: 'info' }, 'error')
await using machine = openMachine(settings, logger, stop.signal)

const work: Work = (event, tries) => {
  const mood = (event.properties as { mood?: unknown } | undefined)?.mood
  if (mood === 'never' || (mood === 'third time' && tries < 2)) throw new Error(`not in the mood, try ${tries + 1}`)
  return enrich(event)
}

const parts = await startWorkers(machine, work)
process.send?.('ready')
await runAll(parts, stop.signal)
process.disconnect?.()
