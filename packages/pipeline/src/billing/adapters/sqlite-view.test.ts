import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { hasCode } from '../../kernel/errors.ts'
import { openPipelineStore } from '../../pipeline-store.ts'
import { START, temporaryFolder, TOPICS } from '../../reader/testing/fixture.ts'
import { ADS } from '../testing/fixture.ts'
import { ads, charge, openedView as opened, other } from '../testing/view.ts'
import { sqliteBillingView } from './sqlite-view.ts'

const url = (ad: string, day: string, kind: string) => `/api/v1/billing/ads/${ad}/events?date=${day}&kind=${kind}`

test("an ad's bill has a line a day and kind, and its total is their exact sum", async () => {
  using at = opened()
  at.charge(charge('a', '2026-01-30'), charge('b', '2026-01-31'), charge('c', '2026-01-31'))
  at.charge(charge('x', '2026-01-31', { amount: -123, kind: 'credit' }), charge('d', '2026-02-01'))
  at.charge(charge('e', '2026-01-31', { adId: 'cpa', kind: 'cpa' }))
  assert.deepEqual(await at.view.adBill('cpc', '2026-01-31', '2026-02-01'), {
    ad_id: 'cpc',
    item_id: 1,
    campaign_id: 'campaign',
    advertiser_id: 'advertiser',
    pricing: 'cpc',
    rate: 4.56,
    from: '2026-01-31',
    to: '2026-02-01',
    total: 13.67877,
    lines: [
      { ad_id: 'cpc', date: '2026-01-31', kind: 'cpc', count: 2, amount: 9.12, events_url: url('cpc', '2026-01-31', 'cpc') },
      { ad_id: 'cpc', date: '2026-01-31', kind: 'credit', count: 1, amount: -0.00123, events_url: url('cpc', '2026-01-31', 'credit') },
      { ad_id: 'cpc', date: '2026-02-01', kind: 'cpc', count: 1, amount: 4.56, events_url: url('cpc', '2026-02-01', 'cpc') },
    ],
  })
})

test('both ends of the days are in, and outside of them nothing is', async () => {
  using at = opened()
  const days = ['2025-12-31', '2026-01-01', '2026-01-02', '2026-01-03']
  for (const day of days) at.charge(charge(day, day))
  const billed = async (from: string, to: string) => (await at.view.adBill('cpc', from, to))?.lines.map(({ date }) => date)
  assert.deepEqual(await billed('2026-01-01', '2026-01-02'), days.slice(1, 3))
  assert.deepEqual(await billed('2026-01-02', '2026-01-02'), days.slice(2, 3))
  assert.deepEqual(await billed('2026-01-02', '2026-01-01'), [])
  assert.deepEqual(await billed('0000-01-01', '9999-12-31'), days)
})

test('a statement has the lines of all ads of its advertiser, and of no other', async () => {
  using at = opened()
  at.charge(charge('a', '2026-01-31'), charge('b', '2026-01-31', { adId: 'cpm', amount: 123, kind: 'cpm' }))
  at.charge(charge('c', '2026-01-31', { adId: other.adId, amount: 1, kind: 'cpm' }), charge('d', '2026-01-31', { adId: 'in no ads table' }))
  const statement = await at.view.statement('advertiser', '2026-01-31', '2026-01-31')
  assert.deepEqual([statement?.total, statement?.lines.map(({ ad_id }) => ad_id)], [4.56123, ['cpm', 'cpc']])
  const theirs = await at.view.statement('another', '2026-01-31', '2026-01-31')
  assert.deepEqual(
    theirs?.lines.map(({ amount, events_url }) => [amount, events_url]),
    [[0.00001, url('of%20another%2Fad%3F', '2026-01-31', 'cpm')]],
  )
})

