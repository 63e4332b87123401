import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import type { LogRecord } from '../event-log.ts'
import { add, countFrom, goesOnAt, holds, isFull, isHungry, passTo, stretchAt, takeFrom } from './kafka-stretch.ts'

const PLACE = { topic: CLICKS, partition: 3, next: 10 } as const
const VALUE = 'x'.repeat(100_000)
const recordAt = (offset: number): LogRecord => ({ ...PLACE, offset, key: null, value: VALUE, headers: {}, appendedAt: 0 })

function filled(from: number, count: number) {
  const stretch = stretchAt({ ...PLACE, next: from })
  for (let offset = from; offset < from + count; offset += 1) add(stretch, recordAt(offset))
  return stretch
}
const offsets = (records: readonly LogRecord[]) => records.map(({ offset }) => offset)

test('gives what lies from a place on, and holds its places', () => {
  const stretch = filled(10, 5)
  assert.deepEqual(offsets(takeFrom(stretch, 12, 2)), [12, 13])
  assert.deepEqual(offsets(takeFrom(stretch, 14, 9)), [14])
  assert.deepEqual([countFrom(stretch, 13), countFrom(stretch, 15)], [2, 0])
  assert.ok(holds(stretch, 15) && !holds(stretch, 16))
})

test('lets go of what lies far behind its readers, and no longer holds it', () => {
  const stretch = filled(0, 30)
  passTo(stretch, 25)
  assert.ok(stretch.from > 0 && stretch.from <= 25)
  assert.ok(!holds(stretch, 0) && holds(stretch, 25))
  assert.deepEqual(offsets(takeFrom(stretch, 25, 9)), [25, 26, 27, 28, 29])
})

test('is full with a few megabytes, and hungry once its reader has passed half of them', () => {
  const stretch = filled(0, 43)
  assert.ok(isFull(stretch) && !isHungry(stretch))
  passTo(stretch, 30)
  assert.ok(!isFull(stretch) && isHungry(stretch))
})

test('whoever has taken all of a full one leaves it hungry', () => {
  const stretch = filled(0, 43)
  passTo(stretch, 43)
  assert.ok(isHungry(stretch) && holds(stretch, 43))
})

test('where records may be left out it goes on behind them, and never back', () => {
  const stretch = filled(10, 2)
  assert.ok(goesOnAt(stretch, 15, false))
  assert.ok(!goesOnAt(stretch, 11, false))
})

test('where none are left out it stops before a gap, for good', () => {
  const stretch = filled(10, 2)
  assert.ok(goesOnAt(stretch, 12, true))
  assert.ok(!goesOnAt(stretch, 14, true))
  assert.equal(stretch.gapTo, 14)
  assert.ok(!goesOnAt(stretch, 12, true))
  assert.ok(isFull(stretch) && !isHungry(stretch))
})

test('begins behind a gap that was proven, and holds the place before it', () => {
  const stretch = stretchAt(PLACE, 14)
  assert.ok(holds(stretch, 10))
  assert.ok(goesOnAt(stretch, 14, true))
  add(stretch, recordAt(14))
  assert.deepEqual(offsets(takeFrom(stretch, 10, 5)), [14])
})
