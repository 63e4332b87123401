import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { FlowGuardError } from '../kernel/errors.ts'
import { FORMULA, NOW, openBusiness, type Business } from './business.fixture.ts'
import { figures } from './figures.ts'
import { REPORTS, type ReportName } from './report-sql.ts'

let business: Business
before(async () => {
  business = await openBusiness()
})
after(() => business[Symbol.asyncDispose]())

test('before anything happened the figures are 0, and the reports are empty and say so', async () => {
  const { totals, dishes, ads, from, to } = await business.figures('')
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
    const { rows, fresh } = await business.report(name)
    assert.deepEqual([rows, fresh], [[], { made_at: null, loaded_through: null, days_made: 0, behind: null }], name)
  }
})

test('the figures are the counters, live, by dish and by ad, over the days asked for', async () => {
  await business.happen()
  const { totals, dishes, ads, ads_total: adsTotal, dishes_total: dishesTotal } = await business.figures('?from=2026-03-01')
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
  assert.deepEqual((await business.figures('?from=2026-03-08&to=2026-03-08')).totals, { orders: 2, revenue: 310, ...none })
})

test('of many dishes and ads so many are told as are asked for, and how many there are', async () => {
  const {
    dishes,
    dishes_total: dishesTotal,
    ads,
    ads_total: adsTotal,
    totals,
  } = await figures(business.stores, { from: '2026-03-01', to: '2026-04-02' }, 1)
  assert.deepEqual([dishes.map(({ item_id: id }) => id), dishesTotal, ads.map(({ ad_id: id }) => id), adsTotal], [[1], 3, ['cpc-1'], 2])
  assert.equal(totals.orders, 6)
})

test('a dish that is not in the catalogue is called what it was last sold as, once gold knows', async () => {
  const names = async () => (await business.figures('?from=2026-03-01')).dishes.map(({ name }) => name)
  assert.deepEqual(await names(), ['Dosa', null, null])
  await business.makeGold()
  assert.deepEqual(await names(), ['Dosa', null, null], 'asked for a moment ago, when there was no gold')
  business.setTime(NOW + 60_000)
  assert.deepEqual(await names(), ['Dosa', 'Idli, steamed', FORMULA])
  business.setTime(NOW)
})

test('as CSV, with a name for the file, and no formula in it', async () => {
  const dishes = await business.ask('reports/dishes?from=2026-04-02&to=2026-04-02&format=csv')
  assert.deepEqual(
    [dishes.status, dishes.headers['content-type'], dishes.headers['content-disposition']],
    [200, 'text/csv; charset=utf-8; header=present', 'attachment; filename="flowguard-dishes-2026-04-02.csv"'],
  )
  assert.ok(dishes.text.startsWith('item_id,item_name,category,total_orders,'))
  assert.ok(dishes.text.includes(`\r\n3,"'=HYPERLINK(""http://x"",""y"")",,1,7.25,`), dishes.text)
  const ads = await business.ask('figures?from=2026-03-01&to=2026-03-31&format=csv&by=ad')
  assert.equal(ads.headers['content-disposition'], 'attachment; filename="flowguard-ads-live-2026-03-01-to-2026-03-31.csv"')
  assert.equal(
    ads.text,
    'ad_id,campaign_id,advertiser_id,item_id,impressions,clicks,attributed_orders,attributed_revenue,ctr,cvr\r\ncpc-1,c1,a1,1,2,1,1,100,0.5,1\r\nof nobody,,,,0,1,0,0,0,0\r\n',
  )
  assert.match(
    (await business.ask('figures?from=2026-03-01&format=csv')).text,
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
      const answer = await business.ask(`${path}${path.includes('?') ? '&' : '?'}${asked}`)
      assert.deepEqual([answer.status, answer.json().code], [422, 'invalid_parameter'], asked)
      if (!(path.includes('?') && field === 'format')) assert.equal(answer.json().errors[0]?.field, field, asked)
    }
  }
  const none = await business.ask('reports/nothing')
  assert.deepEqual([none.status, none.json().code], [404, 'not_found'])
  assert.equal((await business.ask('reports/constructor')).status, 404)
})

test('a warehouse that cannot be asked is said to be so, and the live figures go on', async () => {
  business.setQuery(() => Promise.reject(new FlowGuardError('warehouse_held', '/a/path of the server')))
  const held = await business.ask('reports/gmv')
  const { totals } = await business.figures('?from=2026-03-01')
  business.setQuery(business.query)
  assert.deepEqual([held.status, held.json().code, held.headers['retry-after']], [503, 'warehouse_held', '5'])
  assert.doesNotMatch(held.text, /path/)
  assert.equal(totals.orders, 6)
})

test('without the key nothing is told', async () => {
  for (const path of ['figures', 'reports', 'reports/gmv', 'reports/gmv?format=csv'])
    assert.equal((await business.ask(path, 'another')).status, 401, path)
})
