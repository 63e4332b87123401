import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DAY_MS, type Ad } from '@flowguard/contract'
import { createEtl } from '../etl/etl.ts'
import { readModels } from '../etl/model.ts'
import { ROOT } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import type { Figures } from './figures.ts'
import { openMachine, T0, temporaryFolder, type TestMachine } from './fixture.ts'
import { REPORTS, type ReportName } from './report-sql.ts'
import type { Report } from './reports.ts'
import { createOps, type Ops } from './server.ts'
import type { Stores } from './stores.ts'
import { TASKS, type Ask, type TaskName } from './tasks.ts'

/** `T0` is a Sunday, noon: 1 March 2026. Then the Sunday after, and a Thursday in April. */
const NEXT_SUNDAY = 7 * DAY_MS
const APRIL_2 = 32 * DAY_MS
const NOW = T0 + APRIL_2 + 60_000
let now = NOW
const FORMULA = '=HYPERLINK("http://x","y")'

const folder = temporaryFolder()
const stop = new AbortController()
let machine: TestMachine
let stores: Stores
let ops: Ops
let query: Warehouse['query']

before(async () => {
  machine = openMachine(folder.path)
  await machine.database.replaceFoods([
    { food_id: 1, name: 'Dosa', category: 'South Indian', price: 100, description: '', image_url: '', is_available: true },
  ])
  await machine.database.replaceAds([
    { adId: 'cpc-1', itemId: 1, campaignId: 'c1', advertiserId: 'a1', pricing: 'cpc', rate: 500, dailyBudget: 0 },
  ] as Ad[])
  stores = machine.stores()
  query = machine.warehouse.query
  const clock = () => now
  ops = await createOps({
    stores,
    billing: machine.billing,
    ask: (async (name: TaskName, ...args: readonly unknown[]) => {
      using looked = machine.stores()
      return (TASKS[name] as (of: Stores, ...rest: readonly unknown[]) => unknown)(looked, ...args)
    }) as Ask,
    db: machine.pipeline.db,
    warehouse: { query: (sql, limits) => query(sql, limits) },
    etl: createEtl(
      {
        warehouse: machine.warehouse,
        models: [],
        reference: async () => ({ foods: [], ads: [] }),
        loaded: async () => true,
        clock,
        logger: silentLogger,
      },
      stop.signal,
    ),
    resend: async () => ({ partition: 0, offset: 0 }),
    gatewayMetrics: async () => '',
    consoleDir: join(folder.path, 'console'),
    clock,
    logger: silentLogger,
    version: '1.2.3',
    environment: 'test',
    keyed: 'everything',
    hasKey: (key) => key === hash('sha256', 'the key'),
    corsOrigins: [],
    rateLimit: 0,
  })
})
after(async () => {
  stop.abort()
  await ops.close()
  stores[Symbol.dispose]()
  await machine[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function ask<T = { code: string; detail: string; errors: { field: string }[] }>(path: string, key = 'the key') {
  const {
    statusCode: status,
    body: text,
    headers,
  } = await ops.app.inject({ url: `/api/${path}`, headers: { authorization: `Bearer ${key}` } })
  return { status, text, headers, json: () => JSON.parse(text) as T }
}
const report = async (name: ReportName, query = '?from=2026-03-01&to=2026-04-02') => (await ask<Report>(`reports/${name}${query}`)).json()
const figures = async (query: string) => (await ask<Figures>(`figures${query}`)).json()

test('before anything happened the figures are 0, and the reports are empty and say so', async () => {
  const { totals, dishes, ads, from, to } = await figures('')
  assert.deepEqual([from, to], ['2026-04-02', '2026-04-02'], 'today')
  assert.deepEqual(totals, {
    impressions: 0,
    clicks: 0,
    orders: 0,
    attributed_orders: 0,
    revenue: 0,
    attributed_revenue: 0,
    ctr: 0,
    cvr: 0,
  })
  assert.deepEqual([dishes, ads], [[], []])
  for (const name of Object.keys(REPORTS) as ReportName[]) {
    const { rows, fresh } = await report(name)
    assert.deepEqual([rows, fresh], [[], { made_at: null, loaded_through: null, days_made: 0, behind: null }], name)
  }
})

/** Everything that happens, in the order of time; what comes of it is worked out by hand below. */
async function happen() {
  const order = (id: string, user: string, item: number, at: number, price: number, quantity: number, more = {}) =>
    machine.order({ id, user, item, at, more: { price, quantity, ...more } })
  const shown = { item: 1, more: {} }
  await machine.heartbeat(0)
  await machine.click({ id: 'i1', user: 'u1', at: 1_000, ...shown }, 'cpc-1', 'impression')
  await machine.click({ id: 'i2', user: 'u2', at: 1_500, ...shown }, 'cpc-1', 'impression')
  await machine.click({ id: 'i3', user: 'bot', at: 1_600, item: 1, more: { is_bot: true } }, 'cpc-1', 'impression')
  await machine.click({ id: 'k1', user: 'u1', at: 2_000, ...shown }, 'cpc-1')
  await machine.click({ id: 'k2', user: 'u9', at: 3_000, item: 2, more: {} }, 'of nobody')
  await order('o1', 'u1', 1, 60_000, 100, 1)
  await order('o2', 'u2', 2, 3_900_000, 50, 2, { item_name: 'Idli' })
  await machine.ship()
  await machine.heartbeat(NEXT_SUNDAY - 1_000)
  await machine.read()
  await order('o3', 'u1', 1, NEXT_SUNDAY, 300, 1)
  await order('o4', 'u3', 2, NEXT_SUNDAY + 1_000, 10, 1, { item_name: 'Idli, steamed' })
  await machine.ship()
  await machine.heartbeat(APRIL_2 - 1_000)
  await machine.read()
  await order('o5', 'u1', 1, APRIL_2, 80, 1)
  await order('o6', 'u4', 3, APRIL_2 + 1_000, 7.25, 1, { item_name: FORMULA })
  await machine.ship()
  await machine.heartbeat(APRIL_2 + 60_000)
  await machine.read()
}

test('the figures are the counters, live, by dish and by ad, over the days asked for', async () => {
  await happen()
  const { totals, dishes, ads, ads_total: adsTotal, dishes_total: dishesTotal } = await figures('?from=2026-03-01')
  assert.deepEqual(totals, {
    orders: 6,
    revenue: 597.25,
    impressions: 2,
    clicks: 2,
    attributed_orders: 1,
    attributed_revenue: 100,
    ctr: 1,
    cvr: 0.5,
  })
  const none = { impressions: 0, clicks: 0, attributed_orders: 0, attributed_revenue: 0, ctr: 0, cvr: 0 }
  assert.deepEqual(dishes, [
    {
      item_id: 1,
      name: 'Dosa',
      category: 'South Indian',
      orders: 3,
      revenue: 480,
      impressions: 2,
      clicks: 1,
      attributed_orders: 1,
      attributed_revenue: 100,
      ctr: 0.5,
      cvr: 1,
    },
    { item_id: 2, name: null, category: null, orders: 2, revenue: 110, ...none, clicks: 1 },
    { item_id: 3, name: null, category: null, orders: 1, revenue: 7.25, ...none },
  ])
  assert.deepEqual(ads, [
    {
      ad_id: 'cpc-1',
      campaign_id: 'c1',
      advertiser_id: 'a1',
      item_id: 1,
      impressions: 2,
      clicks: 1,
      attributed_orders: 1,
      attributed_revenue: 100,
      ctr: 0.5,
      cvr: 1,
    },
    { ad_id: 'of nobody', campaign_id: null, advertiser_id: null, item_id: null, ...none, clicks: 1 },
  ])
  assert.deepEqual([dishesTotal, adsTotal], [3, 2])
  assert.deepEqual((await figures('?from=2026-03-08&to=2026-03-08')).totals, { orders: 2, revenue: 310, ...none })
})

test('where gold was never made the report says which days hold events', async () => {
  const { rows, fresh } = await report('gmv')
  assert.deepEqual(rows, [])
  assert.deepEqual(fresh, { made_at: null, loaded_through: null, days_made: 0, behind: { from: '2026-03-01', to: '2026-04-02', days: 3 } })
})

async function makeGold() {
  const models = readModels(join(ROOT, 'packages/pipeline/models'))
  const reference = async () => ({ foods: [], ads: [] })
  const etl = createEtl(
    { warehouse: machine.warehouse, models, reference, loaded: async () => true, clock: () => NOW, logger: silentLogger },
    stop.signal,
  )
  await etl.start({ from: '2026-03-01', to: '2026-04-02' }, 'operator')
  await etl.idle()
}

test('GMV, funnel, hours, cohorts and dishes are what was worked out by hand', async () => {
  await makeGold()
  const rowsOf = async (name: ReportName, columns: readonly string[], query?: string) => {
    const { rows, columns: told } = await report(name, query)
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
  const { rows } = await report('cohorts', '?from=2026-03-01&to=2026-05-31')
  assert.deepEqual(
    rows.map((row) => [row[0], row[2]]),
    [
      ['2026-03', 0],
      ['2026-03', 1],
      ['2026-04', 0],
    ],
  )
  using session = await machine.warehouse.session()
  await session.run(`insert into etl.days select date '2026-05-01', 1, timestamp '2026-05-02', 0, 0, 0`)
  await session.run(`insert into gold.user_cohort_metrics select date '2026-05-01' as date, * exclude (date) replace (0 as orders_this_period, 0 as revenue_this_period)
    from gold.user_cohort_metrics where date = date '2026-04-02'`)
  const later = await report('cohorts', '?from=2026-03-01&to=2026-05-31')
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
  assert.deepEqual((await report('gmv')).fresh, made)
  assert.deepEqual((await report('gmv', '?from=2026-03-02&to=2026-03-09')).fresh, {
    ...made,
    loaded_through: new Date(T0 + NEXT_SUNDAY + 1_000).toISOString(),
    days_made: 8,
  })
  await machine.click({ id: 'late', at: NEXT_SUNDAY })
  await machine.read()
  assert.deepEqual((await report('dishes')).fresh, { ...made, behind: { from: '2026-03-08', to: '2026-03-08', days: 1 } })
})

test('a dish that is not in the catalogue is called what it was last sold as, once gold knows', async () => {
  const names = async () => (await figures('?from=2026-03-01')).dishes.map(({ name }) => name)
  assert.deepEqual(await names(), ['Dosa', null, null], 'asked for a moment ago, when there was no gold')
  now += 60_000
  assert.deepEqual(await names(), ['Dosa', 'Idli, steamed', FORMULA])
  now = NOW
})

test('every report tells its columns as its statement has them', async () => {
  const { reports } = (await ask<{ reports: { name: ReportName; columns: unknown[] }[] }>('reports')).json()
  assert.deepEqual(
    reports.map(({ name }) => name),
    ['gmv', 'funnel', 'hours', 'cohorts', 'dishes'],
  )
  for (const { name, columns } of reports) {
    const { columns: asked } = await query(REPORTS[name].sql('2026-03-01', '2026-04-02'), { rowsMax: 1, timeoutMs: 5_000 })
    assert.deepEqual(
      asked.map((each) => each.name),
      REPORTS[name].columns.map((each) => each.name),
    )
    assert.deepEqual(columns, REPORTS[name].columns)
  }
})

test('as CSV, with a name for the file, and no formula in it', async () => {
  const dishes = await ask('reports/dishes?from=2026-04-02&to=2026-04-02&format=csv')
  assert.deepEqual(
    [dishes.status, dishes.headers['content-type'], dishes.headers['content-disposition']],
    [200, 'text/csv; charset=utf-8; header=present', 'attachment; filename="flowguard-dishes-2026-04-02.csv"'],
  )
  assert.ok(dishes.text.startsWith('item_id,item_name,category,total_orders,'))
  assert.ok(dishes.text.includes(`\r\n3,"'=HYPERLINK(""http://x"",""y"")",,1,7.25,`), dishes.text)
  const ads = await ask('figures?from=2026-03-01&to=2026-03-31&format=csv&by=ad')
  assert.equal(ads.headers['content-disposition'], 'attachment; filename="flowguard-ads-live-2026-03-01-to-2026-03-31.csv"')
  assert.equal(
    ads.text,
    'ad_id,campaign_id,advertiser_id,item_id,impressions,clicks,attributed_orders,attributed_revenue,ctr,cvr\r\ncpc-1,c1,a1,1,2,1,1,100,0.5,1\r\nof nobody,,,,0,1,0,0,0,0\r\n',
  )
  assert.match(
    (await ask('figures?from=2026-03-01&format=csv')).text,
    /^item_id,name,category,impressions,clicks,orders,.*\r\n1,Dosa,South Indian,2,1,3,1,480,100,0.5,1\r\n/,
  )
})

test('days that are none, too many or the wrong way round, and what is not asked for, are refused by name', async () => {
  for (const path of ['figures', 'reports/gmv', 'reports/gmv?format=csv']) {
    for (const [asked, field] of [
      ['from=2026-02-30', 'from'],
      ['to=tomorrow', 'to'],
      ['from=', 'from'],
      ['from=2026-03-02&to=2026-03-01', 'from'],
      ['from=2020-01-01&to=2026-03-01', 'from'],
      ['format=xml', 'format'],
      ['by=user', 'by'],
      ['days=7', 'days'],
    ]) {
      const answer = await ask(`${path}${path.includes('?') ? '&' : '?'}${asked}`)
      assert.deepEqual([answer.status, answer.json().code], [422, 'invalid_parameter'], asked)
      if (!(path.includes('?') && field === 'format')) assert.equal(answer.json().errors[0]?.field, field, asked)
    }
  }
  const none = await ask('reports/nothing')
  assert.deepEqual([none.status, none.json().code], [404, 'not_found'])
  assert.equal((await ask('reports/constructor')).status, 404)
})

test('a warehouse that cannot be asked is said to be so, and the live figures go on', async () => {
  query = () => Promise.reject(new FlowGuardError('warehouse_held', '/a/path of the server'))
  const held = await ask('reports/gmv')
  const { totals } = await figures('?from=2026-03-01')
  query = machine.warehouse.query
  assert.deepEqual([held.status, held.json().code, held.headers['retry-after']], [503, 'warehouse_held', '5'])
  assert.doesNotMatch(held.text, /path/)
  assert.equal(totals.orders, 6)
})

test('without the key nothing is told', async () => {
  for (const path of ['figures', 'reports', 'reports/gmv', 'reports/gmv?format=csv'])
    assert.equal((await ask(path, 'another')).status, 401, path)
})
