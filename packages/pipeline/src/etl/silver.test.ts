import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWarehouse } from './fixture.ts'

const DAY = '2026-03-10'
const at = (time: string, day = DAY) => `${day} ${time}`

test('clicks_clean: every record is a row, flagged with what is wrong or odd about it', async () => {
  await using w = await openWarehouse()
  await w.clicks(
    { event_id: 'good', user_id: 'u', at: at('10:00:00') },
    { event_id: 'good', user_id: 'u', at: at('10:00:00') },
    { event_id: 'good', user_id: 'u', at: at('10:00:00'), content_hash: 'other' },
    { event_id: 'good', user_id: 'another', at: at('10:00:00') },
    { event_id: 'bot', user_id: 'u', at: at('10:00:00'), is_bot: true },
    { event_id: 'unknown', user_id: 'u', at: at('10:00:00'), item_id: 77 },
    { event_id: 'itemless', user_id: 'u', at: at('10:00:00'), item_id: null },
    { event_id: 'ahead', user_id: 'u', at: at('10:00:00'), client_timestamp: '2026-03-10T15:35:00.001+05:30' },
    { event_id: 'not-ahead', user_id: 'u', at: at('10:00:00'), client_timestamp: '2026-03-10T10:05:00' },
    {
      event_id: null,
      user_id: null,
      event_type: 'invalid',
      ad_id: null,
      is_bot: null,
      item_id: null,
      partition_date: DAY,
      appended_at: at('10:00:00'),
    },
  )
  await w.run(DAY)
  assert.deepEqual(
    await w.rows(
      'select event_id, is_valid, is_duplicate, validation_errors, warnings, category from silver.clicks_clean order by source_offset',
    ),
    [
      { event_id: 'good', is_valid: true, is_duplicate: false, validation_errors: [], warnings: [], category: 'North Indian' },
      { event_id: 'good', is_valid: false, is_duplicate: true, validation_errors: ['duplicate'], warnings: [], category: 'North Indian' },
      { event_id: 'good', is_valid: false, is_duplicate: true, validation_errors: ['id_conflict'], warnings: [], category: 'North Indian' },
      { event_id: 'good', is_valid: true, is_duplicate: false, validation_errors: [], warnings: [], category: 'North Indian' },
      { event_id: 'bot', is_valid: false, is_duplicate: false, validation_errors: ['bot'], warnings: [], category: 'North Indian' },
      { event_id: 'unknown', is_valid: true, is_duplicate: false, validation_errors: [], warnings: ['unknown_item'], category: null },
      { event_id: 'itemless', is_valid: true, is_duplicate: false, validation_errors: [], warnings: [], category: null },
      {
        event_id: 'ahead',
        is_valid: true,
        is_duplicate: false,
        validation_errors: [],
        warnings: ['future_timestamp'],
        category: 'North Indian',
      },
      { event_id: 'not-ahead', is_valid: true, is_duplicate: false, validation_errors: [], warnings: [], category: 'North Indian' },
      { event_id: null, is_valid: false, is_duplicate: false, validation_errors: ['invalid_event'], warnings: [], category: null },
    ],
  )
})

test('a repeat is recognised on whatever day it comes, by its offset and not by its time', async () => {
  await using w = await openWarehouse()
  await w.clicks({ event_id: 'x', user_id: 'u', at: at('23:59:59') })
  await w.orders({ event_id: 'y', user_id: 'u', at: at('23:59:59') })
  await w.run(DAY)
  for (const day of ['2026-03-12', '2026-03-01']) {
    await w.clicks({ event_id: 'x', user_id: 'u', at: at('00:00:01', day) }, { event_id: 'z', user_id: 'u', at: at('00:00:01', day) })
    await w.orders({ event_id: 'y', user_id: 'u', at: at('00:00:01', day) })
  }
  await w.run()
  const flags = (table: string) => w.rows(`select date, is_duplicate from silver.${table} where event_id in ('x', 'y') order by date`)
  for (const table of ['clicks_clean', 'orders_clean']) {
    assert.deepEqual(await flags(table), [
      { date: '2026-03-01', is_duplicate: true },
      { date: '2026-03-10', is_duplicate: false },
      { date: '2026-03-12', is_duplicate: true },
    ])
  }
})

