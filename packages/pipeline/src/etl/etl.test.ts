import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { makeTables } from './chunk.ts'
import { MODELS, openWarehouse } from './fixture.ts'
import { parseModel } from './model.ts'
import { ETL_SCHEMA } from './schema.ts'
import { randomOf, timeline, type Given } from './timeline.fixture.ts'

const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
const SEEDS = IS_SOAK ? [1, 2, 3, 4, 5, 6] : [1]

for (const seed of SEEDS) {
  test(`loaded bit by bit, with runs of any days between, it comes to what one run of all makes (seed ${seed})`, async () => {
    const events = timeline(seed)
    await using atOnce = await openWarehouse()
    for (const { table, row } of events) await atOnce[table](row)
    await atOnce.run('2026-03-01', '2026-03-07')
    await using bitByBit = await openWarehouse()
    const random = randomOf(seed + 100)
    for (let at = 0; at < events.length;) {
      const until = at + 20 + random(40)
      for (const { table, row } of events.slice(at, until)) await bitByBit[table](row)
      at = until
      const from = 1 + random(7)
      await bitByBit.run(`2026-03-0${from}`, `2026-03-0${from + random(8 - from)}`)
    }
    await bitByBit.run()
    assert.deepEqual(await bitByBit.hashes(), await atOnce.hashes())
    // What is not in the catalogue is told, and that is all.
    assert.deepEqual(await bitByBit.rows(`select * from etl.checks where state = 'failed' and name not like 'references:%'`), [])
    await bitByBit.run('2026-03-01', '2026-03-07')
    assert.deepEqual(await bitByBit.hashes(), await atOnce.hashes(), 'twice gives the same')
  })
}

test('a late row reopens its day, and what hangs on it; today is left alone until it is asked for', async () => {
  await using w = await openWarehouse()
  w.at('2026-03-04T12:00:00Z')
  for (const day of ['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04']) await w.orders({ user_id: 'u', at: `${day} 10:00:00` })
  await w.run()
  assert.deepEqual((await w.rows('select date from etl.days order by date')).length, 3, 'today is not over')
  assert.deepEqual((await w.etl().plan(undefined)).days, [])
  await w.clicks({ user_id: 'u', at: '2026-03-02 10:00:00' })
  const plan = await w.etl().plan(undefined)
  assert.deepEqual(plan.days, [
    { date: '2026-03-02', why: 'stale', because: '1 more in bronze.clicks_raw since it was made', bronze_rows: 2 },
  ])
  const tables = Object.fromEntries(plan.tables.map(({ table, from, to, hanging }) => [table, [from, to, hanging]]))
  assert.deepEqual(tables['silver.user_sessions'], ['2026-03-02', '2026-03-03', 1])
  assert.equal(tables['gold.user_cohort_metrics'], undefined, 'no order has changed')
  await w.orders({ user_id: 'early', at: '2026-03-01 10:00:00' }, { user_id: 'early', at: '2026-03-03 10:00:00' })
  const run = await w.run('2026-03-04')
  assert.deepEqual(
    (await w.rows('select date, why from etl.run_days where run_id = 2 order by date')).map((row) => Object.values(row)),
    [
      ['2026-03-01', 'stale'],
      ['2026-03-02', 'stale'],
      ['2026-03-03', 'stale'],
      ['2026-03-04', 'asked for'],
    ],
  )
  assert.equal(run.days_done, 4)
})

test('two runs at once are refused, and the first goes on', async () => {
  await using w = await openWarehouse()
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' })
  const first = w.etl().start(undefined, 'schedule')
  await assert.rejects(w.etl().start(undefined, 'operator'), (error) => hasCode(error, 'etl_running'))
  await first
  await w.etl().idle()
  assert.deepEqual(
    (await w.etl().runs(10)).map(({ state, asked_by: askedBy }) => [state, askedBy]),
    [['done', 'schedule']],
  )
})

