import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ATTRIBUTED, DAY_MS, isoOf, NOTES_MAX, ORDERS, type Topic } from '@flowguard/contract'
import type { LogRecord } from '../../log/event-log.ts'
import { feeding, memoryStore, START, valuesIn } from '../../reader/testing/fixture.ts'
import { sqliteNotesView } from '../adapters/sqlite-notes.ts'
import { adNotes, orderNotes } from './handlers.ts'
import { notesTable, type NotesTable } from './table.ts'
import { openedNotes } from './testing/notes.ts'
import { notificationsOf } from './words.ts'

const clock = () => START
let offset = 0

const recordOf = (topic: Topic, value: object, appendedAt = START): LogRecord => ({
  topic,
  partition: 0,
  offset: offset++,
  key: 'u',
  value: JSON.stringify(value),
  headers: { content_hash: JSON.stringify(value) },
  appendedAt,
})

const order = (id: string, type: string, ts: number, more: object = {}, appendedAt = START + ts) =>
  recordOf(
    ORDERS,
    {
      event_type: 'order',
      event_id: `${id}-${type}`,
      order_id: id,
      user_id: 'u',
      item_id: 4,
      item_name: 'Dal',
      price: 99,
      quantity: 2,
      order_type: type,
      ts: START + ts,
      received_at: isoOf(START),
      is_bot: false,
      ...more,
    },
    appendedAt,
  )

const attributed = (id: string, ts: number, click: object | null, more: object = {}) =>
  recordOf(
    ATTRIBUTED,
    {
      order_id: id,
      event_id: `e-${id}`,
      user_id: 'u',
      item_id: 4,
      price: 99,
      quantity: 2,
      timestamp: isoOf(START + ts),
      click,
      lag_ms: click ? 5 : null,
      ...more,
    },
    START + ts,
  )

const CLICK = { event_id: 'c', ad_id: 'a', campaign_id: null, timestamp: isoOf(START) }

function reading() {
  const store = openedNotes()
  const view = sqliteNotesView(store.path)
  const make = (table: NotesTable) => ({
    orders: feeding(store.db, 'customers', [ORDERS], () => orderNotes(table, clock)),
    ads: feeding(store.db, 'customers-ads', [ATTRIBUTED], () => adNotes(table, clock, (item) => (item === 4 ? 'Dal' : undefined))),
  })
  return {
    ...store,
    ...make(notesTable(store.db)),
    told: async (since = -1, limit = NOTES_MAX) => notificationsOf('u', await view.notes('u', 0), { since, limit }),
    [Symbol.dispose]() {
      view[Symbol.dispose]()
      store[Symbol.dispose]()
    },
  }
}

test('an order is confirmed by being placed, and once; delivered, cancelled, and an ad that led to it are told too', async () => {
  using at = reading()
  at.orders.apply([
    order('o', 'placed', 1),
    order('o', 'confirmed', 2),
    order('o', 'delivered', 3),
    order('p', 'placed', 4),
    order('p', 'cancelled', 5),
  ])
  at.ads.apply([attributed('o', 1, CLICK), attributed('p', 4, null)])
  const { notifications, total, unread, latest } = await at.told()
  assert.deepEqual(
    notifications.map(({ kind, order_id, title, message }) => [kind, order_id, title, message]),
    [
      ['order_cancelled', 'p', 'Order cancelled', 'Your order of 2 × Dal was cancelled. Nothing is charged.'],
      ['order_confirmed', 'p', 'Order confirmed', 'We have your order of 2 × Dal, and it is on its way to the stove.'],
      ['order_delivered', 'o', 'Order delivered', 'Your order of 2 × Dal was delivered. Enjoy your meal!'],
      ['order_confirmed', 'o', 'Order confirmed', 'We have your order of 2 × Dal, and it is on its way to the stove.'],
      ['ad_order', 'o', 'Thank you', 'You saw Dal with us and ordered it: thank you for trying what we recommend.'],
    ],
  )
  assert.deepEqual([total, unread, latest], [5, 5, isoOf(START + 5)])
})

test('read again from the start, cut off anywhere, it tells nothing twice; bots and what is no order are passed', async () => {
  using at = reading()
  const records = [
    order('o', 'placed', 1),
    order('o', 'delivered', 2),
    order('b', 'placed', 3, { is_bot: true }),
    recordOf(ORDERS, { event_type: 'heartbeat', ts: START }),
  ]
  at.orders.applyAndRollBack(records)
  assert.equal((await at.told()).total, 0)
  assert.deepEqual(at.orders.apply(records), ['applied', 'applied', 'skipped', 'skipped'])
  at.orders.restart()
  assert.deepEqual(at.orders.apply(records), ['duplicate', 'duplicate', 'skipped', 'skipped'])
  assert.deepEqual(at.ads.apply([attributed('b', 3, CLICK, { is_bot: true }), recordOf(ATTRIBUTED, { no: 'order' })]), [
    'skipped',
    'skipped',
  ])
  assert.equal((await at.told()).total, 2)
})

test('unread is what came in since, whenever it happened', async () => {
  using at = reading()
  at.orders.apply([order('o', 'placed', 10), order('late', 'placed', 1, {}, START + 20)])
  const { unread, notifications } = await at.told(START + 10, 1)
  assert.deepEqual([unread, notifications.map(({ order_id }) => order_id)], [1, ['o']])
})

test('what is older than 30 days goes', async () => {
  using at = reading()
  at.orders.apply([order('old', 'placed', 0, {}, START - 31 * DAY_MS), order('new', 'placed', 1)])
  at.orders.apply([order('next', 'placed', 2)])
  assert.deepEqual(
    (await at.told()).notifications.map(({ order_id }) => order_id),
    ['next', 'new'],
  )
})

test('the derived topics are left alone', async () => {
  using store = memoryStore()
  feeding(store.db, 'customers', [ORDERS], () => orderNotes(notesTable(store.db), clock)).apply([order('o', 'placed', 1)])
  assert.deepEqual(await valuesIn(store.derived, ATTRIBUTED), [])
})
