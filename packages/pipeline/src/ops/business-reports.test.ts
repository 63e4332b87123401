import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { APRIL_2, FORMULA, NEXT_SUNDAY, NOW, openBusiness, type Business } from './business.fixture.ts'
import { T0 } from './fixture.ts'
import { rendered } from '../etl/dialect.ts'
import { copiedTables } from '../warehouse/export.ts'
import { REPORTS, type ReportName } from './report-sql.ts'

let business: Business
before(async () => {
  business = await openBusiness()
})
after(() => business[Symbol.asyncDispose]())

test('where gold was never made the report says which days hold events', async () => {
  await business.happen()
  const { rows, fresh } = await business.report('gmv')
  assert.deepEqual(rows, [])
  assert.deepEqual(fresh, { made_at: null, loaded_through: null, days_made: 0, behind: { from: '2026-03-01', to: '2026-04-02', days: 3 } })
})

test('GMV, funnel, hours, cohorts and dishes are what was worked out by hand', async () => {
  await business.makeGold()
  const rowsOf = async (name: ReportName, columns: readonly string[], query?: string) => {
    const { rows, columns: told } = await business.report(name, query)
    return rows.map((row) => columns.map((column) => row[told.findIndex((each) => each.name === column)]))
  }
  assert.deepEqual(
    await rowsOf('gmv', ['date', 'total_revenue', 'order_count', 'avg_order_value', 'unique_users', 'new_users', 'revenue_growth_pct']),
    [
      ['2026-03-01', 200, 2, 100, 2, 2, null],
      ['2026-03-08', 310, 2, 155, 2, 1, null],
      ['2026-04-02', 87.25, 2, 43.63, 2, 1, null],
    ],
  )
  assert.deepEqual(
    await rowsOf('funnel', [
      'date',
      'total_impressions',
      'total_clicks',
      'attributed_orders',
      'total_orders',
      'click_through_rate',
      'conversion_rate',
    ]),
    [
      ['2026-03-01', 2, 2, 1, 2, 1, 0.5],
      ['2026-03-08', 0, 0, 0, 2, 0, 0],
      ['2026-04-02', 0, 0, 0, 2, 0, 0],
    ],
  )
  // Five Sundays and five Thursdays from 1 March to 2 April.
  assert.deepEqual(
    await rowsOf('hours', ['weekday', 'hour_of_day', 'order_count', 'total_revenue', 'avg_order_value', 'days', 'orders_a_day']),
    [
      [4, 12, 2, 87.25, 43.63, 5, 0.4],
      [7, 12, 3, 410, 136.67, 5, 0.6],
      [7, 13, 1, 100, 100, 5, 0.2],
    ],
  )
  // Of three in March one came back in April; March's cohort is whole although the range begins after its first order.
  const cohorts = [
    ['2026-03', 3, 0, 3, 1, 4, 510, true],
    ['2026-03', 3, 1, 1, 1 / 3, 1, 80, false],
    ['2026-04', 1, 0, 1, 1, 1, 7.25, false],
  ]
  const columns = REPORTS.cohorts.columns.map(({ name }) => name)
  assert.deepEqual(await rowsOf('cohorts', columns), cohorts)
  assert.deepEqual(await rowsOf('cohorts', columns, '?from=2026-03-20&to=2026-04-02'), cohorts)
  assert.deepEqual(
    await rowsOf('dishes', [
      'item_id',
      'item_name',
      'total_orders',
      'total_revenue',
      'avg_order_value',
      'impression_count',
      'click_count',
      'click_through_rate',
      'conversion_rate',
    ]),
    [
      [1, null, 3, 480, 160, 2, 1, 0.5, 1],
      [2, 'Idli, steamed', 2, 110, 55, 0, 1, 0, 0],
      [3, FORMULA, 1, 7.25, 7.25, 0, 0, 0, 0],
    ],
  )
  const shares = await rowsOf('dishes', ['revenue_share'])
  assert.ok(Math.abs(Number(shares[0]?.[0]) - 480 / 597.25) < 1e-9)
})

