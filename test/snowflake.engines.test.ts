import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MODELS } from '../packages/pipeline/src/etl/fixture.ts'
import { assertSameTables } from '../packages/pipeline/src/etl/gold-equal.fixture.ts'
import { silentLogger } from '../packages/pipeline/src/kernel/logging.ts'
import { loadToLevel } from '../packages/pipeline/src/loader/loader.ts'
import { noMirror } from '../packages/pipeline/src/warehouse/testing/made-up-log.ts'
import { snowflakeStore } from '../packages/pipeline/src/warehouse/testing/snowflake.ts'
import { figuresPerDay, invoices, loadedFolder, ran, written, type Written } from './support/batch.ts'
import { realCase } from './support/real.ts'

const HAS_TIME = process.env['FLOWGUARD_SOAK'] !== undefined
/** Rows of both are in memory, to be put in order. */
const DAYS_AT_ONCE = 28
const LOAD_ROWS = 50_000

/** Loaded into both, made by both: silver and gold are the same in every row. Resolves to the figures of each day on Snowflake. */
async function assertSameOnBoth(records: readonly Written[], told: (text: string) => void): ReturnType<typeof figuresPerDay> {
  await using folder = await loadedFolder(records, { hasLake: false })
  await using store = snowflakeStore()
  await using far = store.open()
  const since = performance.now()
  const { feeds } = folder
  const options = { feeds, mirror: noMirror(), rowsMax: LOAD_ROWS, ageMs: 0, clock: Date.now, logger: silentLogger }
  await loadToLevel({ ...options, bronze: far.bronze }, new AbortController().signal, () => undefined)
  const [first, last] = await folder.days()
  const loadedAt = performance.now()
  for (const warehouse of [folder.machine.warehouse, far]) {
    const { state, error } = await ran({ warehouse }, first, last)
    assert.deepEqual({ state, error }, { state: 'done', error: null })
  }
  const madeAt = performance.now()
  const counts: Record<string, number> = {}
  using near = await folder.machine.warehouse.session()
  using there = await far.session()
  const days = await near.rows<{ date: string }>('select date from etl.days order by date')
  for (let at = 0; at < days.length; at += DAYS_AT_ONCE) {
    const own = days.slice(at, at + DAYS_AT_ONCE)
    const stretch = { from: own[0]?.date ?? '', to: own.at(-1)?.date ?? '' }
    for (const { name } of MODELS) {
      const same = await assertSameTables(
        (sql) => near.rows(sql),
        (sql) => there.rows(sql),
        [name],
        stretch,
      )
      counts[name] = (counts[name] ?? 0) + (same[name] ?? 0)
    }
  }
  for (const { name } of MODELS)
    for (const session of [near, there]) {
      const [all] = await session.rows<{ n: number }>(`select count(*) as n from ${name}`)
      assert.equal(all?.n, counts[name], name)
    }
  const seconds = (from: number, to: number) => `${((to - from) / 1_000).toFixed(0)} s`
  told(
    `loaded in ${seconds(since, loadedAt)}, made by both in ${seconds(loadedAt, madeAt)}, compared in ${seconds(madeAt, performance.now())}`,
  )
  told(`${days.length} days: ${JSON.stringify(counts)}`)
  return await figuresPerDay(far)
}

test(`invoices of ${HAS_TIME ? 'a year' : 'some days'} on Snowflake: every day to the penny, and all of silver and gold as DuckDB makes them`, async (t) => {
  const { records, perDay } = await invoices(HAS_TIME)
  assert.deepEqual(await assertSameOnBoth(records, (text) => t.diagnostic(text)), perDay)
})

if (HAS_TIME)
  test('visits, ads and orders on Snowflake: all of silver and gold as DuckDB makes them', async (t) => {
    const { events, expected } = realCase(1)
    const figures = await assertSameOnBoth(events.map(written), (text) => t.diagnostic(text))
    const orders = Object.entries(figures).map(([day, of]) => [day, of.order_lines])
    assert.deepEqual(Object.fromEntries(orders), expected.ordersPerDay)
  })
