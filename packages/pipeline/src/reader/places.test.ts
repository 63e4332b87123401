import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS, ORDERS } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import { transaction } from '../kernel/sqlite.ts'
import { noTally, placesIn, standingsIn, type Move, type Standing } from './places.ts'
import { memoryStore } from './testing/fixture.ts'

const move = (from: number, next: number, more: Partial<Move> = {}): Move => ({
  topic: CLICKS,
  partition: 1,
  from,
  next,
  timeMs: -1,
  heartbeats: 0,
  tally: noTally(),
  ...more,
})

test('a partition begins once, and no later beginning moves it', () => {
  using store = memoryStore()
  const places = placesIn(store.db, 'mine')
  places.begin('log-a', { topic: CLICKS, partition: 1, next: 7 })
  places.begin('log-b', { topic: CLICKS, partition: 1, next: 9 })
  assert.deepEqual(
    places.standings().map((each) => ({ ...each })),
    [
      {
        reader: 'mine',
        topic: CLICKS,
        partition: 1,
        logId: 'log-a',
        began: 7,
        expired: 0,
        next: 7,
        timeMs: -1,
        heartbeats: 0,
        ...noTally(),
      },
    ],
  )
})

test('a move adds to the books and keeps where the reader began', () => {
  using store = memoryStore()
  const places = placesIn(store.db, 'mine')
  places.begin('log', { topic: CLICKS, partition: 1, next: 7 })
  places.move(move(7, 10, { timeMs: 100, heartbeats: 1, tally: { read: 3, applied: 1, duplicate: 1, late: 0, skipped: 1, dead: 0 } }))
  places.move(move(10, 12, { timeMs: 90, tally: { read: 2, applied: 0, duplicate: 0, late: 1, skipped: 0, dead: 1 } }))
  const [standing] = places.standings()
  const { began, next, timeMs, heartbeats, read, applied, duplicate, late, skipped, dead } = standing!
  assert.deepEqual([began, next, timeMs, heartbeats], [7, 12, 90, 1])
  assert.deepEqual({ read, applied, duplicate, late, skipped, dead }, { read: 5, applied: 1, duplicate: 1, late: 1, skipped: 1, dead: 1 })
})

test('a place moves only from where it stood', () => {
  using store = memoryStore()
  const places = placesIn(store.db, 'mine')
  places.begin('log', { topic: CLICKS, partition: 1, next: 0 })
  places.move(move(0, 5))
  for (const wrong of [move(0, 6), move(6, 7), move(5, 6, { partition: 2 }), move(5, 6, { topic: ORDERS })]) {
    assert.throws(
      () => places.move(wrong),
      (error) => hasCode(error, 'place_moved'),
    )
  }
  assert.equal(places.standings()[0]?.next, 5)
})

test('what expired is booked and passed, from where the place stood, and the rest of the books stays', () => {
  using store = memoryStore()
  const places = placesIn(store.db, 'mine')
  places.begin('log', { topic: CLICKS, partition: 1, next: 7 })
  places.move(move(7, 10, { timeMs: 100, tally: { ...noTally(), read: 3, applied: 3 } }))
  places.expire({ topic: CLICKS, partition: 1, from: 10, to: 25 })
  places.expire({ topic: CLICKS, partition: 1, from: 25, to: 26 })
  assert.throws(
    () => places.expire({ topic: CLICKS, partition: 1, from: 25, to: 30 }),
    (error) => hasCode(error, 'place_moved'),
  )
  const [{ began, expired, next, timeMs, read } = {}] = places.standings() as Partial<Standing>[]
  assert.deepEqual({ began, expired, next, timeMs, read }, { began: 7, expired: 16, next: 26, timeMs: 100, read: 3 })
})

test('a move that is rolled back did not happen', () => {
  using store = memoryStore()
  const places = placesIn(store.db, 'mine')
  places.begin('log', { topic: CLICKS, partition: 1, next: 0 })
  assert.throws(() =>
    transaction(store.db, () => {
      places.move(move(0, 5, { tally: { ...noTally(), read: 5, applied: 5 } }))
      throw new Error('no')
    }),
  )
  assert.deepEqual([places.standings()[0]?.next, places.standings()[0]?.read], [0, 0])
})

test('readers stand apart, and all of them are seen together', () => {
  using store = memoryStore()
  const [mine, yours] = [placesIn(store.db, 'mine'), placesIn(store.db, 'yours')]
  yours.begin('log', { topic: CLICKS, partition: 1, next: 0 })
  for (const partition of [2, 1]) mine.begin('log', { topic: CLICKS, partition, next: 0 })
  mine.begin('log', { topic: ORDERS, partition: 0, next: 0 })
  mine.move(move(0, 5))
  assert.deepEqual(
    standingsIn(store.db).map(({ reader, topic, partition, next }) => [reader, topic, partition, next]),
    [
      ['mine', CLICKS, 1, 5],
      ['mine', CLICKS, 2, 0],
      ['mine', ORDERS, 0, 0],
      ['yours', CLICKS, 1, 0],
    ],
  )
  assert.equal(yours.standings().length, 1)
})
