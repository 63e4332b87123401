import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { DAY_MS } from '@flowguard/contract'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import type { RunDetail, RunShown } from '../packages/pipeline/src/etl/store.ts'
import type { Step } from '../packages/pipeline/src/kernel/crash.ts'
import { assertLoaded, SMALL_BATCHES, type Sent } from './support/answers.ts'
import { madeUpEvents, writeAds, writeEvents } from './support/files.ts'
import { startMachine, until, type Machine } from './support/machine.ts'

const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
const EVENTS = IS_SOAK ? 12_000 : 3_000
/** Of several chunks, so that a run commits more than once. */
const DAYS = { from: '2026-03-01', to: '2026-06-09', count: 100 } as const
const LOAD_KILLS = IS_SOAK ? 6 : 1
/** Where in a run to kill, in passings of a step: the tables of both chunks, their commits. */
const STEP_KILLS: readonly `${Step}:${number}`[] = IS_SOAK
  ? ['etl.after-table:1', 'etl.after-table:7', 'etl.after-table:13', 'etl.before-commit:1', 'etl.before-commit:2', 'etl.after-commit:1']
  : ['etl.after-table:12', 'etl.before-commit:2', 'etl.after-commit:1']
const RANDOM_KILLS = IS_SOAK ? 8 : 1
const WITHIN_MS = IS_SOAK ? 1_500 : 500

const SILVER_GOLD = [
  'silver.orders_clean',
  'silver.clicks_clean',
  'silver.user_sessions',
  'gold.daily_gmv_metrics',
  'gold.food_item_performance',
  'gold.user_funnel_metrics',
  'gold.hourly_order_patterns',
  'gold.user_cohort_metrics',
  'gold.ad_attribution',
]
/** Of a row of bronze all but when it was loaded; of an answer also where it lies, for the order of the topic is not given. */
const BRONZE = {
  'bronze.orders_raw': 'ingestion_timestamp',
  'bronze.clicks_raw': 'ingestion_timestamp',
  'bronze.attributed_raw': 'ingestion_timestamp, ingestion_id, source_offset, appended_at',
}
const hashOf = (name: string, from = name) =>
  `select '${name}' as name, count(*) as n, md5(string_agg(row_text, chr(10) order by row_text)) as hash from (select t::varchar as row_text from ${from} t)`
const HASHES = [
  ...SILVER_GOLD.map((name) => hashOf(name)),
  ...Object.entries(BRONZE).map(([name, besides]) => hashOf(name, `(select * exclude (${besides}) from ${name})`)),
].join(' union all ')
const REPEATS = Object.keys(BRONZE)
  .map((name) => `select count(*) - count(distinct ingestion_id) as repeats from ${name}`)
  .join(' union all ')

async function asked<T>(machine: Machine, sql: string): Promise<T[]> {
  const { code, stdout, stderr } = await machine.cli('sql', sql, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as T[]
}

/** Every few hours of the made-up shop on a day of their own. */
function spread(events: readonly Sent[]): Sent[] {
  const perDay = events.length / 10
  return events.map((event, at) => ({
    ...event,
    timestamp: new Date(Date.parse(event.timestamp) + Math.floor(at / perDay) * (DAYS.count / 10) * DAY_MS).toISOString(),
  }))
}

/** Asks for a run of all days; how far it comes is another matter. */
async function begin(machine: Machine): Promise<number> {
  const answer = await fetch(`${machine.opsUrl}/api/etl/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...machine.operator() },
    body: JSON.stringify({ from: DAYS.from, to: DAYS.to }),
  })
  const body = (await answer.json()) as { run_id: number }
  assert.equal(answer.status, 202, JSON.stringify(body))
  return body.run_id
}

/** By the command, which leaves the work to the pipeline where that has the warehouse open: it opens it only after its start. */
async function levelRun(machine: Machine, ...args: string[]): Promise<RunDetail> {
  await until('the pipeline to open the warehouse', async () => (await fetch(`${machine.opsUrl}/api/etl/runs`)).ok)
  const { code, stdout, stderr } = await machine.cli('etl', ...args, '--json')
  assert.equal(code, 0, stderr)
  const run = JSON.parse(stdout) as RunDetail
  assert.deepEqual([run.state, run.is_level], ['done', true])
  // A made-up shop has its own dishes, and its days are as even as chance has them: both only warn.
  assert.deepEqual(
    run.checks.filter(({ state, name }) => state === 'failed' && !/^(references|volume): /.test(name)),
    [],
  )
  return run
}

test(`killed ${LOAD_KILLS + STEP_KILLS.length + RANDOM_KILLS} times in loading and in runs of the etl: bronze, silver and gold come to what they do undisturbed`, async (t) => {
  const random = mulberry32(41)
  const events = spread(madeUpEvents(EVENTS, random))
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-etl-kills-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const env = { ADS_FILE: writeAds(folder, events), ETL: 'off', ...SMALL_BATCHES }
  await using machine = await startMachine({ idle: true, env })
  await machine.start('edge')
  const sent = await machine.cli('replay', writeEvents(folder, 'events.ndjson', events), '--speed', 'max')
  assert.equal(sent.code, 0, sent.stderr)
  assert.equal((await fetch(`${machine.gatewayUrl}/api/v1/time/close`, { method: 'POST' })).status, 202)
  await machine.stop('edge')

  // The same logs for both.
  await using undisturbed = await startMachine({ idle: true, env })
  cpSync(machine.dataDir, undisturbed.dataDir, { recursive: true })
  await undisturbed.start('pipeline')
  const whole = await levelRun(undisturbed, 'backfill', '--from', DAYS.from, '--to', DAYS.to)
  assert.ok(whole.days_done >= DAYS.count, `${whole.days_done} days`)
  const wanted = await asked<{ name: string; n: number }>(undisturbed, HASHES)
  for (const { name, n } of wanted) assert.ok(n > 0, `${name} is empty`)
  await undisturbed.stop('pipeline')

  for (let kill = 0; kill < LOAD_KILLS; kill += 1) {
    await machine.start('pipeline')
    await wait(random() * WITHIN_MS)
    await machine.kill('pipeline')
  }
  for (const step of STEP_KILLS) {
    await machine.start('pipeline', { FLOWGUARD_CRASH: step })
    await begin(machine)
    await until(`the run to be killed at ${step}`, () => !machine.isRunning('pipeline'))
  }
  for (let kill = 0; kill < RANDOM_KILLS; kill += 1) {
    await machine.start('pipeline')
    await begin(machine)
    await wait(random() * WITHIN_MS)
    await machine.kill('pipeline')
  }

  await machine.start('pipeline')
  // Of one day: the others are made because they were cut off.
  const last = await levelRun(machine, 'run', '--date', DAYS.to)
  assert.ok(last.days_done > 1, 'what was cut off is made up')
  assert.deepEqual(await asked(machine, HASHES), wanted)
  assert.ok((await asked<{ repeats: number }>(machine, REPEATS)).every(({ repeats }) => repeats === 0))
  const { stdout } = await machine.cli('etl', 'runs', '--json')
  const cutOff = (JSON.parse(stdout) as RunShown[]).filter(({ state }) => state === 'interrupted')
  assert.ok(cutOff.length >= STEP_KILLS.length, `${cutOff.length} runs were cut off`)
  await assertLoaded(machine)
})
