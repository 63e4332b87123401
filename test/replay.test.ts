import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { answersOf, assertBalanced, expectedAnswers, type Answers, type Sent } from './support/answers.ts'
import { madeUpEvents, readEvents, REFERENCE, shuffled, withRepeats, writeAds, writeEvents } from './support/files.ts'
import { startMachine, until, type Machine, type ProcessName } from './support/machine.ts'

const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
const KILLS = IS_SOAK ? 10 : 3
const SEED = Number(process.env['FLOWGUARD_SEED'] ?? Date.now() % 1_000_000)
const MADE_UP = 20_000

interface Case {
  name: string
  events: Sent[]
  expected: Answers
}

/** The real file where it is, else people made up by seed, whose answers the plain rule gives. */
function source(): Case {
  if (!REFERENCE) {
    const events = madeUpEvents(MADE_UP, mulberry32(SEED))
    return { name: `${MADE_UP} made-up events`, events, expected: expectedAnswers(events) }
  }
  const given = JSON.parse(readFileSync(join(REFERENCE, 'taobao-expected.json'), 'utf8'))
  const expected: Answers = {
    clicks: given.clicks,
    orders: given.orders,
    attributed: given.attributed_orders,
    gmv: given.gmv,
    attributedRevenue: given.attributed_revenue,
    chargedClicks: given.charged_clicks,
    doubleClicks: given.double_clicks_under_2s_same_user_and_ad,
    attributedPerDay: given.attributed_per_utc_day,
    ordersPerDay: given.orders_per_utc_day,
    gmvPerDay: given.gmv_per_utc_day,
  }
  return { name: 'the taobao file', events: readEvents(join(REFERENCE, 'taobao-events.ndjson.gz')), expected }
}

const { name, events, expected } = source()

/** Replays into a machine of its own, and holds what came of it against the answers, the books, and every event that was sent. */
async function replayed(t: TestContext, sent: readonly Sent[], disturb?: (machine: Machine, signal: AbortSignal) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-replay-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using machine = await startMachine({ env: { ADS_FILE: writeAds(folder, sent) } })
  const file = writeEvents(folder, 'events.ndjson', sent)
  const over = new AbortController()
  const [replay] = await Promise.all([
    machine.cli('replay', file, '--speed', 'max', '--drain').finally(() => over.abort()),
    disturb?.(machine, over.signal),
  ])
  assert.equal(replay.code, 0, replay.stderr)
  assert.deepEqual(await answersOf(machine.dataDir), expected)
  assertBalanced(machine.dataDir)
}

test(`${name}: the independent answers agree with the plain rule`, () => {
  assert.deepEqual(expectedAnswers(events), expected)
})

test(`${name}, as it is`, (t) => replayed(t, events))

test(`${name}, shuffled within 8 seconds, 5% sent twice (seed ${SEED})`, (t) =>
  replayed(t, withRepeats(shuffled(events, 8_000, mulberry32(SEED)), 0.05, mulberry32(SEED + 1))))

test(`${name}, all of it sent twice`, (t) => replayed(t, [...events, ...events]))

test(`${name}, with ${KILLS} kills of either process at random moments (seed ${SEED})`, async (t) => {
  const random = mulberry32(SEED)
  const kills: ProcessName[] = []
  await replayed(t, events, async (machine, signal) => {
    while (kills.length < KILLS && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 100 + random() * (IS_SOAK ? 700 : 900)))
      if (signal.aborted) break
      const process: ProcessName = random() < 0.5 ? 'edge' : 'pipeline'
      kills.push(process)
      await machine.kill(process)
      await until(`${process} to start again`, async () => (await machine.start(process), machine.isRunning(process)))
    }
  })
  t.diagnostic(`killed: ${kills.join(', ')}`)
  assert.ok(kills.length > 0, 'the replay was over before anything was killed')
})
