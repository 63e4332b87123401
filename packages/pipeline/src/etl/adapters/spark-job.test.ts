import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ATTRIBUTED, CLICKS, ORDERS } from '@flowguard/contract'
import type { LoadedTopic } from '../../warehouse/schema.ts'
import { openWarehouse } from '../fixture.ts'
import { parseModel } from '../model.ts'
import { bronzeSelect, bronzeTopics } from './spark-bronze.ts'
import { sparkJob, wanted } from './spark-job.ts'

const stretch = (from: string, to = from) => ({ from, to })

function model(name: string, reads: string, reopens: string, from: string) {
  return parseModel(
    name,
    `-- grain: one row a day. partition: date. reads: ${reads}
-- reopens: ${reopens}
-- not_null: date
--
-- For a test.
select date, texts('a') as list from ${from} where date between :from_date and :to_date`,
  )
}

const CLEAN = model('silver.clean', 'bronze.orders_raw, ref.foods', 'same day', 'bronze.orders_raw, ref.foods')
const VISITS = model('silver.visits', 'silver.clean', 'open sessions, next day', 'silver.clean')
const DAILY = model('gold.daily', 'silver.clean, etl.days', 'later days', 'silver.clean, etl.days')
const FUNNEL = model('gold.funnel', 'silver.visits', 'same day', 'silver.visits')

test('the warehouse gives what is read and not made: reference as it is, of silver the days that are looked at and stay', () => {
  const days = [stretch('2026-03-05', '2026-03-06')]
  const given = (...models: (typeof CLEAN)[]) => Object.fromEntries(wanted(models.map((each) => ({ model: each, stretches: days }))))
  assert.deepEqual(given(CLEAN, FUNNEL), {
    'ref.foods': 'select * from ref.foods',
    'silver.visits': "select * from silver.visits where ((date >= date '2026-03-05' and date <= date '2026-03-06')) and not (false)",
  })
  const made = "not ((date between date '2026-03-05' and date '2026-03-06'))"
  assert.equal(given(CLEAN, VISITS)['silver.clean'], `select * from silver.clean where ((date >= date '2026-03-04' and true)) and ${made}`)
  assert.equal(given(CLEAN, DAILY)['silver.clean'], `select * from silver.clean where ((true and date <= date '2026-03-06')) and ${made}`)
})

test('a job names each table as Spark knows it, its stretches each by its days, and only the files that it was given', () => {
  const tables = [
    { model: CLEAN, stretches: [stretch('2026-03-01'), stretch('2026-03-05')] },
    { model: DAILY, stretches: [stretch('2026-03-01', '2026-03-05')] },
  ]
  const lake = new Map([
    [ORDERS as LoadedTopic, { held: [{ partition: 2, first: 10, last: 19 }], files: ['topic=raw.orders.v1/a.parquet'] }],
  ])
  const at = { lake: 's3a://bucket/lake', exchange: 's3a://bucket/lake/_spark/tag' }
  const job = sparkJob({ name: 'a run', master: 'local', conf: {}, tables, lake, at })
  assert.deepEqual(
    job.given.map(({ view, paths }) => [view, paths]),
    [
      ['bronze_orders_raw', ['s3a://bucket/lake/topic=raw.orders.v1/a.parquet']],
      ['ref_foods', ['s3a://bucket/lake/_spark/tag/in/ref.foods.parquet']],
      ['etl_days', ['s3a://bucket/lake/_spark/tag/in/etl.days.parquet']],
    ],
  )
  assert.match(job.given[0]?.sql ?? '', /where \(partition = 2 and offset between 10 and 19\)\)$/)
  assert.deepEqual(
    job.models.map(({ name, view, before, parts }) => [name, view, before?.paths, parts.map(({ out }) => out)]),
    [
      [
        'silver.clean',
        'silver_clean',
        ['s3a://bucket/lake/_spark/tag/in/silver.clean.parquet'],
        ['s3a://bucket/lake/_spark/tag/out/silver.clean/2026-03-01', 's3a://bucket/lake/_spark/tag/out/silver.clean/2026-03-05'],
      ],
      ['gold.daily', undefined, undefined, ['s3a://bucket/lake/_spark/tag/out/gold.daily/2026-03-01']],
    ],
  )
  assert.equal(
    job.models[0]?.parts[1]?.sql,
    "select date, filter(array('a'), each -> each is not null) as list from bronze_orders_raw, ref_foods where date between date '2026-03-05' and date '2026-03-05'",
  )
})

test("of the lake's rows Spark has every column of bronze, but for when a row was loaded", async () => {
  await using warehouse = await openWarehouse()
  for (const [topic, table] of bronzeTopics) {
    const columns = await warehouse.rows<{ column_name: string }>(`select column_name from (describe ${table})`)
    const select = bronzeSelect(topic, [], 'rows')
    const found = [...select.slice(0, select.indexOf('from (select *')).matchAll(/ as (\w+)(?=,|\s*$)/g)].map(([, name]) => name as string)
    assert.deepEqual(
      found.toSorted((a, b) => (a < b ? -1 : 1)),
      columns
        .map(({ column_name: name }) => name)
        .filter((name) => name !== 'ingestion_timestamp')
        .toSorted(),
      topic,
    )
    assert.match(select, /where false\)$/, 'of nothing held, nothing')
  }
  assert.match(bronzeSelect(CLICKS, [], 'rows'), /coalesce\(event_type, 'invalid'\) as event_type/)
  assert.match(
    bronzeSelect(ATTRIBUTED, [], 'rows'),
    /click struct<event_id: string, ad_id: string, campaign_id: string, timestamp: string>/,
  )
})
