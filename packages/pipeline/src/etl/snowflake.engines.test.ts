import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ATTRIBUTED, CLICKS, ORDERS, type Ad, type Food } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import type { LogRecord } from '../log/event-log.ts'
import { REPORTS, type ReportName } from '../ops/report-sql.ts'
import { reportsOf } from '../ops/reports.ts'
import { openDuckdb } from '../warehouse/adapters/duckdb.ts'
import { snowflakeStore } from '../warehouse/testing/snowflake.ts'
import { loadAll, record } from '../warehouse/warehouse.conformance.ts'
import type { Session, Warehouse } from '../warehouse/warehouse.ts'
import { columnsOf, rendered } from './dialect.ts'
import { FUNCTIONS_ROW, FUNCTIONS_SQL, ITEMS_ROWS, ITEMS_SQL } from './dialect.fixture.ts'
import { createEtl } from './etl.ts'
import { MODELS } from './fixture.ts'
import { assertSameTables } from './gold-equal.fixture.ts'

const [FROM, TO] = ['2026-03-01', '2026-03-03']
const NOW = Date.parse('2026-03-05T12:00:00Z')
const MINUTE_MS = 60_000
const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
const USERS = 7
const FOODS = [1, 2, 3].map((id) => ({ food_id: id, name: `Dish ${id}`, category: 'Thali', price: 99.5 * id })) as Food[]
const ADS = [{ adId: 'ad-1', itemId: 1, campaignId: 'c-1', advertiserId: 'adv-1' }] as Ad[]

/** Three days of people who look, click an ad and order, some twice, some as bots, some cancelled; and the answers to some orders. */
function madeUp(): LogRecord[] {
  const records: LogRecord[] = []
  const counts = new Map<string, number>()
  const put = (topic: typeof CLICKS | typeof ORDERS | typeof ATTRIBUTED, ts: number, value: object) => {
    const offset = counts.get(topic) ?? 0
    counts.set(topic, offset + 1)
    records.push(record(topic, offset, value, { appendedAt: ts + 1_000, headers: { content_hash: `${topic}${offset}` } }))
  }
  const start = Date.parse(`${FROM}T06:00:00Z`)
  for (let at = 0; at < 240; at += 1) {
    const ts = start + at * 17 * MINUTE_MS + (at % 13) * 777
    const user = `u${at % USERS}`
    const common = {
      user_id: user,
      ts,
      received_at: new Date(ts + 500).toISOString(),
      is_bot: at % 31 === 0,
      session_id: `${user}/${at % 5}`,
    }
    const item = 1 + (at % 3)
    put(CLICKS, ts - MINUTE_MS, {
      ...common,
      ts: ts - MINUTE_MS,
      event_type: at % 4 === 0 ? 'impression' : 'click',
      event_id: `c${at}`,
      item_id: item,
      ad_id: 'ad-1',
      city: 'पुणे',
    })
    if (at % 3 !== 0) continue
    const order = { event_id: `e${at}`, order_id: `o${at}`, item_id: item, price: 99.5 * item, quantity: 1 + (at % 2) }
    put(ORDERS, ts, {
      ...common,
      ...order,
      event_type: 'order',
      item_name: `Dish ${item}`,
      order_type: at % 10 === 0 ? 'cancelled' : 'placed',
    })
    if (at % 6 === 0) {
      const click = { event_id: `c${at}`, ad_id: 'ad-1', campaign_id: 'c-1', timestamp: new Date(ts - MINUTE_MS).toISOString() }
      put(ATTRIBUTED, ts, { ...order, user_id: user, timestamp: new Date(ts).toISOString(), click, lag_ms: MINUTE_MS })
    }
  }
  return records
}

const etlOf = (warehouse: Warehouse) =>
  createEtl(
    {
      warehouse,
      models: MODELS,
      reference: async () => ({ foods: FOODS, ads: ADS }),
      awaited: async () => [],
      clock: () => NOW,
      logger: silentLogger,
    },
    new AbortController().signal,
  )

async function made(warehouse: Warehouse): Promise<Session> {
  await loadAll(warehouse, madeUp())
  const etl = etlOf(warehouse)
  for (const days of [{ from: FROM, to: TO }, ...(IS_SOAK ? [{ from: TO, to: TO }] : [])]) {
    const id = await etl.start(days, 'operator')
    await etl.idle()
    const run = await etl.run(id)
    assert.deepEqual([run?.state, run?.error], ['done', null], JSON.stringify(run))
  }
  return warehouse.session()
}

