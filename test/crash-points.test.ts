import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { STEPS, type Step } from '../packages/pipeline/src/kernel/crash.ts'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { httpReceiver, type Received } from '../packages/pipeline/src/notify/testing/receivers.ts'
import { answersOf, assertBalanced, assertInLake, assertLoaded, expectedAnswers, SMALL_BATCHES } from './support/answers.ts'
import { madeUpEvents, writeAds, writeEvents } from './support/files.ts'
import { startMachine, until, type Machine, type ProcessName } from './support/machine.ts'

const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
/** Sixteen batches, so that each step is passed as often as the last of the passings, or six. */
const EVENTS = IS_SOAK ? 8_000 : 3_000
const events = madeUpEvents(EVENTS, mulberry32(7))
const expected = expectedAnswers(events)

const processOf = (step: Step): ProcessName => (/^(reader|loader|lake|notify)\./.test(step) ? 'pipeline' : 'edge')

/** At which passing of a step to kill: early, and once things are under way. */
const PASSINGS = IS_SOAK ? [1, 2, 3, 5, 8] : [2]

/** Those of a run over silver and gold: test/etl-kills.test.ts. Of counters and notifications on Redis: redis-counters and redis-notes.engines.test.ts. Of an erasure: test/erase.test.ts. */
const steps = STEPS.filter((step) => !/^(etl|counters|notes|erase)\./.test(step))

/** The steps of a part are killed at one after the other while the same events come in; in the long form each has a run of its own. */
const runs = IS_SOAK ? steps.map((step) => [step]) : [...Map.groupBy(steps, (step) => step.split('.')[0]).values()]

for (const chain of runs) {
  for (const passing of PASSINGS) {
    test(`killed at passing ${passing} of ${chain.join(', then ')}: no event lost, none counted twice`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'flowguard-crash-'))
      t.after(() => rmSync(folder, { recursive: true, force: true }))
      await using receiver = await httpReceiver()
      const isOf = (part: string) => chain.some((step) => step.startsWith(`${part}.`))
      const env = { ADS_FILE: writeAds(folder, events), ...(isOf('notify') && alertsTo(folder, receiver.url)), ...SMALL_BATCHES }
      await using machine = await startMachine({ idle: true, env })
      const victim = processOf(chain[0] as Step)
      const start = async (step?: Step) => machine.start(victim, step && { FLOWGUARD_CRASH: `${step}:${passing}` })
      await Promise.all([start(chain[0]), machine.start(victim === 'edge' ? 'pipeline' : 'edge')])
      let kills = 0
      let isOver = false
      using _ending = { [Symbol.dispose]: () => void (isOver = true) }
      const revived = (async () => {
        while (kills < chain.length) {
          await machine.died(victim)
          if (isOver) return
          kills += 1
          await start(chain[kills])
        }
      })()
      const replay = await machine.cli('replay', writeEvents(folder, 'events.ndjson', events), '--speed', 'max', '--drain')
      assert.equal(replay.code, 0, replay.stderr)
      // Nothing that a replay waits for hangs on the channels, or on the lake.
      if (isOf('notify') || isOf('lake')) await until('each step has been passed often enough', () => kills === chain.length)
      assert.equal(kills, chain.length, `${chain[kills]} was never passed`)
      await revived
      assert.deepEqual(await answersOf(machine.dataDir), expected)
      await assertBalanced(machine.dataDir)
      await assertLoaded(machine)
      if (isOf('lake')) await assertInLake(machine)
      if (isOf('notify')) await assertTold(machine, receiver.received)
    })
  }
}

/** Settings by which many are alerted of, through one channel. */
function alertsTo(folder: string, url: string): NodeJS.ProcessEnv {
  const file = join(folder, 'alerts.yaml')
  const rule = '{ at_least: 2, within_seconds: 1800, severity: warning }'
  const channel = `{ name: hook, type: slack, url: '${url}', allow_private: true }`
  writeFileSync(file, `fraud: { orders_per_user: ${rule} }\nchannels: [${channel}]\n`)
  return { ALERTS_FILE: file }
}

/** Every record of `alerts.v1` was sent; that one again, of which nobody knew when the process died. */
async function assertTold(machine: Machine, received: readonly Received[]) {
  await until('all alerts are sent', async () => (await hook(machine)).waiting === 0)
  const ids = received.map(({ headers }) => String(headers['idempotency-key']))
  const offsets = [...new Set(ids)].map((id) => Number(id.split('-').at(-1)))
  assert.deepEqual(
    offsets.toSorted((a, b) => a - b),
    offsets.map((_, offset) => offset),
  )
  assert.equal(ids.length - offsets.length, 1)
}

async function hook(machine: Machine): Promise<{ waiting: number }> {
  const { stdout } = await machine.cli('alerts', 'channels', '--json')
  const [channel] = (JSON.parse(stdout) as { channels: { waiting: number }[] }).channels
  return channel ?? { waiting: Infinity }
}
