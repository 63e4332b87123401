/** One measurement of bench/gold-measures.ts: fills bronze, or runs the ETL over it, and says what that took. */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { createEtl } from '../packages/pipeline/src/etl/etl.ts'
import { readModels } from '../packages/pipeline/src/etl/model.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { silentLogger } from '../packages/pipeline/src/kernel/logging.ts'
import { openDuckdb } from '../packages/pipeline/src/warehouse/adapters/duckdb.ts'
import { BRONZE_SCHEMA } from '../packages/pipeline/src/warehouse/schema.ts'
import type { Warehouse } from '../packages/pipeline/src/warehouse/warehouse.ts'

export interface Order {
  what: 'fill' | 'run'
  path: string
  count: number
  days: number
  /** The file stays, with what was made. */
  isKept?: boolean
}

export interface Made {
  seconds: number
  silverSeconds: number
  /** With its checks and the commit. */
  goldSeconds: number
  /** Of both: without checks and commits. */
  tableSeconds: number
  cpuSeconds: number
  rssMax: number
  slowest: string
}

const [FIRST, FOODS] = ['2026-03-01', 100]
const [USERS, ADS_A_FOOD, CAMPAIGNS] = [20_000, 3, 30]

/** In the order of time, and a user's in bursts of eight, as visits are. A thousandth of the clicks are repeats, a hundredth bots'. */
const rows = (count: number, days: number, seed: number) => `(
  select i, cast(hash(i // 64 * 8 + i % 8) >> 2 as bigint) % ${USERS} as u, h % ${FOODS} + 1 as item, h // ${FOODS} as h, timestamp '${FIRST}' + to_microseconds(1000 * cast(floor(i * ${days * 86_400_000 - 1} / ${count}) as bigint)) as t
  from (select i, cast(hash(i * 31 + ${seed}) >> 2 as bigint) as h from range(${count}) as r(i)))`
const meta = (
  topic: string,
  partitions: number,
) => `t + interval 60 millisecond as received_at, strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ') as client_timestamp, t as event_timestamp,
  '${topic}' as source_topic, cast(u % ${partitions} as integer) as source_partition, i as source_offset, 'log/${topic}-' || u % ${partitions} || '-' || i as ingestion_id,
  t + interval 70 millisecond as appended_at, cast(t as date) as partition_date, md5(cast(i as varchar)) as content_hash, '1' as schema_version`

async function fill({ path, count, days }: Order): Promise<void> {
  const orders = Math.floor(count / 6)
  const instance = await DuckDBInstance.create(path, { threads: '2', memory_limit: '1GB', storage_compatibility_version: 'latest' })
  const connection = await instance.connect()
  const statements = [
    ...BRONZE_SCHEMA,
    `insert into bronze.clicks_raw by name select case when i % 1000 in (991, 999) then 'again-' || i // 1000 else cast(uuid() as varchar) end as event_id, 'user-' || u as user_id,
       case when i % 5 < 3 then 'impression' else 'click' end as event_type, item as item_id, 'ad-' || item || '-' || h % ${ADS_A_FOOD} as ad_id, 'campaign-' || item % ${CAMPAIGNS} as ad_campaign_id,
       'native' as ad_type, 'mobile' as device_type, 'Mumbai' as city, h % 100 = 0 as is_bot, ${meta('raw.clicks.v1', 6)} from ${rows(count - orders, days, 1)}`,
    `insert into bronze.orders_raw by name select 'order-' || i as event_id, 'order-' || i as order_id, 'user-' || u as user_id, item as item_id, 100 + item as price, 1 + h % 3 as quantity,
       'placed' as status, 'order' as event_type, false as is_bot, ${meta('raw.orders.v1', 3)} from ${rows(orders, days, 2)}`,
    `insert into bronze.attributed_raw by name select event_id as order_event_id, 'attributed' as event_type, event_timestamp as order_timestamp, partition_date, 'click-' || source_offset as click_event_id,
       'ad-' || item_id || '-0' as ad_id, 'campaign-' || item_id % ${CAMPAIGNS} as campaign_id, event_timestamp - interval 5 minute as click_timestamp, 300000 as lag_ms
     from bronze.orders_raw where source_offset % 3 = 0`,
  ]
  for (const sql of statements) await connection.run(sql)
  connection.disconnectSync()
  instance.closeSync()
}

