import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { answersOf, assertLoaded } from './support/answers.ts'
import { startEngineMachine } from './support/engine-machine.ts'
import { writeAds, writeEvents } from './support/files.ts'
import { startMachine, type Machine } from './support/machine.ts'
import { realCase } from './support/real.ts'
import { SEED } from '../packages/pipeline/src/kernel/testing/chance.ts'

const { name, events, expected } = realCase(SEED)

const GOLD = [
  'daily_gmv_metrics',
  'food_item_performance',
  'user_funnel_metrics',
  'hourly_order_patterns',
  'user_cohort_metrics',
  'ad_attribution',
] as const

test(`${name} (seed ${SEED}): the same answers and the same gold, on the embedded stores and on the engines`, async (t) => {
  const embedded = await replayed(t, (env) => startMachine({ env }))
  const engines = await replayed(t, (env) => startEngineMachine({ env }))
  assert.deepEqual(engines, embedded)
  // The lane on Redis, killed and all: test/kills.engines.test.ts.
  if (process.env['FLOWGUARD_SOAK'] === undefined) return
  const streams = await replayed(t, (env) => startEngineMachine({ env, general: 'redis' }))
  assert.deepEqual(streams, embedded)
})

/** Replays into a machine of its own; its answers, books and bronze are held against what they must be. Resolves to what `sql` says of each gold table. */
async function replayed(t: TestContext, start: (env: NodeJS.ProcessEnv) => Promise<Machine>): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-engines-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using machine = await start({ ADS_FILE: writeAds(folder, events), ETL: 'off' })
  await done(machine, 'replay', writeEvents(folder, 'events.ndjson', events), '--speed', 'max', '--drain')
  assert.deepEqual(await answersOf(machine.dataDir), expected)
  await assertLoaded(machine)
  const days = Object.keys(expected.ordersPerDay)
  await done(machine, 'etl', 'backfill', '--from', days[0] as string, '--to', days.at(-1) as string)
  const gold: Record<string, string> = {}
  for (const table of GOLD) gold[table] = await done(machine, 'sql', `select * from gold.${table} order by all`, '--json')
  return gold
}

async function done(machine: Machine, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await machine.cli(...args)
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}