test('an advertiser without charges has an empty statement; whoever has no ads, none', async () => {
  using at = opened()
  const { ads: own, ...empty } = (await at.view.statement('advertiser', 'f', 't'))!
  assert.deepEqual(empty, { advertiser_id: 'advertiser', from: 'f', to: 't', as_of: null, total: 0, credits: 0, lines_total: 0, lines: [] })
  assert.ok(own.length === ADS.length && own.every(({ last_day: last, total }) => last === null && total === 0))
  assert.ok(isDeepStrictEqual((await at.view.adBill('cpa', 'f', 't'))?.lines, []))
  assert.equal(await at.view.statement('nobody', 'f', 't'), undefined)
  assert.equal(await at.view.adBill('nothing', 'f', 't'), undefined)
})

test('a thousand lines of fractions are summed without a rounding', async () => {
  using at = opened()
  at.charge(...Array.from({ length: 1_000 }, (_, n) => charge(`${n}`, `day ${String(n).padStart(4, '0')}`, { amount: 10_001 })))
  assert.equal((await at.view.adBill('cpc', 'day', 'day 9999'))?.total, 100.01)
})

test("an ad's spending stands beside its daily budget: credits aside, and over it only where it passed it", async () => {
  using at = opened()
  const ad = 'cpc with a budget'
  const days = { '2026-01-29': 300_000, '2026-01-30': 300_001, '2026-01-31': 250_000 }
  for (const [day, amount] of Object.entries(days)) at.charge(charge(day, day, { adId: ad, amount }))
  at.charge(charge('x', '2026-01-31', { adId: ad, amount: -250_000, kind: 'credit' }))
  const statement = await at.view.statement('advertiser', '2026-01-01', '2026-01-31')
  assert.deepEqual(
    statement?.ads.find(({ ad_id }) => ad_id === ad),
    {
      ad_id: ad,
      item_id: 1,
      campaign_id: 'campaign',
      pricing: 'cpc',
      rate: 1,
      daily_budget: 3,
      last_day: { date: '2026-01-31', spent: 2.5 },
      days_over: 1,
      total: 6.00001,
    },
  )
  assert.equal(statement.ads.find(({ ad_id }) => ad_id === 'cpc')?.daily_budget, null)
})

test('every advertiser is listed, the greatest total first, and what nobody owns apart', async () => {
  using at = opened()
  at.charge(charge('a', '2026-01-31'), charge('b', '2026-01-31', { adId: 'cpm', amount: 123, kind: 'cpm' }))
  at.charge(charge('x', '2026-01-31', { amount: -1, kind: 'credit' }), charge('old', '2026-01-30'))
  at.charge(charge('c', '2026-01-31', { adId: other.adId, amount: 456_123 }), charge('d', '2026-01-31', { adId: 'in no ads table' }))
  const none = { count: 0, amount: 0 }
  assert.deepEqual(await at.view.advertisers('2026-01-31', '2026-01-31'), {
    from: '2026-01-31',
    to: '2026-01-31',
    as_of: null,
    total: 9.12245,
    unassigned: 4.56,
    advertisers: [
      { advertiser_id: 'another', ads: 1, cpm: none, cpc: { count: 1, amount: 4.56123 }, cpa: none, credit: none, total: 4.56123 },
      {
        advertiser_id: 'advertiser',
        ads: ADS.length,
        cpm: { count: 1, amount: 0.00123 },
        cpc: { count: 1, amount: 4.56 },
        cpa: none,
        credit: { count: 1, amount: -0.00001 },
        total: 4.56122,
      },
    ],
  })
  const empty = await at.view.advertisers('2026-03-01', '2026-03-31')
  assert.deepEqual([empty.total, empty.unassigned, empty.advertisers.map(({ advertiser_id: id }) => id)], [0, 0, ['advertiser', 'another']])
})

