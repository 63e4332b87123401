import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { BRONZE_SCHEMA } from '../warehouse/schema.ts'
import { openWarehouse } from './fixture.ts'
import type { RunDetail } from './store.ts'

/** Real events with answers that were worked out elsewhere: not part of the repository. */
const FOLDER = process.env['FLOWGUARD_REFERENCE_DATA']
const skip = FOLDER !== undefined && existsSync(FOLDER) ? false : 'FLOWGUARD_REFERENCE_DATA names no folder with the reference data'
const file = (name: string) => join(FOLDER ?? '', name)
const expected = <T>(name: string) => JSON.parse(readFileSync(file(name), 'utf8')) as T

/** A warehouse whose bronze was filled from a file, past the port, which reads no files. */
const loadedBy = (statements: readonly string[]) => async (path: string) => {
  const instance = await DuckDBInstance.create(path, { threads: '2', memory_limit: '1GB', storage_compatibility_version: 'latest' })
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'")
  for (const sql of [...BRONZE_SCHEMA, ...statements]) await connection.run(sql)
  connection.disconnectSync()
  instance.closeSync()
}

/** Their dishes and ads are not those of the catalogue, and their days are as uneven as they were: both only warn. */
const unexpected = ({ checks }: RunDetail) => checks.filter(({ state, name }) => state === 'failed' && !/^(references|volume): /.test(name))

const EVENTS = `{event_type: 'varchar', event_id: 'varchar', timestamp: 'timestamp', user_id: 'varchar', ad_id: 'varchar', item_id: 'bigint',
  ad_campaign_id: 'varchar', price: 'decimal(18,2)', quantity: 'bigint'}`
const META = `timestamp as event_timestamp, timestamp as received_at, timestamp as appended_at, cast(timestamp as date) as partition_date, false as is_bot, 0 as source_partition,
  row_number() over () as source_offset`

const fromEvents = (name: string) =>
  loadedBy([
    `create temp table events as select * from read_json('${file(name)}', format = 'newline_delimited', columns = ${EVENTS})`,
    `insert into bronze.clicks_raw by name select event_type, event_id, user_id, ad_id, item_id, ad_campaign_id, ${META} from events where event_type in ('click', 'impression')`,
    `insert into bronze.orders_raw by name select event_type, event_id, event_id as order_id, user_id, item_id, price, coalesce(quantity, 1) as quantity, 'placed' as status, ${META}
     from events where event_type = 'order'`,
    // The last click of the same user and item in the half hour before, as plainly as it can be asked for.
    `insert into bronze.attributed_raw by name
     select 'attributed' as event_type, o.event_id as order_event_id, o.event_timestamp as order_timestamp, o.partition_date, c.event_id as click_event_id, c.ad_id,
       c.event_timestamp as click_timestamp, epoch_ms(o.event_timestamp) - epoch_ms(c.event_timestamp) as lag_ms
     from bronze.orders_raw o join bronze.clicks_raw c on c.user_id = o.user_id and c.item_id = o.item_id and c.event_type = 'click'
       and c.event_timestamp between o.event_timestamp - interval 30 minute and o.event_timestamp
     qualify row_number() over (partition by o.event_id order by c.event_timestamp desc, c.event_id desc) = 1`,
  ])

interface Taobao {
  sessions_30min_gap: number
  sessions_by_utc_day_of_start: Record<string, number>
  attributed_per_utc_day: Record<string, number>
  orders_per_utc_day: Record<string, number>
  gmv_per_utc_day: Record<string, number>
}

test('taobao: sessions, orders, revenue and attributed orders of every day', { skip }, async () => {
  const answers = expected<Taobao>('taobao-expected.json')
  await using w = await openWarehouse({ prepare: fromEvents('taobao-events.ndjson.gz') })
  assert.deepEqual(unexpected(await w.run('2017-09-01', '2017-12-03')), [])
  const perDay = async (what: string) =>
    Object.fromEntries((await w.rows<{ date: string; n: number }>(`select date, ${what}`)).map(({ date, n }) => [date, Number(n)]))
  const sessions = await perDay('count(*) as n from silver.user_sessions group by date order by date')
  assert.deepEqual(sessions, answers.sessions_by_utc_day_of_start)
  assert.equal(
    Object.values(sessions).reduce((sum, each) => sum + each, 0),
    answers.sessions_30min_gap,
  )
  assert.deepEqual(await perDay('order_count as n from gold.daily_gmv_metrics order by date'), answers.orders_per_utc_day)
  assert.deepEqual(await perDay('total_revenue as n from gold.daily_gmv_metrics order by date'), answers.gmv_per_utc_day)
  assert.deepEqual(
    await perDay('sum(attributed_orders) as n from gold.ad_attribution group by date having n > 0 order by date'),
    answers.attributed_per_utc_day,
  )
})