test('a month in which nobody came back is 0, and one of which no day was made is not there', async () => {
  const { rows } = await business.report('cohorts', '?from=2026-03-01&to=2026-05-31')
  assert.deepEqual(
    rows.map((row) => [row[0], row[2]]),
    [
      ['2026-03', 0],
      ['2026-03', 1],
      ['2026-04', 0],
    ],
  )
  using session = await business.machine.warehouse.session()
  await session.run(`insert into etl.days select date '2026-05-01', 1, timestamp '2026-05-02', 0, 0, 0`)
  await session.run(`insert into gold.user_cohort_metrics select date '2026-05-01' as date, * exclude (date) replace (0 as orders_this_period, 0 as revenue_this_period)
    from gold.user_cohort_metrics where date = date '2026-04-02'`)
  const later = await business.report('cohorts', '?from=2026-03-01&to=2026-05-31')
  await session.run(`delete from etl.days where date = date '2026-05-01'`)
  await session.run(`delete from gold.user_cohort_metrics where date = date '2026-05-01'`)
  assert.deepEqual(
    later.rows.filter((row) => row[2] === 2 || row[0] === '2026-04').map((row) => [row[0], row[2], row[3], row[4]]),
    [
      ['2026-03', 2, 0, 0],
      ['2026-04', 0, 1, 1],
      ['2026-04', 1, 0, 0],
    ],
  )
})

test('a report says when it was made, from events through when, and which days have newer ones', async () => {
  const made = {
    made_at: new Date(NOW).toISOString(),
    loaded_through: new Date(T0 + APRIL_2 + 1_000).toISOString(),
    days_made: 33,
    behind: null,
  }
  assert.deepEqual((await business.report('gmv')).fresh, made)
  assert.deepEqual((await business.report('gmv', '?from=2026-03-02&to=2026-03-09')).fresh, {
    ...made,
    loaded_through: new Date(T0 + NEXT_SUNDAY + 1_000).toISOString(),
    days_made: 8,
  })
  await business.machine.click({ id: 'late', at: NEXT_SUNDAY })
  await business.machine.read()
  assert.deepEqual((await business.report('dishes')).fresh, { ...made, behind: { from: '2026-03-08', to: '2026-03-08', days: 1 } })
})

test('every report tells its columns as its statement has them', async () => {
  const { reports } = (await business.ask<{ reports: { name: ReportName; columns: unknown[] }[] }>('reports')).json()
  assert.deepEqual(
    reports.map(({ name }) => name),
    ['gmv', 'funnel', 'hours', 'cohorts', 'dishes'],
  )
  for (const { name, columns } of reports) {
    const { columns: asked } = await business.query(rendered(REPORTS[name].sql('2026-03-01', '2026-04-02'), 'duckdb'), {
      rowsMax: 1,
      timeoutMs: 5_000,
    })
    assert.deepEqual(
      asked.map((each) => each.name),
      REPORTS[name].columns.map((each) => each.name),
    )
    assert.deepEqual(columns, REPORTS[name].columns)
  }
})

test('a report is as old as the latest of its days, and knows nothing of events that do not count', async () => {
  using session = await business.machine.warehouse.session()
  const before = (await business.report('gmv')).fresh
  await session.run(`update etl.days set computed_at = timestamp '2026-03-20 00:00:00' where date = date '2026-03-08'`)
  assert.equal((await business.report('gmv')).fresh.made_at, before.made_at)
  assert.equal((await business.report('gmv', '?from=2026-03-08&to=2026-03-08')).fresh.made_at, '2026-03-20T00:00:00.000Z')
  await session.run(`update etl.days set computed_at = timestamp '${before.made_at!.slice(0, 19)}' where date = date '2026-03-08'`)
  const column = `event_timestamp = timestamp '2026-04-02 23:00:00'`
  await session.run(`create temp table kept as select * from silver.orders_clean where date = date '2026-04-02'`)
  await session.run(`update silver.orders_clean set is_valid = false, ${column} where date = date '2026-04-02'`)
  await session.run(`update silver.clicks_clean set is_valid = false, ${column} where date = date '2026-04-02'`)
  assert.equal((await business.report('gmv', '?from=2026-04-02&to=2026-04-02')).fresh.loaded_through, null)
  await session.run(`delete from silver.orders_clean where date = date '2026-04-02'`)
  await session.run('insert into silver.orders_clean select * from kept')
})

