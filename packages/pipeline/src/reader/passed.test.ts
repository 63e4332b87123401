import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { ATTRIBUTED, CLICKS, DEAD, GENERAL, type Topic } from '@flowguard/contract'
import { passedIn } from './passed.ts'
import { noTally, placesIn } from './places.ts'
import { memoryStore } from './testing/fixture.ts'

type Store = ReturnType<typeof memoryStore>

function stand(store: Store, reader: string, topic: Topic, nexts: readonly number[]) {
  const places = placesIn(store.db, reader)
  nexts.forEach((next, partition) => {
    places.begin('log', { topic, partition, next: 0 })
    places.move({ topic, partition, from: 0, next, timeMs: -1, heartbeats: 0, tally: noTally() })
  })
}

const passed = (store: Store, topic: Topic, partitions: number) => [...passedIn([store.db], topic, partitions).values()]

test('a partition is passed to where its slowest reader stands', () => {
  using store = memoryStore()
  stand(store, 'stream', CLICKS, [5, 9, 4])
  stand(store, 'billing', CLICKS, [7, 2, 4])
  stand(store, 'loader', CLICKS, [9, 9, 9])
  assert.deepEqual(passed(store, CLICKS, 3), [5, 2, 4])
})

test('a reader that has yet to begin has passed nothing, in a partition or at all', () => {
  using store = memoryStore()
  stand(store, 'stream', CLICKS, [5, 9])
  stand(store, 'loader', CLICKS, [5, 9])
  assert.deepEqual(passed(store, CLICKS, 2), [0, 0])
  stand(store, 'billing', CLICKS, [5])
  assert.deepEqual(passed(store, CLICKS, 2), [5, 0])
})

test('only the readers of a topic hold it back, and one that nobody knows does not', () => {
  using store = memoryStore()
  stand(store, 'billing-orders', ATTRIBUTED, [3])
  stand(store, 'loader', ATTRIBUTED, [4])
  stand(store, 'stream', ATTRIBUTED, [1])
  stand(store, 'a reader of old', ATTRIBUTED, [0])
  assert.deepEqual(passed(store, ATTRIBUTED, 1), [3])
})

test('the general lane is passed when the workers, whose places lie in a store of their own, have passed it; copies of dead letters are another log', () => {
  using pipeline = memoryStore()
  using lane = memoryStore()
  stand(pipeline, 'loader', GENERAL, [9])
  stand(pipeline, 'lane-dead', DEAD, [2])
  assert.deepEqual([...passedIn([pipeline.db, undefined], GENERAL, 1).values()], [0])
  stand(lane, 'workers', GENERAL, [7])
  assert.deepEqual([...passedIn([pipeline.db, lane.db], GENERAL, 1).values()], [7])
  assert.deepEqual([...passedIn([pipeline.db], DEAD, 1).values()], [Number.MAX_SAFE_INTEGER])
  assert.deepEqual([...passedIn([pipeline.db], DEAD, 1, 'lane').values()], [2])
})

test('the lake, which one can do without, holds a topic back once it has begun', () => {
  using store = memoryStore()
  for (const reader of ['stream', 'billing', 'loader']) stand(store, reader, CLICKS, [9])
  assert.deepEqual(passed(store, CLICKS, 1), [9])
  stand(store, 'lake', CLICKS, [3])
  assert.deepEqual(passed(store, CLICKS, 1), [3])
})

test('a topic without readers is passed to its end', () => {
  using store = memoryStore()
  assert.deepEqual(passed(store, DEAD, 2), [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])
})

test('nothing is passed while the pipeline has no store, or no tables in it yet', () => {
  assert.deepEqual(
    [...passedIn([undefined], CLICKS, 2)],
    [
      [0, 0],
      [1, 0],
    ],
  )
  using db = new DatabaseSync(':memory:')
  assert.deepEqual([...passedIn([db], CLICKS, 1)], [[0, 0]])
})