test('orders_clean: errors, warnings, revenue, and the click that each is due to', async () => {
  await using w = await openWarehouse()
  await w.orders(
    { event_id: 'a', user_id: 'u', at: at('10:00:00'), quantity: 3, price: '100.00' },
    { event_id: 'b', user_id: 'u', at: at('10:00:00'), price: '99.99' },
    { event_id: 'c', user_id: 'u', at: at('10:00:00'), item_id: 9 },
    { event_id: 'd', user_id: 'u', at: at('10:00:00'), status: 'cancelled' },
    { event_id: 'e', user_id: 'u', at: at('10:00:00'), quantity: 0 },
    { event_id: 'f', user_id: 'u', at: at('10:00:00'), is_bot: true },
    { event_id: 'a', user_id: 'u', at: at('10:00:00'), quantity: 3, price: '100.00' },
    { event_id: 'a', user_id: 'u', at: at('10:00:00'), quantity: 4, content_hash: 'other' },
    { event_id: 'g', user_id: 'u', at: at('10:00:00'), appended_at: at('09:54:59.999') },
    {
      event_id: null,
      order_id: null,
      user_id: null,
      event_type: 'invalid',
      status: null,
      is_bot: null,
      item_id: null,
      price: null,
      quantity: null,
      partition_date: DAY,
      appended_at: at('10:00:00'),
    },
  )
  const click = {
    order_event_id: 'a',
    click_event_id: 'c1',
    ad_id: 'ad-1',
    campaign_id: 'camp',
    click_timestamp: at('09:59:00'),
    lag_ms: 60000,
  }
  await w.attributed({ ...click, at: at('10:00:00') }, { ...click, at: at('10:00:00') }, { order_event_id: 'b', at: at('10:00:00') })
  const { state } = await w.run(DAY)
  assert.equal(state, 'done', 'what is no event of ours keeps no day out')
  const rows = await w.rows(
    'select event_id, cast(revenue as varchar) as revenue, is_order, is_valid, validation_errors, warnings, click_event_id, lag_ms from silver.orders_clean order by source_offset',
  )
  const plain = {
    revenue: '100.00',
    is_order: true,
    is_valid: true,
    validation_errors: [],
    warnings: [],
    click_event_id: null,
    lag_ms: null,
  }
  const due = { click_event_id: 'c1', lag_ms: 60_000 }
  assert.deepEqual(rows, [
    { ...plain, event_id: 'a', revenue: '300.00', ...due },
    { ...plain, event_id: 'b', revenue: '99.99', warnings: ['price_differs'] },
    { ...plain, event_id: 'c', warnings: ['unknown_item'] },
    { ...plain, event_id: 'd', is_order: false },
    { ...plain, event_id: 'e', revenue: '0.00', is_valid: false, validation_errors: ['quantity_out_of_range'] },
    { ...plain, event_id: 'f', is_valid: false, validation_errors: ['bot'] },
    { ...plain, event_id: 'a', revenue: '300.00', is_valid: false, validation_errors: ['duplicate'], ...due },
    { ...plain, event_id: 'a', revenue: '400.00', is_valid: false, validation_errors: ['id_conflict'], ...due },
    { ...plain, event_id: 'g', is_valid: false, validation_errors: ['invalid_event'] },
    { ...plain, event_id: null, revenue: null, is_order: false, is_valid: false, validation_errors: ['invalid_event'] },
  ])
})

const sessions =
  'select user_id, date, started_at, ended_at, events, clicks, impressions, orders, cast(revenue as varchar) as revenue, entry_item_id from silver.user_sessions order by user_id, started_at'