test('the functions of the models mean the same on Snowflake', async () => {
  await using store = snowflakeStore()
  await using warehouse = store.open()
  using session = await warehouse.session()
  const [row] = await session.rows(rendered(FUNCTIONS_SQL, 'snowflake'))
  assert.deepEqual(row, FUNCTIONS_ROW)
  assert.deepEqual(await session.rows(rendered(ITEMS_SQL, 'snowflake')), ITEMS_ROWS)
})

test(
  'days made on Snowflake, in the long form one of them again, are those made on DuckDB, row by row',
  { timeout: 240_000 },
  async (t) => {
    await using store = snowflakeStore()
    await using far = store.open()
    const folder = mkdtempSync(join(tmpdir(), 'flowguard-gold-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    await using near = openDuckdb({ path: join(folder, 'warehouse.duckdb'), tempDir: join(folder, 'tmp'), memoryMb: 256, threads: 1 })
    using there = await made(far)
    using here = await made(near)
    const tables = MODELS.map(({ name }) => name)
    const counts = await assertSameTables(
      (sql) => here.rows(sql),
      (sql) => there.rows(sql),
      tables,
      { from: FROM, to: TO },
    )
    assert.ok(
      Object.values(counts).every((count) => count > 0),
      JSON.stringify(counts),
    )
    t.diagnostic(JSON.stringify(counts))
    const [asked, theirs] = [reportsOf(near), reportsOf(far)]
    for (const name of Object.keys(REPORTS) as ReportName[]) {
      const [mine, found] = [await asked(name, { from: FROM, to: TO }), await theirs(name, { from: FROM, to: TO })]
      assert.ok(found.rows.length > 0, name)
      assert.deepEqual(found, mine, name)
    }
  },
)

test('what comes while a day is made is loaded once it is made, so that the day is made from what it counts', async () => {
  await using store = snowflakeStore()
  await using far = store.open()
  const records = madeUp()
  await loadAll(far, records)
  const orders = records.filter(({ topic }) => topic === ORDERS)
  const [first] = orders as [LogRecord]
  const late = { ...first, offset: orders.length, value: first.value.replace('"event_id":"e0"', '"event_id":"late"') }
  const order: string[] = []
  let loading: Promise<unknown> | undefined
  // Held off for longer than the stand-in waits, it is tried again, as the loader does.
  async function load(): Promise<unknown> {
    try {
      await loadAll(far, [late])
      return order.push('loaded')
    } catch (error) {
      if (!(error instanceof FlowGuardError && error.retriable)) throw error
      return load()
    }
  }
  const watched = {
    ...far,
    async session() {
      const session = await far.session()
      async function run(...asked: Parameters<Session['run']>) {
        const changed = await session.run(...asked)
        if (asked[0].startsWith('insert into silver.orders_clean')) loading ??= load()
        return changed
      }
      async function transaction<T>(work: () => Promise<T>) {
        const value = await session.transaction(work)
        if (loading) order.push('committed')
        return value
      }
      return { ...session, run, transaction }
    },
  }
  const etl = etlOf(watched)
  const id = await etl.start({ from: FROM, to: FROM }, 'operator', ['silver.orders_clean'])
  await etl.idle()
  const { state, error } = (await etl.run(id)) ?? {}
  assert.deepEqual({ state, error }, { state: 'done', error: null })
  await loading
  assert.deepEqual(order.slice(0, 2), ['committed', 'loaded'])
})

test('a table is of another shape, too, where its money has other places', async () => {
  await using store = snowflakeStore()
  await using far = store.open()
  using session = await far.session()
  await session.run('create schema if not exists etl')
  const typeOf = async (sql: string) => (await columnsOf(session, sql)).map(({ column_type: type }) => type)
  assert.notDeepEqual(await typeOf('select cast(1 as decimal(18, 2)) as a'), await typeOf('select cast(1 as decimal(18, 4)) as a'))
  assert.deepEqual(await typeOf(`select cast(1 as decimal(18, 2)) as a, 'x' as b`), ['NUMBER(18, 2)', 'TEXT'])
})