test('a run that was cut off is marked when the warehouse is opened again, and the next one makes what it left', async () => {
  await using w = await openWarehouse()
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' }, { user_id: 'u', at: '2026-03-02 10:00:00' })
  await w.run('2026-03-01', '2026-03-02')
  // As a process leaves it that dies in the midst of a run over days that were done before.
  await w.exec(
    `insert into etl.runs by name select 2 as run_id, started_at, 'running' as state, asked_by, from_date, to_date, true as is_level, 2 as days from etl.runs`,
  )
  await w.exec(`insert into etl.run_days select 2, date, why from etl.run_days`)
  await w.exec(`insert into etl.run_days values (2, '2026-03-03', 'asked for')`)
  await w.reopen()
  assert.deepEqual(
    (await w.etl().runs(10)).map(({ run_id: id, state }) => [id, state]),
    [
      [2, 'interrupted'],
      [1, 'done'],
    ],
  )
  assert.deepEqual(
    (await w.etl().plan(undefined)).days.map(({ date, why }) => [date, why]),
    [
      // A day without events, which counts all the same, in the cohorts.
      ['2026-03-03', 'interrupted'],
      ['2026-03-02', 'interrupted'],
      ['2026-03-01', 'interrupted'],
    ],
  )
  assert.equal((await w.run()).days_done, 3)
  const resumed = await w.hashes()
  await w.run('2026-03-01', '2026-03-03')
  assert.deepEqual(await w.hashes(), resumed)
  assert.deepEqual((await w.etl().plan(undefined)).days, [])
})

test('a long backfill is committed chunk by chunk: a week of the newest days first, then four times as many, up to a quarter', async () => {
  await using w = await openWarehouse()
  await w.orders({ user_id: 'u', at: '2026-01-01 10:00:00' }, { user_id: 'u', at: '2026-03-15 10:00:00' })
  const run = await w.run('2026-01-01', '2026-06-30')
  assert.equal(run.days_done, 181)
  const ofOrders = run.steps
    .filter((each) => each.model === 'silver.orders_clean')
    .map((each) => [each.from_date, each.to_date, each.days, each.rows_out])
    .toReversed()
    .toSorted((a, b) => (String(a[0]) < String(b[0]) ? 1 : -1))
  assert.deepEqual(ofOrders, [
    ['2026-06-24', '2026-06-30', 7, 0],
    ['2026-05-27', '2026-06-23', 28, 0],
    ['2026-02-24', '2026-05-26', 92, 1],
    ['2026-01-01', '2026-02-23', 54, 1],
  ])
})

test('rows that fail a check are counted, up to a hundred of them kept, and the run is done all the same', async () => {
  const picky = parseModel(
    'gold.picky',
    [
      '-- grain: one row an order. partition: date. reads: silver.orders_clean',
      '-- reopens: same day',
      '-- unique: user_id',
      '-- not_null: item_name, price where quantity > 1',
      '-- accepted: status in (placed, delivered)',
      '-- range: quantity 2..',
      '-- same_rows: bronze.clicks_raw by partition_date',
      '-- fresh: bronze.missing where true',
      'select * from silver.orders_clean where date between :from_date and :to_date',
    ]
      .filter((line) => !line.includes('missing'))
      .join('\n'),
  )
  await using w = await openWarehouse({ models: [...MODELS, picky] })
  await w.orders(...Array.from({ length: 102 }, () => ({ user_id: 'u', at: '2026-03-01 10:00:00' })), {
    user_id: 'v',
    at: '2026-03-01 10:00:00',
    status: 'cancelled',
    item_name: 'x',
    quantity: 2,
  })
  const run = await w.run('2026-03-01')
  assert.equal(run.state, 'done')
  assert.equal(run.checks_failed, 5)
  const failing = run.checks.filter((each) => each.model === 'gold.picky').map((each) => [each.name.split(':')[0], each.failing_rows])
  assert.deepEqual(failing, [
    ['accepted', 1],
    ['not_null', 102],
    ['range', 102],
    ['same_rows', 103],
    ['unique', 102],
  ])
  const kept = Object.groupBy(run.failed_rows, (each) => each.name.split(':')[0]!)
  assert.equal(kept['not_null']!.length, 100)
  assert.equal((JSON.parse(kept['accepted']![0]!.row_json) as Given)['status'], 'cancelled')
})

