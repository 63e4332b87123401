import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bucketsOf, monthsTo, rangeOf, type RangeName } from './days.ts'

const TODAY = '2026-03-01'
const CHOICES = ['7', 'today', '28', 'month', 'previous', 'own'] as const
const range = (said: Record<string, string>, today = TODAY, choices: readonly RangeName[] = CHOICES) =>
  rangeOf((name) => said[name] ?? '', today, choices)

test('a range ends today, and the days of it that are over are set against as many right before', () => {
  const { from, to, days, before, over, isOpen } = range({ range: '7' })
  assert.deepEqual([from, to, days, isOpen], ['2026-02-23', '2026-03-01', 7, true])
  assert.deepEqual(over, { from: '2026-02-23', to: '2026-02-28', days: 6 })
  assert.deepEqual(before, { from: '2026-02-17', to: '2026-02-22', days: 6 })
  assert.equal(range({}).days, 7)
})

test('of today alone nothing is over: the day before is set beside it', () => {
  const { over, before } = range({ range: 'today' })
  assert.deepEqual([over, before], [undefined, { from: '2026-02-28', to: '2026-02-28', days: 1 }])
})

test('a month is to date, or the one before, over the turn of a year too', () => {
  const days = (said: string, today: string) => {
    const { from, to } = range({ range: said }, today)
    return [from, to]
  }
  assert.deepEqual(days('month', '2026-01-31'), ['2026-01-01', '2026-01-31'])
  assert.deepEqual(days('previous', '2026-01-31'), ['2025-12-01', '2025-12-31'])
  assert.deepEqual(days('previous', '2024-03-01'), ['2024-02-01', '2024-02-29'])
  assert.equal(range({}, TODAY, ['month', 'own']).name, 'month')
})

test('days of one’s own are taken from the address; what are none, or the wrong way round, are not', () => {
  for (const named of [{ range: 'own' }, {}]) {
    const own = range({ ...named, from: '2010-12-01', to: '2010-12-06' })
    assert.deepEqual([own.name, own.from, own.to, own.days, own.isOpen], ['own', '2010-12-01', '2010-12-06', 6, false])
    assert.deepEqual([own.over?.days, own.before.from], [6, '2010-11-25'])
  }
  for (const [from, to] of [
    ['2026-02-30', '2026-03-01'],
    ['2026-03-01', '2026-02-28'],
    ['', ''],
    ['2026-02-01', ''],
    ['yesterday', '2026-03-01'],
  ] as const)
    assert.deepEqual([range({ range: 'own', from, to }).name, range({ range: 'own', from, to }).days], ['7', 7])
  assert.equal(range({ range: 'ever' }).name, '7')
  assert.equal(range({ range: '90' }).name, '7')
})

test('twelve months end with that of the last day, over the turn of a year too', () => {
  assert.deepEqual(monthsTo('2026-03-31'), { from: '2025-04-01', to: '2026-03-31' })
  assert.deepEqual(monthsTo('2026-12-01'), { from: '2026-01-01', to: '2026-12-01' })
})

test('a bar is a day, a week or 30 days, every day is in one of them, and the last ends with the range', () => {
  for (const [from, days, size] of [
    ['2026-02-01', 29, 1],
    ['2025-11-01', 121, 7],
    ['2023-03-02', 1_096, 30],
  ] as const) {
    const own = range({ range: 'own', from, to: '2026-03-01' })
    const buckets = bucketsOf(own)
    assert.deepEqual([own.days, buckets[0]?.from, buckets[0]?.days, buckets.at(-1)?.to], [days, from, size, '2026-03-01'])
    assert.equal(buckets.length, Math.ceil(days / size))
    for (const [at, { from: next }] of buckets.slice(1).entries()) assert.equal(Date.parse(next) - Date.parse(buckets[at]!.to), 86_400_000)
  }
})
