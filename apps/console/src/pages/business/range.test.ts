import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bucketsOf, monthsTo, rangeOf } from './range.ts'

/** A moment before midnight, UTC. */
const NOW = Date.parse('2026-03-01T23:59:59Z')
const range = (said: Record<string, string>) => rangeOf((name) => said[name] ?? '', NOW)

test('a range ends today, and is set against as many days right before', () => {
  const { from, to, days, before, isOpen } = range({ range: '7' })
  assert.deepEqual([from, to, days, isOpen, before], ['2026-02-23', '2026-03-01', 7, true, { from: '2026-02-16', to: '2026-02-22' }])
  assert.deepEqual(range({ range: 'today' }).before, { from: '2026-02-28', to: '2026-02-28' })
  assert.equal(range({}).days, 7)
})

test('days of one’s own are taken from the address; what are none, or the wrong way round, are not', () => {
  const own = range({ range: 'own', from: '2010-12-01', to: '2010-12-06' })
  assert.deepEqual([own.from, own.to, own.days, own.isOpen], ['2010-12-01', '2010-12-06', 6, false])
  for (const [from, to] of [
    ['2026-02-30', '2026-03-01'],
    ['2026-03-01', '2026-02-28'],
    ['', ''],
    ['yesterday', '2026-03-01'],
  ] as const)
    assert.equal(range({ range: 'own', from, to }).days, 7)
  assert.equal(range({ range: 'ever' }).name, '7')
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