async function run({ path, days }: Order): Promise<Made> {
  const tempDir = `${path}.tmp`
  await using warehouse = openDuckdb({ path, tempDir, memoryMb: 1_024, threads: 1 })
  const foods = Array.from({ length: FOODS }, (_, at) => ({
    food_id: at + 1,
    name: `Dish ${at + 1}`,
    category: `Category ${at % 9}`,
    price: 101 + at,
    description: '',
    image_url: '',
    is_available: true,
  }))
  const models = readModels(join(ROOT, 'packages/pipeline/models'))
  const reference = async () => ({ foods, ads: [] })
  const stop = new AbortController()
  const etl = createEtl({ warehouse, models, reference, awaited: async () => [], clock: Date.now, logger: silentLogger }, stop.signal)
  await etl.runs(1)
  const before = { at: performance.now(), cpu: process.cpuUsage() }
  const to = new Date(Date.parse(FIRST) + (days - 1) * 86_400_000).toISOString().slice(0, 10)
  const id = await etl.start({ from: FIRST, to }, 'operator')
  await etl.idle()
  const seconds = (performance.now() - before.at) / 1_000
  const { user, system } = process.cpuUsage(before.cpu)
  const rssMax = process.resourceUsage().maxRSS * 1_024
  const found = await etl.run(id)
  if (found?.state !== 'done' || found.checks_failed > 0)
    throw new Error(`the run is ${found?.state}, ${found?.checks_failed} checks failed: ${found?.error}`)
  await repeatsFound(warehouse)
  const layer = { silver: 0, gold: 0 }
  const ended = Date.parse(found.ended_at ?? '')
  for (const [at, { model, started_at: began }] of found.steps.entries()) {
    // Until the next one began: so its checks count too.
    const next = found.steps[at + 1]?.started_at
    layer[model.startsWith('gold.') ? 'gold' : 'silver'] += ((next === undefined ? ended : Date.parse(next)) - Date.parse(began)) / 1_000
  }
  const slowest = found.steps
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, 3)
    .map((each) => `${each.model} ${each.seconds.toFixed(1)}`)
  return {
    seconds,
    silverSeconds: layer.silver,
    goldSeconds: layer.gold,
    tableSeconds: found.steps.reduce((sum, step) => sum + step.seconds, 0),
    cpuSeconds: (user + system) / 1e6,
    rssMax,
    slowest: slowest.join(', '),
  }
}

/** A measurement of silver counts for nothing where it missed the repeats that were put in. */
async function repeatsFound(warehouse: Warehouse): Promise<void> {
  using session = await warehouse.session()
  const [found] = await session.rows<{ put: number; flagged: number }>(
    `select (select count(*) - count(distinct (user_id, event_id)) from bronze.clicks_raw where event_id like 'again-%') as put,
       (select count(*) from silver.clicks_clean where is_duplicate) as flagged`,
  )
  if (!found || found.put === 0 || found.put !== found.flagged)
    throw new Error(`of ${found?.put} repeats silver has flagged ${found?.flagged}`)
}

const [order] = (await once(process, 'message')) as [Order]
if (order.what === 'fill') {
  await fill(order)
  process.send?.({ seconds: 0, silverSeconds: 0, goldSeconds: 0, tableSeconds: 0, cpuSeconds: 0, rssMax: 0, slowest: '' } satisfies Made)
} else {
  const made = await run(order)
  process.send?.(made)
  if (!order.isKept) rmSync(order.path, { force: true })
}
process.disconnect()
