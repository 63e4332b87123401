import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { ATTRIBUTED, CLICKS, ORDERS, RAW_TOPICS, type Ad, type Food, type RawTopic } from '@flowguard/contract'
import type { BatchEngine } from '../../packages/pipeline/src/etl/engine.ts'
import { createEtl } from '../../packages/pipeline/src/etl/etl.ts'
import { MODELS } from '../../packages/pipeline/src/etl/fixture.ts'
import type { RunDetail } from '../../packages/pipeline/src/etl/store.ts'
import { ROOT } from '../../packages/pipeline/src/kernel/config.ts'
import { silentLogger } from '../../packages/pipeline/src/kernel/logging.ts'
import { folderLake } from '../../packages/pipeline/src/lake/adapters/folder.ts'
import { duckdbParquet } from '../../packages/pipeline/src/lake/adapters/parquet-duckdb.ts'
import { lake } from '../../packages/pipeline/src/lake/lake.ts'
import { mirrorIn } from '../../packages/pipeline/src/loader/mirror.ts'
import { groups } from '../../packages/pipeline/src/ops/groups.ts'
import { openMachine, T0, temporaryFolder } from '../../packages/pipeline/src/ops/fixture.ts'
import type { Warehouse } from '../../packages/pipeline/src/warehouse/warehouse.ts'
import type { Sent } from './answers.ts'
import { REFERENCE } from './files.ts'
import { until } from './machine.ts'

const READ_MS_MAX = 600_000
/** A batch of the gateway's. */
const RECORDS_AT_ONCE = 500
const MONTH_MS = 30 * 86_400_000

/** What a record is, where it is no event that the gateway writes. */
export interface Written {
  topic: RawTopic
  key: string
  text: string
  hash?: string
  ts?: number
}

/** The event as the gateway writes it. */
export function written(sent: Sent): Written {
  const { event_id: id, event_type: type, timestamp, user_id: user, ...more } = sent
  const ts = Date.parse(timestamp)
  const base = {
    event_type: type,
    event_id: id,
    user_id: String(user),
    ts,
    timestamp,
    received_at: new Date(ts + 60).toISOString(),
    is_bot: false,
  }
  const order = type === 'order' ? { order_id: `o-${id}`, order_type: 'placed', price: 1, quantity: 1 } : {}
  return {
    topic: type === 'order' ? ORDERS : CLICKS,
    key: String(user),
    text: JSON.stringify({ ...base, ...order, ...more }),
    hash: `hash of ${id}`,
    ts,
  }
}

const RETAIL = REFERENCE !== undefined ? join(REFERENCE, 'online-retail') : join(ROOT, 'data/online-retail-cut')

/** A shop's invoices by their mapping, without what it refuses, and the figures of each of their days, worked out elsewhere. `all`: the year of them, where they are. */
export async function invoices(all: boolean): Promise<{ records: Written[]; perDay: Record<string, object> }> {
  const stem = all ? RETAIL : join(ROOT, 'data/online-retail-cut')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`create view input as select * from read_csv('${stem}.csv.gz', header = true, sample_size = -1)`)
  const mapping = readFileSync(join(ROOT, 'data/online-retail.sql'), 'utf8')
  const found = await connection.runAndReadAll(
    `select event_type, strftime(timestamp, '%Y-%m-%dT%H:%M:%S.000Z') as timestamp, user_id, item_id, item_name, quantity, price
     from (${mapping}) where reject_reason is null`,
  )
  const rows = found.getRowObjectsJson()
  connection.closeSync()
  instance.closeSync()
  const numbers = (row: (typeof rows)[number]) => ({
    item_id: Number(row['item_id']),
    price: Number(row['price']),
    quantity: Number(row['quantity']),
  })
  return {
    records: rows.map((row, at) => written({ ...row, event_id: `i${at}`, ...numbers(row) } as Sent)),
    perDay: (JSON.parse(readFileSync(`${stem}-expected.json`, 'utf8')) as { per_day: Record<string, object> }).per_day,
  }
}

interface DayFigures {
  order_lines: number
  total_items_sold: number
  total_revenue: string
  unique_users: number
  new_users: number
  returning_users: number
}

/** Of a warehouse, as the expected ones of the invoices are told. */
export async function figuresPerDay(warehouse: Warehouse): Promise<Record<string, DayFigures>> {
  using session = await warehouse.session()
  const rows = await session.rows<DayFigures & { day: string }>(
    `select date as day, order_count as order_lines, total_items_sold, cast(total_revenue as varchar) as total_revenue, unique_users, new_users, returning_users
     from gold.daily_gmv_metrics order by date`,
  )
  return Object.fromEntries(rows.map(({ day, ...figures }) => [day, figures]))
}