type Shown = Record<string, { impressions: number; clicks: number; ctr: number }>

test('zozo: impressions, clicks and CTR by campaign, day and item', { skip }, async () => {
  const answers = expected<{ by_campaign: Shown; by_utc_day: Shown; by_item_id: Shown }>('zozo-expected.json')
  await using w = await openWarehouse({ prepare: fromEvents('zozo-events.ndjson.gz') })
  assert.deepEqual(unexpected(await w.run('2019-11-24', '2019-12-01')), [])
  const shownBy = async (what: string) => {
    const rows = await w.rows<{ key: string; impressions: number; clicks: number; ctr: number }>(
      `select cast(${what} as varchar) as key, sum(impressions) as impressions, sum(clicks) as clicks, round(sum(clicks) / sum(impressions), 6) as ctr
       from gold.ad_attribution group by all order by key`,
    )
    return Object.fromEntries(rows.map(({ key, ...shown }) => [key, shown]))
  }
  assert.deepEqual(await shownBy('campaign_id'), answers.by_campaign)
  assert.deepEqual(await shownBy('date'), answers.by_utc_day)
  assert.deepEqual(await shownBy('item_id'), answers.by_item_id)
  const funnel = await w.rows<{ key: string; impressions: number; clicks: number; ctr: number }>(
    `select cast(date as varchar) as key, total_impressions as impressions, total_clicks as clicks, round(click_through_rate, 6) as ctr from gold.user_funnel_metrics`,
  )
  assert.deepEqual(Object.fromEntries(funnel.map(({ key, ...shown }) => [key, shown])), answers.by_utc_day)
  const [items] = await w.rows(
    `select count(*) as wrong from gold.food_item_performance where click_through_rate <> click_count / impression_count`,
  )
  assert.deepEqual(items, { wrong: 0 })
})

interface Retail {
  gmv: string
  per_day: Record<string, Record<string, number | string>>
  peak_hour_by_order_lines_first_10_days: Record<string, { hour: number; order_lines: number }>
}

test('online retail: lines, items, revenue, unique, new and returning users of every day, to the penny', { skip }, async () => {
  const answers = expected<Retail>('online-retail-expected.json')
  const prepare = loadedBy([
    `create temp table lines as select *, InvoiceDate as timestamp from read_csv('${file('online-retail.csv.gz')}', header = true, types = {'CustomerID': 'varchar',
       'InvoiceNo': 'varchar', 'StockCode': 'varchar', 'UnitPrice': 'decimal(18,4)', 'InvoiceDate': 'timestamp', 'Quantity': 'bigint'})`,
    `insert into bronze.orders_raw by name select 'order' as event_type, 'line-' || row_number() over () as event_id, event_id as order_id,
       coalesce(split_part(CustomerID, '.', 1), 'guest-' || InvoiceNo) as user_id, dense_rank() over (order by StockCode) as item_id, UnitPrice as price, Quantity as quantity,
       'placed' as status, ${META} from lines where Quantity > 0 and UnitPrice >= 0.01 and InvoiceNo not like 'C%'`,
  ])
  await using w = await openWarehouse({ prepare })
  const run = await w.run('2010-12-01', '2011-12-09')
  assert.deepEqual(unexpected(run), [])
  const rows = await w.rows<{ date: string }>(
    `select date, order_count as order_lines, total_items_sold, cast(total_revenue as varchar) as total_revenue, unique_users, new_users, returning_users from gold.daily_gmv_metrics order by date`,
  )
  assert.deepEqual(Object.fromEntries(rows.map(({ date, ...day }) => [date, day])), answers.per_day)
  assert.deepEqual(await w.rows('select cast(sum(total_revenue) as varchar) as gmv from gold.daily_gmv_metrics'), [{ gmv: answers.gmv }])
  const peaks = await w.rows<{ date: string }>(
    `select date, hour_of_day as hour, order_count as order_lines from gold.hourly_order_patterns where peak_rank = 1 order by date limit 10`,
  )
  assert.deepEqual(Object.fromEntries(peaks.map(({ date, ...peak }) => [date, peak])), answers.peak_hour_by_order_lines_first_10_days)
})
