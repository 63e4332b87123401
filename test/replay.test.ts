import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DAY_MS, type AdWindow } from '@flowguard/contract'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { SEED } from '../packages/pipeline/src/kernel/testing/chance.ts'
import { answersOf, assertBalanced, expectedAnswers, type Sent } from './support/answers.ts'
import { readEvents, shuffled, withRepeats, writeAds, writeEvents } from './support/files.ts'
import { realCase } from './support/real.ts'
import { oracleRowsOf, streamRowsOf } from './support/stream-rows.ts'
import { startMachine, until, type Machine, type ProcessName } from './support/machine.ts'

const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
const KILLS = IS_SOAK ? 10 : 3

const { name, events, expected } = realCase(SEED)

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
  assert.deepEqual(await streamRowsOf(machine.dataDir), await oracleRowsOf(machine.dataDir))
  await assertBalanced(machine.dataDir)
}

test(`${name}: the independent answers agree with the plain rule`, () => {
  assert.deepEqual(expectedAnswers(events), expected)
})

test(`${name}, as it is`, (t) => replayed(t, events))

test(`${name}, shuffled within 8 seconds, 5% sent twice (seed ${SEED})`, (t) =>
  replayed(t, withRepeats(shuffled(events, 8_000, mulberry32(SEED)), 0.05, mulberry32(SEED + 1))))

if (IS_SOAK) test(`${name}, all of it sent twice`, (t) => replayed(t, [...events, ...events]))

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

test("ads shown and their clicks, by campaign, day and dish, out of the windows: the independent answers of ZOZO's file", async () => {
  await using machine = await startMachine()
  const given = join(ROOT, 'data/zozo-events.ndjson.gz')
  const { code, stderr } = await machine.cli('replay', given, '--speed', 'max', '--drain')
  assert.equal(code, 0, stderr)
  const last = readEvents(given).at(-1) as Sent
  // Drained, time stands at the last event: one that comes from the next minute on closes what is open.
  const later = { ...last, event_id: 'the next day', timestamp: new Date(Date.parse(last.timestamp) + DAY_MS).toISOString() }
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-zozo-'))
  const more = await machine.cli('replay', writeEvents(folder, 'later.ndjson', [later]), '--speed', 'max', '--drain')
  rmSync(folder, { recursive: true })
  assert.equal(more.code, 0, more.stderr)
  const expected = JSON.parse(readFileSync(join(ROOT, 'data/zozo-expected.json'), 'utf8')) as Record<string, Figures>
  const { windows } = await streamRowsOf(machine.dataDir)
  const figures = (keyOf: (row: AdWindow) => string): Figures =>
    Object.fromEntries(
      [...Map.groupBy(windows, keyOf)].map(([key, rows]) => {
        const [impressions, clicks] = [sumOf(rows, 'impressions'), sumOf(rows, 'clicks')]
        return [key, { impressions, clicks, ctr: Math.round((clicks / impressions) * 1_000_000) / 1_000_000 }]
      }),
    )
  assert.deepEqual(
    {
      by_campaign: figures((row) => String(row.campaign_id)),
      by_utc_day: figures((row) => row.window_start.slice(0, 10)),
      by_item_id: figures((row) => String(row.item_id)),
    },
    { by_campaign: expected['by_campaign'], by_utc_day: expected['by_utc_day'], by_item_id: expected['by_item_id'] },
  )
})

type Figures = Record<string, { impressions: number; clicks: number; ctr: number }>

const sumOf = (rows: readonly AdWindow[], field: 'impressions' | 'clicks') => rows.reduce((sum, row) => sum + row[field], 0)