test('of cohorts there are those of the months asked for, with what was ordered in the days asked for', async () => {
  const told = async (query: string) => (await business.report('cohorts', query)).rows.map((row) => [row[0], row[2], row[5]])
  assert.deepEqual(await told('?from=2026-04-01&to=2026-04-02'), [['2026-04', 0, 1]])
  assert.deepEqual(await told('?from=2026-03-01&to=2026-03-05'), [['2026-03', 0, 2]])
  assert.deepEqual(await told('?from=2026-03-01&to=2026-03-31'), [['2026-03', 0, 4]])
})

test('a month is whole once every day of it was made, and its last when it was over', async () => {
  using session = await business.machine.warehouse.session()
  const isWhole = async () => (await business.report('cohorts', '?from=2026-03-01&to=2026-03-31')).rows.map((row) => row[7])
  await session.run('create temp table kept_days as select * from etl.days')
  assert.deepEqual(await isWhole(), [true])
  await session.run(`delete from etl.days where date = date '2026-03-17'`)
  assert.deepEqual(await isWhole(), [false], 'a day is missing')
  await session.run('delete from etl.days')
  await session.run('insert into etl.days select * from kept_days')
  const lastMade = (at: string) => session.run(`update etl.days set computed_at = timestamp '${at}' where date = date '2026-03-31'`)
  await lastMade('2026-03-31 12:00:00')
  assert.deepEqual(await isWhole(), [false], 'at noon of its last day')
  await lastMade('2026-04-01 00:00:00')
  assert.deepEqual(await isWhole(), [true])
  assert.deepEqual(
    (await business.report('cohorts', '?from=2026-03-01&to=2026-03-30')).rows.map((row) => row[7]),
    [false],
  )
})

test('a day of which some tables are yet to be made is behind, and where it was never made whole it does not count', async () => {
  using session = await business.machine.warehouse.session()
  const DAY = '2026-04-02'
  const ofDay = async () => (await business.report('gmv', `?from=${DAY}&to=${DAY}`)).fresh
  const hours = async () => (await business.report('hours', `?from=2026-03-26&to=${DAY}`)).rows.map((row) => [row[0], row[5]])
  assert.deepEqual([(await ofDay()).days_made, (await ofDay()).behind], [1, null])
  const before = await hours()
  assert.deepEqual(before, [[4, 2]])
  await session.run(`insert into etl.parts (date, model, day) values (date '${DAY}', 'gold.daily_gmv_metrics', date '${DAY}')`)
  const behind = { from: DAY, to: DAY, days: 1 }
  assert.deepEqual([(await ofDay()).days_made, (await ofDay()).behind], [1, behind], 'made again in part: what it had is there')
  assert.deepEqual(await hours(), before)
  await session.run(`update etl.days set computed_at = null where date = date '${DAY}'`)
  assert.deepEqual([(await ofDay()).days_made, (await ofDay()).made_at, (await ofDay()).behind], [0, null, behind])
  assert.deepEqual(await hours(), [], 'neither its orders nor its weekday')
  const copied = copiedTables([]).find(({ name }) => name === 'etl.days')!.select
  assert.deepEqual(await session.rows(`select count(*) as n from (${copied})`), [{ n: 32 }])
})
