import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWarehouse } from './fixture.ts'

const on = (day: number, time = '10:00:00') => `2026-03-${String(day).padStart(2, '0')} ${time}`
type Opened = Awaited<ReturnType<typeof openWarehouse>>

/** An order of the day that is due to a click of a minute before. */
async function dueOrder(
  w: Opened,
  order: { user_id: string; at: string; item_id?: number; price?: string; quantity?: number },
  ad = 'ad-1',
  campaign: string | null = 'camp',
) {
  const id = `due-${order.user_id}-${order.at}`
  await w.orders({ ...order, event_id: id })
  await w.attributed({ order_event_id: id, at: order.at, click_event_id: `c-${id}`, ad_id: ad, campaign_id: campaign, lag_ms: 60_000 })
}

test('daily_gmv_metrics: sums, new users ever, growth against the day before; nothing for a day without orders', async () => {
  await using w = await openWarehouse()
  await w.orders(
    { user_id: 'a', at: on(1), price: '100.00', quantity: 2 },
    { user_id: 'b', at: on(1, '23:59:59.999'), price: '0.01' },
    { user_id: 'b', at: on(2, '00:00:00.000'), price: '0.01' },
    { user_id: 'c', at: on(2), price: '50.00', quantity: 5 },
    { user_id: 'c', at: on(2), price: '50.00', quantity: 1 },
    { user_id: 'bot', at: on(2), is_bot: true },
    { user_id: 'd', at: on(2), status: 'delivered' },
    { user_id: 'd', at: on(4), price: '10.00' },
  )
  await w.run('2026-03-01', '2026-03-05')
  const rows =
    await w.rows(`select date, cast(total_revenue as varchar) as revenue, cast(avg_order_value as varchar) as average, order_count, total_items_sold, unique_users,
    new_users, returning_users, round(revenue_growth_pct, 6) as revenue_growth, order_growth_pct as order_growth from gold.daily_gmv_metrics order by date`)
  assert.deepEqual(rows, [
    {
      date: '2026-03-01',
      revenue: '200.01',
      average: '100.01',
      order_count: 2,
      total_items_sold: 3,
      unique_users: 2,
      new_users: 2,
      returning_users: 0,
      revenue_growth: null,
      order_growth: null,
    },
    {
      date: '2026-03-02',
      revenue: '300.01',
      average: '100.00',
      order_count: 3,
      total_items_sold: 7,
      unique_users: 2,
      new_users: 1,
      returning_users: 1,
      revenue_growth: 49.9975,
      order_growth: 50,
    },
    {
      date: '2026-03-04',
      revenue: '10.00',
      average: '10.00',
      order_count: 1,
      total_items_sold: 1,
      unique_users: 1,
      new_users: 1,
      returning_users: 0,
      revenue_growth: null,
      order_growth: null,
    },
  ])
})