test('a model that fails leaves every table as it was, and the run says why', async () => {
  const broken = parseModel(
    'gold.broken',
    [
      '-- grain: one row a day. partition: date. reads: silver.orders_clean',
      '-- reopens: same day',
      '-- not_null: date',
      'select date, cast(user_id as integer) as n',
      'from silver.orders_clean where date between :from_date and :to_date',
    ].join('\n'),
  )
  await using w = await openWarehouse({ models: [...MODELS, broken] })
  await w.orders({ user_id: '1', at: '2026-03-01 10:00:00' })
  await w.run('2026-03-01')
  const before = await w.hashes()
  await w.orders({ user_id: 'no number', at: '2026-03-01 11:00:00' })
  const run = await w.run('2026-03-01')
  assert.equal(run.state, 'failed')
  assert.match(run.error ?? '', /no number/)
  assert.deepEqual(await w.hashes(), before)
})

test('a table of an older shape is made anew, from all days of bronze', async () => {
  await using w = await openWarehouse()
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' }, { user_id: 'u', at: '2026-03-02 10:00:00' })
  await w.run('2026-03-01', '2026-03-02')
  const before = await w.hashes()
  await w.exec('drop table gold.daily_gmv_metrics')
  await w.exec('create table gold.daily_gmv_metrics (date date, revenue double)')
  await w.reopen()
  await w.run('2026-03-02')
  assert.deepEqual(await w.hashes(), before)
})

/** Where a zone could show: days, hours, sessions over midnight, times as clients send them. */
const ZONED = IS_SOAK
  ? { pattern: '.', count: 14 }
  : { pattern: '^(clicks_clean|user_sessions|daily_gmv_metrics|hourly_order_patterns):', count: 5 }

test('the models come to the same where the machine’s own zone is not UTC', () => {
  const files = ['silver.test.ts', 'gold.test.ts'].map((name) => join(import.meta.dirname, name))
  const flags = ['--disable-warning=ExperimentalWarning', '--test', '--test-isolation=none', `--test-name-pattern=${ZONED.pattern}`]
  const child = spawnSync(process.execPath, [...flags, ...files], {
    env: { ...process.env, TZ: 'Asia/Kolkata', NODE_TEST_CONTEXT: undefined },
    encoding: 'utf8',
  })
  assert.equal(child.status, 0, child.stdout)
  assert.match(child.stdout, new RegExp(`pass ${ZONED.count}\\b`))
})

test('no column is added in a way that Snowflake refuses, and runs of a file without the newer ones are shown', async () => {
  assert.deepEqual(
    ETL_SCHEMA.filter((sql) => /add column if not exists/.test(sql) && /default/.test(sql)),
    [],
  )
  await using w = await openWarehouse()
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' })
  await w.run('2026-03-01')
  for (const column of ['days_kept_out', 'tables']) await w.exec(`alter table etl.runs drop column ${column}`)
  await w.reopen()
  assert.deepEqual(
    (await w.etl().runs(1)).map((run) => [run.state, run.days_kept_out, run.tables]),
    [['done', 0, null]],
  )
  const { days_kept_out: kept } = await w.run('2026-03-01')
  assert.equal(kept, 0)
})

test('where every table is a transaction of its own, one cut off in the middle leaves no day that counts as made', async () => {
  await using w = await openWarehouse()
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' })
  await w.run('2026-03-01')
  const [first, second] = MODELS
  for (const model of [first, second]) await w.exec(`alter table ${model!.name} add column of_before bigint`)
  const session = w.session()
  const cutOff = {
    ...session,
    async run(sql: string) {
      if (sql.startsWith(`create table ${second!.name}`)) throw new Error('cut off')
      return session.run(sql)
    },
  }
  await assert.rejects(makeTables(cutOff, MODELS), /cut off/)
  assert.deepEqual(await w.rows('select date from etl.days'), [])
  await makeTables(session, MODELS)
  assert.deepEqual((await w.etl().plan(undefined)).days.length, 1, 'it is due')
  await w.run()
  assert.equal((await w.rows('select date from gold.daily_gmv_metrics')).length, 1)
})

test('while another process makes the tables, this one writes nothing', async () => {
  let isHeld = true
  await using w = await openWarehouse({
    hold() {
      if (isHeld) throw new FlowGuardError('warehouse_held', 'planted')
    },
  })
  await assert.rejects(w.etl().runs(1), (error) => hasCode(error, 'warehouse_held'))
  await assert.rejects(w.etl().start(undefined, 'operator'), (error) => hasCode(error, 'warehouse_held'))
  assert.deepEqual(await w.rows(`select 1 as found from information_schema.tables where table_schema = 'etl'`), [])
  isHeld = false
  assert.deepEqual(await w.etl().runs(1), [])
})
