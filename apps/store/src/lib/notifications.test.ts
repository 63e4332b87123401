import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CUSTOMER_ID, parseNotifications } from './notifications.ts'

test('what is no notification is passed over; what is no answer is none', () => {
  const one = { id: 'i', kind: 'k', title: 't', message: 'm', order_id: 'o', item_id: 1, timestamp: '2026-01-01T00:00:00Z' }
  assert.deepEqual(parseNotifications({ unread: 2, latest: 'l', notifications: [one, { ...one, title: 7 }, null] }), {
    unread: 2,
    latest: 'l',
    list: [{ id: 'i', title: 't', message: 'm', orderId: 'o', timestamp: '2026-01-01T00:00:00Z' }],
  })
  assert.deepEqual(parseNotifications({ unread: 0, latest: null, notifications: [] }), { unread: 0, latest: undefined, list: [] })
  for (const value of [undefined, null, {}, { unread: '1', notifications: [] }]) assert.equal(parseNotifications(value), undefined)
})

test('only a customer with a name that nobody can guess is answered', () => {
  assert.ok(CUSTOMER_ID.test('0196f0a2-7d3c-7e51-9c1f-3f0a5b6c7d8e'))
  for (const id of ['42', '', 'x0196f0a2-7d3c-7e51-9c1f-3f0a5b6c7d8e', '../orders']) assert.ok(!CUSTOMER_ID.test(id), id)
})