test('food_item_performance: clicks and orders side by side, ranks without ties, 0 where nothing was shown', async () => {
  await using w = await openWarehouse()
  await w.clicks(
    { user_id: 'a', at: on(1), event_type: 'impression' },
    { user_id: 'a', at: on(1), event_type: 'impression' },
    { user_id: 'a', at: on(1) },
    { user_id: 'a', at: on(1), item_id: 3 },
    { user_id: 'a', at: on(1), item_id: null },
    { user_id: 'bot', at: on(1), is_bot: true },
  )
  await dueOrder(w, { user_id: 'a', at: on(1), price: '100.00' })
  await w.orders(
    { user_id: 'b', at: on(1), price: '100.01' },
    { user_id: 'c', at: on(1), item_id: 7, item_name: 'Stew', price: '100.00', quantity: 2 },
    { user_id: 'c', at: on(1), item_id: 6, price: '200.00' },
  )
  await w.run('2026-03-01')
  const rows =
    await w.rows(`select item_id, item_name, category, total_orders, cast(total_revenue as varchar) as revenue, unique_buyers, cast(avg_price as varchar) as price, click_count,
    impression_count, conversion_rate, click_through_rate, rank_by_revenue, rank_by_orders, rank_by_conversion, is_top_seller, is_underperforming
    from gold.food_item_performance order by rank_by_revenue`)
  const none = {
    item_name: null,
    category: null,
    click_count: 0,
    impression_count: 0,
    conversion_rate: 0,
    click_through_rate: 0,
    is_top_seller: false,
    is_underperforming: false,
  }
  assert.deepEqual(rows, [
    {
      ...none,
      item_id: 1,
      item_name: 'Dal',
      category: 'North Indian',
      total_orders: 2,
      revenue: '200.01',
      unique_buyers: 2,
      price: '100.01',
      click_count: 1,
      impression_count: 2,
      conversion_rate: 1,
      click_through_rate: 0.5,
      rank_by_revenue: 1,
      rank_by_orders: 1,
      rank_by_conversion: 1,
      is_top_seller: true,
    },
    {
      ...none,
      item_id: 6,
      total_orders: 1,
      revenue: '200.00',
      unique_buyers: 1,
      price: '200.00',
      rank_by_revenue: 2,
      rank_by_orders: 2,
      rank_by_conversion: 2,
    },
    {
      ...none,
      item_id: 7,
      item_name: 'Stew',
      total_orders: 1,
      revenue: '200.00',
      unique_buyers: 1,
      price: '100.00',
      rank_by_revenue: 3,
      rank_by_orders: 3,
      rank_by_conversion: 3,
    },
    {
      ...none,
      item_id: 3,
      total_orders: 0,
      revenue: '0.00',
      unique_buyers: 0,
      price: null,
      click_count: 1,
      rank_by_revenue: 4,
      rank_by_orders: 4,
      rank_by_conversion: 4,
    },
  ])
})

test('an item that is clicked much and hardly ordered, against the whole day, is underperforming', async () => {
  await using w = await openWarehouse()
  const clicks = (count: number, item: number) => Array.from({ length: count }, (_, i) => ({ user_id: `u${i}`, at: on(1), item_id: item }))
  await w.clicks(...clicks(20, 1), ...clicks(19, 2), ...clicks(5, 3))
  for (const user of ['a', 'b', 'c']) await dueOrder(w, { user_id: user, at: on(1), item_id: 3 })
  await w.run('2026-03-01')
  assert.deepEqual(await w.rows('select item_id from gold.food_item_performance where is_underperforming'), [{ item_id: 1 }])
})

test('user_funnel_metrics: the day’s events and users, and the sessions that began on it, whole', async () => {
  await using w = await openWarehouse()
  await w.clicks(
    { user_id: 'a', at: on(1, '23:50:00'), event_type: 'impression' },
    { user_id: 'a', at: on(1, '23:51:00') },
    { user_id: 'a', at: on(2, '00:01:00') },
    { user_id: 'b', at: on(2, '12:00:00'), event_type: 'impression' },
  )
  await dueOrder(w, { user_id: 'a', at: on(2, '00:02:00') })
  await w.run('2026-03-01', '2026-03-03')
  const rows = await w.rows(`select * from gold.user_funnel_metrics order by date`)
  assert.deepEqual(rows, [
    {
      date: '2026-03-01',
      total_sessions: 1,
      total_impressions: 1,
      total_clicks: 1,
      total_orders: 0,
      attributed_orders: 0,
      click_through_rate: 1,
      conversion_rate: 0,
      impression_conversion_rate: 0,
      avg_impressions_per_session: 1,
      avg_clicks_per_session: 2,
      avg_orders_per_session: 1,
      avg_session_seconds: 720,
      active_users: 1,
      users_with_clicks: 1,
      users_with_orders: 0,
    },
    {
      date: '2026-03-02',
      total_sessions: 1,
      total_impressions: 1,
      total_clicks: 1,
      total_orders: 1,
      attributed_orders: 1,
      click_through_rate: 1,
      conversion_rate: 1,
      impression_conversion_rate: 1,
      avg_impressions_per_session: 1,
      avg_clicks_per_session: 0,
      avg_orders_per_session: 0,
      avg_session_seconds: 0,
      active_users: 2,
      users_with_clicks: 1,
      users_with_orders: 1,
    },
  ])
})