/** A data folder whose log, bronze and, if wanted, lake hold the records and their answers, with everybody level. */
export async function loadedFolder(records: readonly Written[], { hasLake = true } = {}) {
  const folder = temporaryFolder()
  const closing = new AsyncDisposableStack()
  closing.use(folder)
  const machine = closing.use(openMachine(folder.path))
  const files = folderLake(join(folder.path, 'lake'))
  const { raw, pipeline, warehouse } = machine
  const feeds = [
    { log: raw, topics: RAW_TOPICS },
    { log: pipeline.derived, topics: [ATTRIBUTED] as const },
  ]

  async function add(more: readonly Written[], nowMs: number) {
    machine.setTime(nowMs)
    for (let from = 0; from < more.length; from += RECORDS_AT_ONCE) {
      const batch = more.slice(from, from + RECORDS_AT_ONCE)
      for (const topic of [ORDERS, CLICKS] as const) {
        const own = batch.filter((each) => each.topic === topic)
        const given = own.map(({ key, text, hash }) => ({ key, value: text, headers: hash === undefined ? {} : { content_hash: hash } }))
        if (given.length > 0) await raw.append(topic, given)
      }
    }
  }

  async function levelled(what: string, of: (name: string) => boolean, running: Promise<void>): Promise<void> {
    await using stores = machine.stores()
    const latest = performance.now() + READ_MS_MAX
    const isLevel = async () => (await groups(stores)).readers.every(({ name, caught_up: isThere }) => isThere || !of(name))
    while (!(await isLevel())) {
      if (performance.now() > latest) throw new Error(`${what} does not catch up`)
      await Promise.race([running, wait(20)])
    }
  }

  /** Bronze, too. */
  async function read() {
    const stop = new AbortController()
    const running = machine.readUntil(stop.signal)
    await levelled('a reader', (name) => name !== 'lake', running)
    stop.abort()
    await running
  }

  async function writeLake() {
    const parquet = duckdbParquet(join(folder.path, 'lake.tmp'))
    const mirror = mirrorIn(pipeline.db, pipeline.path, 'lake')
    const stop = new AbortController()
    const running = lake({ files, parquet, feeds, mirror, rowsMax: 500_000, ageMs: 20, clock: Date.now, logger: silentLogger })(stop.signal)
    await Promise.race([until('the lake has begun', () => mirror.read().length > 0), running])
    await levelled('the lake', (name) => name === 'lake', running)
    stop.abort()
    await running
  }

  // Nobody's clock is behind an event, and then time passes, so that everything is answered.
  const latest = records.reduce((most, { ts = 0 }) => Math.max(most, ts), T0)
  await add(records, latest)
  await machine.heartbeat(latest - T0 + MONTH_MS)
  await read()
  if (hasLake) await writeLake()

  return {
    path: folder.path,
    machine,
    feeds,
    files,
    add,
    read,
    writeLake,
    /** Makes those days by that engine; resolves to the run. */
    run: (engine: BatchEngine | undefined, from: string, to: string, signal?: AbortSignal) => ran({ warehouse, engine }, from, to, signal),
    /** The first and the last day of orders. */
    async days(): Promise<[string, string]> {
      using session = await warehouse.session()
      const [found] = await session.rows<{ first: string; last: string }>(
        "select min(partition_date) as first, max(partition_date) as last from bronze.orders_raw where event_type <> 'invalid'",
      )
      return [found?.first ?? '', found?.last ?? '']
    },
    /** Keeps silver and gold as they are now, to be compared with. */
    async keep() {
      using session = await warehouse.session()
      await session.run('create schema if not exists kept')
      for (const { name } of MODELS) await session.run(`create or replace table kept.${name.replace('.', '_')} as select * from ${name}`)
    },
    /** Row by row, all columns, lists too: the rows there are of each table, where none differs from what was kept. */
    async assertAsKept(): Promise<Record<string, number>> {
      using session = await warehouse.session()
      const counts: Record<string, number> = {}
      for (const { name } of MODELS) {
        const kept = `kept.${name.replace('.', '_')}`
        const gone = await session.rows(`select * from ${kept} except all select * from ${name} order by all limit 3`)
        const come = await session.rows(`select * from ${name} except all select * from ${kept} order by all limit 3`)
        assert.deepEqual({ name, gone, come }, { name, gone: [], come: [] })
        const [found] = await session.rows<{ n: number }>(`select count(*) as n from ${name}`)
        counts[name] = found?.n ?? 0
      }
      return counts
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

/** Makes those days of a warehouse; resolves to the run. */
export async function ran(
  by: { warehouse: Warehouse; engine?: BatchEngine | undefined },
  from: string,
  to: string,
  signal = new AbortController().signal,
): Promise<RunDetail> {
  const reference = async () => ({ foods: FOODS, ads: ADS })
  const etl = createEtl({ ...by, models: MODELS, reference, awaited: async () => [], clock: Date.now, logger: silentLogger }, signal)
  const id = await etl.start({ from, to }, 'operator')
  await etl.idle()
  return (await etl.run(id))!
}

const FOODS: Food[] = [
  { food_id: 1, name: "Paneer's Best", category: 'North Indian', price: 100, description: '', image_url: '', is_available: true },
  { food_id: 2, name: 'Lassi', category: 'Beverages', price: 50.5, description: '', image_url: '', is_available: true },
]
const ADS = [
  { adId: 'ad-9', itemId: 1, campaignId: 'of-the-ad', advertiserId: 'adv-9', pricing: 'cpc', rate: 500, dailyBudget: 0 },
] as unknown as Ad[]
