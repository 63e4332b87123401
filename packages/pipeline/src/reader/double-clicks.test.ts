import assert from 'node:assert/strict'
import { test } from 'node:test'
import { doubleClicks, type ClickAt } from './double-clicks.ts'
import { fc } from '../kernel/testing/chance.ts'

const click: fc.Arbitrary<ClickAt> = fc.record({
  userId: fc.constantFrom('u1', 'u2'),
  adId: fc.constantFrom('a1', 'a2'),
  ts: fc.oneof(fc.nat(20_000), fc.constantFrom(0, 1_999, 2_000, 2_001, 3_999, 4_000, 5_998)),
})
const windowMs = fc.oneof(fc.constantFrom(0, 1, 2_000), fc.nat(6_000))

/** The rule, word for word, over everything at once. */
function oracle(clicks: readonly ClickAt[], window: number): boolean[] {
  return clicks.map((each, at) =>
    clicks.slice(0, at).some((other) => other.userId === each.userId && other.adId === each.adId && each.ts - other.ts < window),
  )
}

test('what is a double click equals the naive rule', () => {
  fc.assert(
    fc.property(fc.array(click, { maxLength: 60 }), windowMs, (unsorted, window) => {
      const clicks = unsorted.toSorted((a, b) => a.ts - b.ts)
      const doubles = doubleClicks(window)
      assert.deepEqual(
        clicks.map((each) => doubles.isDouble(each)),
        oracle(clicks, window),
      )
    }),
    { numRuns: 2_000 },
  )
})

const doubled = (window: number, ...times: number[]) => {
  const doubles = doubleClicks(window)
  return times.map((ts) => doubles.isDouble({ userId: 'u', adId: 'a', ts }))
}

test('1,999 ms after another is double, 2,000 ms is not', () => {
  assert.deepEqual(doubled(2_000, 5_000, 6_999), [false, true])
  assert.deepEqual(doubled(2_000, 5_000, 7_000), [false, false])
})

test('a chain is doubled by the click before, charged or not', () => {
  assert.deepEqual(doubled(2_000, 0, 1_500, 3_000, 4_500, 6_500), [false, true, true, true, false])
})

test('at one instant the first is charged', () => {
  assert.deepEqual(doubled(2_000, 7, 7, 7), [false, true, true])
})

test('with a window of 0 nothing is double', () => {
  assert.deepEqual(doubled(0, 7, 7, 8), [false, false, false])
})

test('other users and other ads do not double', () => {
  const doubles = doubleClicks(2_000)
  const of = (userId: string, adId: string) => doubles.isDouble({ userId, adId, ts: 0 })
  assert.deepEqual(
    [of('u', 'a'), of('u', 'b'), of('v', 'a'), of('a b', 'c'), of('a', 'b c'), of('u', 'a')],
    [false, false, false, false, false, true],
  )
})

test('cleared, it has forgotten', () => {
  const doubles = doubleClicks(2_000)
  doubles.isDouble({ userId: 'u', adId: 'a', ts: 0 })
  doubles.clear()
  assert.equal(doubles.isDouble({ userId: 'u', adId: 'a', ts: 1 }), false)
})