test('hourly_order_patterns: hours of UTC, shares of the day, peaks without ties', async () => {
  await using w = await openWarehouse()
  await w.orders(
    { user_id: 'a', at: on(1, '00:00:00'), price: '10.00' },
    { user_id: 'a', at: on(1, '00:59:59.999'), price: '10.00' },
    { user_id: 'a', at: on(1, '12:00:00'), price: '30.00' },
    { user_id: 'b', at: on(1, '22:30:00'), price: '30.00' },
    { user_id: 'b', at: on(1, '23:00:00'), price: '20.00' },
  )
  await w.run('2026-03-01')
  assert.deepEqual(
    await w.rows(`select hour_of_day as hour, order_count as orders, cast(total_revenue as varchar) as revenue, unique_users as users, peak_rank as rank, is_peak_hour as peak,
      pct_of_daily_orders as of_orders, pct_of_daily_revenue as of_revenue from gold.hourly_order_patterns order by hour`),
    [
      { hour: 0, orders: 2, revenue: '20.00', users: 1, rank: 1, peak: true, of_orders: 40, of_revenue: 20 },
      { hour: 12, orders: 1, revenue: '30.00', users: 1, rank: 2, peak: true, of_orders: 20, of_revenue: 30 },
      { hour: 22, orders: 1, revenue: '30.00', users: 1, rank: 3, peak: true, of_orders: 20, of_revenue: 30 },
      { hour: 23, orders: 1, revenue: '20.00', users: 1, rank: 4, peak: false, of_orders: 20, of_revenue: 20 },
    ],
  )
})

test('user_cohort_metrics: every user who has ordered up to then, each day, days without orders too', async () => {
  await using w = await openWarehouse()
  await w.orders(
    { user_id: 'a', at: '2025-12-01 10:00:00', price: '100.00' },
    { user_id: 'a', at: on(1), price: '10.00', quantity: 2 },
    { user_id: 'b', at: on(3), price: '5000.00' },
  )
  await w.orders(
    { user_id: 'gone', at: '2025-11-30 10:00:00', price: '1.00' },
    { user_id: 'risk', at: '2026-01-29 10:00:00', price: '1.00' },
    { user_id: 'fresh', at: on(1), price: '1.00' },
  )
  await w.run('2026-03-01', '2026-03-03')
  const rows =
    await w.rows(`select date, user_id, first_order_date as first, days_since_first_order as since_first, cohort_month as month, lifetime_orders as orders,
    cast(lifetime_revenue as varchar) as revenue, lifetime_items as items, orders_this_period as now, cast(revenue_this_period as varchar) as revenue_now,
    avg_days_between_orders as between, days_since_last_order as since_last, user_segment as segment, is_vip from gold.user_cohort_metrics
    where date >= '2026-03-01' order by user_id, date`)
  const at = (date: string, more: object) => ({ date, now: 0, revenue_now: '0.00', between: null, is_vip: false, ...more })
  const a = { user_id: 'a', first: '2025-12-01', month: '2025-12', orders: 2, revenue: '120.00', items: 3, between: 90, segment: 'active' }
  const gone = { user_id: 'gone', first: '2025-11-30', month: '2025-11', orders: 1, revenue: '1.00', items: 1, segment: 'churned' }
  const risk = { user_id: 'risk', first: '2026-01-29', month: '2026-01', orders: 1, revenue: '1.00', items: 1, segment: 'at_risk' }
  const fresh = { user_id: 'fresh', first: '2026-03-01', month: '2026-03', orders: 1, revenue: '1.00', items: 1, segment: 'new' }
  assert.deepEqual(rows, [
    at('2026-03-01', { ...a, since_first: 90, since_last: 0, now: 1, revenue_now: '20.00' }),
    at('2026-03-02', { ...a, since_first: 91, since_last: 1 }),
    at('2026-03-03', { ...a, since_first: 92, since_last: 2 }),
    at('2026-03-03', {
      user_id: 'b',
      first: '2026-03-03',
      since_first: 0,
      month: '2026-03',
      orders: 1,
      revenue: '5000.00',
      items: 1,
      now: 1,
      revenue_now: '5000.00',
      since_last: 0,
      segment: 'vip',
      is_vip: true,
    }),
    at('2026-03-01', { ...fresh, since_first: 0, since_last: 0, now: 1, revenue_now: '1.00' }),
    at('2026-03-02', { ...fresh, since_first: 1, since_last: 1 }),
    at('2026-03-03', { ...fresh, since_first: 2, since_last: 2 }),
    at('2026-03-01', { ...gone, since_first: 91, since_last: 91 }),
    at('2026-03-02', { ...gone, since_first: 92, since_last: 92 }),
    at('2026-03-03', { ...gone, since_first: 93, since_last: 93 }),
    at('2026-03-01', { ...risk, since_first: 31, since_last: 31 }),
    at('2026-03-02', { ...risk, since_first: 32, since_last: 32 }),
    at('2026-03-03', { ...risk, since_first: 33, since_last: 33 }),
  ])
})

