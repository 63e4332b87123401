import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Food } from './food.ts'
import { menuOrder, readSelection, select, selectionHref, summary } from './selection.ts'

const dish = (food_id: number, category: string, name: string, more: Partial<Food & { ad: object }> = {}) => ({
  food_id,
  name,
  category,
  price: 100,
  description: '',
  image_url: '',
  is_available: true,
  ad: undefined as object | undefined,
  ...more,
})

test('every word must be there, in name, category or description, whatever its case and accents', () => {
  const foods = [dish(1, 'Pizza', 'Margherita'), dish(2, 'Snacks', 'Jalapeño Bites', { description: 'With cheese.' })]
  const ids = (query: string, category = '') => select(foods, { category, query }).map(({ food_id }) => food_id)
  assert.deepEqual(ids('  jalapeno CHEESE '), [2])
  assert.deepEqual(ids('pizza cheese'), [])
  assert.deepEqual(ids('', 'pizza'), [1])
  assert.deepEqual(ids('', 'Pizz'), [])
  assert.deepEqual(ids(''), [1, 2])
})

test('a selection survives its address', () => {
  const selection = { category: 'North Indian', query: 'dal & naan' }
  const href = selectionHref(selection)
  assert.equal(href, '/?category=North+Indian&q=dal+%26+naan')
  assert.deepEqual(readSelection(new URL(href, 'http://x').searchParams), selection)
  assert.equal(selectionHref({ category: '', query: '  ' }), '/')
})

test('the count is said in words', () => {
  assert.equal(summary(25, { category: '', query: '' }), '25 dishes')
  assert.equal(summary(1, { category: 'Pizza', query: 'tan ' }), '1 dish in Pizza for “tan”')
  assert.equal(summary(0, { category: '', query: 'x' }), 'No dishes for “x”')
})

test('categories take turns, paid placements first among their own, sold out last', () => {
  const foods = [
    dish(1, 'A', 'a'),
    dish(2, 'A', 'b', { ad: {} }),
    dish(3, 'A', 'c', { ad: {}, is_available: false }),
    dish(4, 'B', 'd'),
    dish(5, 'B', 'e'),
  ]
  assert.deepEqual(
    menuOrder(foods).map(({ food_id }) => food_id),
    [2, 4, 1, 5, 3],
  )
  assert.deepEqual(menuOrder([]), [])
})