test('the events behind a line come in pages, the last of which says so even where it is full', async () => {
  using at = opened()
  const line = { adId: 'cpc', day: '2026-01-31', kind: 'cpc' as const }
  for (let n = 0; n < 7; n += 1) {
    at.charge(
      charge(`e${n}`, line.day),
      charge(`x${n}`, '2026-02-01'),
      charge(`y${n}`, line.day, { kind: 'credit' }),
      charge(`z${n}`, line.day, { adId: 'cpm' }),
    )
  }
  const pages = async (limit: number) => {
    const found: string[][] = []
    for (let after: number | null = 0; after !== null;) {
      const page = await at.view.events({ ...line, after, limit })
      assert.deepEqual([page.ad_id, page.date, page.kind, page.total], ['cpc', line.day, 'cpc', 7])
      found.push(page.events.map(({ event_id, amount }) => `${event_id} ${amount}`))
      after = page.next_after
    }
    return found
  }
  const all = Array.from({ length: 7 }, (_, n) => `e${n} 4.56`)
  assert.deepEqual(await pages(3), [all.slice(0, 3), all.slice(3, 6), all.slice(6)])
  assert.deepEqual(await pages(7), [all])
  assert.deepEqual(await pages(100), [all])
  assert.deepEqual(
    await pages(1),
    all.map((each) => [each]),
  )
  assert.deepEqual(await at.view.events({ ...line, day: '2026-03-01', after: 0, limit: 5 }), {
    ad_id: 'cpc',
    date: '2026-03-01',
    kind: 'cpc',
    total: 0,
    next_after: null,
    events: [],
  })
})

test("an item's day has its counts, its revenue in rupees and its rates", async () => {
  using at = opened()
  const counts = { impressions: 8, clicks: 4, doubleClicks: 1, orders: 3, attributedOrders: 1, revenuePaise: 12_345, attributedPaise: 5 }
  at.count(7, '2026-01-31', counts)
  at.count(7, '2026-02-01', { impressions: 99 })
  assert.deepEqual(await at.view.itemDay(7, '2026-01-31'), {
    item_id: 7,
    date: '2026-01-31',
    impressions: 8,
    clicks: 4,
    orders: 3,
    attributed_orders: 1,
    revenue: 123.45,
    attributed_revenue: 0.05,
    ctr: 0.5,
    cvr: 0.25,
  })
})

test('a rate is 0 where its divisor is 0, and an item that nobody saw has zeros', async () => {
  using at = opened()
  at.count(7, '2026-01-31', { clicks: 4 })
  at.count(8, '2026-01-31', { orders: 3, attributedOrders: 1 })
  const rates = async (item: number) => {
    const { ctr, cvr } = await at.view.itemDay(item, '2026-01-31')
    return [ctr, cvr]
  }
  assert.deepEqual(
    [await rates(7), await rates(8), await rates(9)],
    [
      [0, 0],
      [0, 0],
      [0, 0],
    ],
  )
  const { item_id: _item, date: _date, ...zeros } = await at.view.itemDay(9, '2026-01-31')
  assert.deepEqual(new Set(Object.values(zeros)), new Set([0]))
})

test('revenue of more paise than a number holds exactly is answered, nearly', async () => {
  using at = opened()
  const largest = 10_000_000_000_000 * 500
  for (let n = 0; n < 20; n += 1) at.count(7, '2026-01-31', { orders: 500, revenuePaise: largest, attributedPaise: 1 })
  const { revenue, attributed_revenue, orders } = await at.view.itemDay(7, '2026-01-31')
  assert.deepEqual({ revenue, attributed_revenue, orders }, { revenue: 1e15, attributed_revenue: 0.2, orders: 10_000 })
})

test('it says store_missing until the pipeline has run, and then answers', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'pipeline.db')
  using view = sqliteBillingView(path, ads)
  await assert.rejects(view.itemDay(1, '2026-01-31'), (error) => hasCode(error, 'store_missing'))
  await assert.rejects(view.adBill('cpc', 'f', 't'), (error) => hasCode(error, 'store_missing'))
  await assert.rejects(view.advertisers('f', 't'), (error) => hasCode(error, 'store_missing'))
  using _store = openPipelineStore(path, TOPICS, () => START)
  assert.equal((await view.itemDay(1, '2026-01-31')).clicks, 0)
})
