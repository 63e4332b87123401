import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFood, rupees, total } from './food.ts'

test('money is written as in India, paise only where there are some', () => {
  assert.deepEqual([329, 119.5, 123_456].map(rupees), ['₹329', '₹119.50', '₹1,23,456'])
  assert.equal(total(119.5, 3), 358.5)
  assert.equal(total(0.1, 3), 0.3)
})

test('a dish without number, name, category or price is none; a picture of another host is left out', () => {
  const dish = { food_id: 1, name: 'Dal', category: 'North Indian', price: 99, image_url: '/images/foods/dal.svg', is_available: true }
  assert.deepEqual(parseFood(dish), { ...dish, description: '' })
  assert.equal(parseFood({ ...dish, price: '99' }), undefined)
  assert.equal(parseFood(null), undefined)
  for (const image_url of ['https://else.where/x.svg', '//else.where/x.svg', 'javascript:1', 7]) {
    assert.equal(parseFood({ ...dish, image_url })?.image_url, '')
  }
})
