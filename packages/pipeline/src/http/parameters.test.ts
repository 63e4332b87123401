import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idOf, daysIn, rangeIn, type Query } from './parameters.ts'

const TODAY = '2026-03-15'
const problem = (field: string, message: string) => ({ field, message })

test('an id is refused for what is wrong with it', () => {
  assert.equal(idOf('id', 'ä'.repeat(128)), 'ä'.repeat(128))
  assert.throws(() => idOf('id', 'a'.repeat(129)), problem('id', 'must be 1 to 128 characters'))
  assert.throws(() => idOf('id', 'a\0b'), problem('id', 'must not hold the character U+0000'))
})

test('days are the month to date where nothing is said, and both ends are in', () => {
  const range = (query: Query) => rangeIn(query, TODAY)
  assert.deepEqual(range({}), ['2026-03-01', TODAY])
  assert.deepEqual(range({ to: '2026-02-10' }), ['2026-02-01', '2026-02-10'])
  assert.deepEqual(range({ from: TODAY }), [TODAY, TODAY])
})

test('exactly 366 days are a range, and one more is refused, with how many they are', () => {
  assert.deepEqual(rangeIn({ from: '2025-03-01', to: '2026-03-01' }, TODAY), ['2025-03-01', '2026-03-01'])
  assert.throws(
    () => rangeIn({ from: '2025-02-28', to: '2026-03-01' }, TODAY),
    problem('from', 'and to may span at most 366 days, both included; these are 367'),
  )
})

test('days the wrong way round are refused in the words of who asked', () => {
  assert.throws(() => rangeIn({ from: '2026-03-03', to: '2026-03-02' }, TODAY), problem('from', 'must not be after to'))
  assert.throws(() => rangeIn({ from: '2026-03-16' }, TODAY), problem('from', `must not be after today, ${TODAY}`))
})

test('what is no day is refused by its name', () => {
  for (const field of ['from', 'to']) {
    for (const text of ['2026-02-30', 'tomorrow', '', ['2026-03-01', '2026-03-02']])
      assert.throws(() => rangeIn({ [field]: text }, TODAY), problem(field, 'must be a day, YYYY-MM-DD'))
  }
})

test('a route says which day is the first where only the last is asked for, and how many it allows', () => {
  const rule = { today: TODAY, firstOf: (last: string) => last, daysMax: 2 }
  assert.deepEqual(daysIn({}, rule), [TODAY, TODAY])
  assert.deepEqual(daysIn({ to: '2026-03-02' }, rule), ['2026-03-02', '2026-03-02'])
  assert.deepEqual(daysIn({ from: '2026-03-14' }, rule), ['2026-03-14', TODAY])
  assert.throws(() => daysIn({ from: '2026-03-13' }, rule), problem('from', 'and to may span at most 2 days, both included; these are 3'))
})