test('ad_attribution: by ad, campaign and item; an order counts on its own day, with or without a click of that day', async () => {
  await using w = await openWarehouse()
  await w.clicks(
    { user_id: 'a', at: on(1), ad_campaign_id: 'camp', event_type: 'impression' },
    { user_id: 'a', at: on(1), ad_campaign_id: 'camp' },
    { user_id: 'a', at: on(1), ad_campaign_id: 'camp' },
    { user_id: 'a', at: on(1) },
    { user_id: 'a', at: on(1), ad_campaign_id: 'camp', item_id: null },
  )
  await dueOrder(w, { user_id: 'a', at: on(1, '10:01:00'), price: '0.10', quantity: 3 })
  await dueOrder(w, { user_id: 'a', at: on(1, '10:02:00'), price: '0.20', quantity: 1 }, 'ad-1', null)
  await dueOrder(w, { user_id: 'a', at: on(2, '00:00:00'), price: '1.00' })
  await w.run('2026-03-01', '2026-03-02')
  const rows =
    await w.rows(`select date, ad_id, campaign_id, item_id, impressions, clicks, ctr, attributed_orders as orders, cast(revenue as varchar) as revenue, cvr, avg_lag_ms as lag
    from gold.ad_attribution order by date, campaign_id, item_id`)
  const ad = { date: '2026-03-01', ad_id: 'ad-1', campaign_id: 'camp', item_id: 1 }
  assert.deepEqual(rows, [
    { ...ad, impressions: 1, clicks: 2, ctr: 2, orders: 1, revenue: '0.30', cvr: 0.5, lag: 60_000 },
    { ...ad, item_id: null, impressions: 0, clicks: 1, ctr: 0, orders: 0, revenue: '0.00', cvr: 0, lag: null },
    { ...ad, campaign_id: null, impressions: 0, clicks: 1, ctr: 0, orders: 1, revenue: '0.20', cvr: 1, lag: 60_000 },
    { ...ad, date: '2026-03-02', impressions: 0, clicks: 0, ctr: 0, orders: 1, revenue: '1.00', cvr: 0, lag: 60_000 },
  ])
})

test('ad_attribution: what names no campaign is of its ad’s, and the advertiser is the ad’s', async () => {
  await using w = await openWarehouse()
  await w.clicks(
    { user_id: 'a', at: on(1), ad_id: 'ad-9' },
    { user_id: 'a', at: on(1), ad_id: 'ad-9', ad_campaign_id: 'of-the-ad' },
    { user_id: 'a', at: on(1), ad_id: 'ad-9', ad_campaign_id: 'another' },
    { user_id: 'a', at: on(1), ad_id: 'ad-1' },
  )
  await dueOrder(w, { user_id: 'a', at: on(1, '10:01:00') }, 'ad-9', null)
  await w.run('2026-03-01')
  assert.deepEqual(
    await w.rows(
      'select ad_id, campaign_id, advertiser_id, clicks, attributed_orders as orders from gold.ad_attribution order by ad_id, campaign_id',
    ),
    [
      { ad_id: 'ad-1', campaign_id: null, advertiser_id: null, clicks: 1, orders: 0 },
      { ad_id: 'ad-9', campaign_id: 'another', advertiser_id: 'adv-9', clicks: 1, orders: 0 },
      { ad_id: 'ad-9', campaign_id: 'of-the-ad', advertiser_id: 'adv-9', clicks: 2, orders: 1 },
    ],
  )
})