test('user_sessions: a gap of 30:00.000 is the same session, one of 30:00.001 another; over midnight it stays whole', async () => {
  await using w = await openWarehouse()
  await w.clicks(
    { user_id: 'gap', at: at('10:00:00.000'), event_type: 'impression', item_id: 2 },
    { user_id: 'gap', at: at('10:30:00.000') },
    { user_id: 'gap', at: at('11:00:00.001') },
    { user_id: 'bot', at: at('10:00:00'), is_bot: true },
    { user_id: 'night', at: at('23:50:00') },
    { user_id: 'night', at: at('00:20:00', '2026-03-11') },
  )
  await w.orders(
    { user_id: 'night', at: at('00:30:00', '2026-03-11'), price: '50.50', item_id: 2 },
    { user_id: 'night', at: at('00:31:00', '2026-03-11'), status: 'confirmed' },
  )
  await w.run(DAY, '2026-03-11')
  const none = { clicks: 0, impressions: 0, orders: 0, revenue: '0.00', entry_item_id: 1 }
  assert.deepEqual(await w.rows(sessions), [
    {
      ...none,
      user_id: 'gap',
      date: DAY,
      started_at: `${DAY}T10:00:00.000Z`,
      ended_at: `${DAY}T10:30:00.000Z`,
      events: 2,
      impressions: 1,
      clicks: 1,
      entry_item_id: 2,
    },
    { ...none, user_id: 'gap', date: DAY, started_at: `${DAY}T11:00:00.001Z`, ended_at: `${DAY}T11:00:00.001Z`, events: 1, clicks: 1 },
    {
      ...none,
      user_id: 'night',
      date: DAY,
      started_at: `${DAY}T23:50:00.000Z`,
      ended_at: '2026-03-11T00:30:00.000Z',
      events: 3,
      clicks: 2,
      orders: 1,
      revenue: '50.50',
    },
  ])
})

test('user_sessions: the path is the items in the order of time, at most 50, and without events of no item', async () => {
  await using w = await openWarehouse()
  await w.clicks(
    { user_id: 'short', at: at('10:00:01'), event_type: 'impression', item_id: 7 },
    { user_id: 'short', at: at('10:00:00'), item_id: null },
    { user_id: 'short', at: at('10:00:01'), item_id: 8 },
    ...Array.from({ length: 51 }, (_, i) => ({
      user_id: 'long',
      at: at(`10:00:${String(i).padStart(2, '0')}`),
      item_id: 100 - i,
    })).toReversed(),
  )
  await w.orders({ user_id: 'short', at: at('10:00:01'), item_id: 1 })
  await w.run(DAY)
  assert.deepEqual(await w.rows('select user_id, entry_item_id, path from silver.user_sessions order by user_id'), [
    { user_id: 'long', entry_item_id: 100, path: Array.from({ length: 50 }, (_, i) => 100 - i) },
    { user_id: 'short', entry_item_id: null, path: [8, 7, 1] },
  ])
})

test('a session that runs on for days is one, however the days are run, and whatever comes late', async () => {
  const days = ['2026-03-10', '2026-03-11', '2026-03-12', '2026-03-13']
  const halfHours = days.flatMap((day) =>
    Array.from({ length: 48 }, (_, half) => ({
      user_id: 'awake',
      at: at(`${String(half >> 1).padStart(2, '0')}:${half % 2 ? '30' : '00'}:00`, day),
    })),
  )
  const late = { user_id: 'awake', at: at('00:00:00', '2026-03-12') }
  const before = halfHours.filter((each) => each.at !== late.at)
  await using atOnce = await openWarehouse()
  await atOnce.clicks(...before, late)
  await atOnce.run(days[0], days.at(-1))
  await using dayByDay = await openWarehouse()
  await dayByDay.clicks(...before.filter((each) => each.at < '2026-03-12'))
  await dayByDay.run(days[0], days[1])
  await dayByDay.clicks(...before.filter((each) => each.at > '2026-03-12'))
  await dayByDay.run(days[3])
  assert.equal((await dayByDay.rows(sessions)).length, 2, 'the gap around midnight makes two')
  await dayByDay.clicks(late)
  await dayByDay.run()
  assert.deepEqual(await dayByDay.rows(sessions), await atOnce.rows(sessions))
  assert.deepEqual(
    (await atOnce.rows<{ date: string; events: number }>(sessions)).map(({ date, events }) => ({ date, events })),
    [{ date: DAY, events: 192 }],
  )
})
