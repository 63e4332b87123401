import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rangeOf } from './range.ts'

const none = { month: '', from: '', to: '' }

test('without a word it is this month to date, on its first day too', () => {
  assert.deepEqual(rangeOf(none, '2026-03-15'), { choice: 'month', from: '2026-03-01', to: '2026-03-15' })
  assert.deepEqual(rangeOf(none, '2026-03-01'), { choice: 'month', from: '2026-03-01', to: '2026-03-01' })
})

test('the previous month is whole, over the turn of a year and in a leap year', () => {
  const previous = (today: string) => rangeOf({ ...none, month: 'previous' }, today)
  assert.deepEqual(previous('2026-01-31'), { choice: 'previous', from: '2025-12-01', to: '2025-12-31' })
  assert.deepEqual(previous('2028-03-31'), { choice: 'previous', from: '2028-02-01', to: '2028-02-29' })
})

test('days of its own go before a month, and one end finds the other', () => {
  assert.deepEqual(rangeOf({ month: 'previous', from: '2026-02-03', to: '2026-02-05' }, '2026-03-15'), {
    choice: 'own',
    from: '2026-02-03',
    to: '2026-02-05',
  })
  assert.deepEqual(rangeOf({ ...none, to: '2026-02-05' }, '2026-03-15'), { choice: 'own', from: '2026-02-01', to: '2026-02-05' })
  assert.deepEqual(rangeOf({ ...none, from: '2026-02-05' }, '2026-03-15'), { choice: 'own', from: '2026-02-05', to: '2026-03-15' })
})
