import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kitchenTime, parseOrder, progress } from './order.ts'

const answer = {
  order_id: 'o',
  item_id: 4,
  item_name: null,
  price: 329,
  quantity: 2,
  status: 'confirmed',
  created_at: '2026-11-21T10:12:00Z',
}

test('an order without a name is called by its dish; what is no order is none', () => {
  assert.equal(parseOrder(answer)?.itemName, 'Dish 4')
  assert.equal(parseOrder({ ...answer, price: '329' }), undefined)
  assert.equal(parseOrder([]), undefined)
})

test('a status is a place on the way, and cancelled is off it', () => {
  assert.deepEqual(progress('placed'), { cancelled: false, done: 1 })
  assert.deepEqual(progress('delivered'), { cancelled: false, done: 3 })
  assert.deepEqual(progress('cancelled'), { cancelled: true, done: 0 })
  assert.equal(progress('something new').done, 1)
})

test('times are shown as the kitchen has them', () => {
  assert.equal(kitchenTime('2026-11-21T10:12:00Z'), '21 Nov 2026, 15:42')
  assert.equal(kitchenTime('soon'), 'soon')
})
