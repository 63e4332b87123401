import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ORDERS } from '@flowguard/contract'
import { DatabaseSync } from 'node:sqlite'
import { START, TOPICS } from '../reader/testing/fixture.ts'
import { sqliteLogOn } from './adapters/sqlite.ts'
import { sqliteLogView } from './adapters/sqlite-view.ts'
import { asOfNow } from './as-of-now.ts'
import { countIn, type Batch } from './log-view.ts'

const record = (value: string) => ({ key: 'k', value, headers: {}, partition: 0 })
const valuesOf = async (batches: AsyncIterable<Batch>) =>
  (await Array.fromAsync(batches)).flatMap((batch) => batch.records().map(({ value }) => value))

test('a log as it stood: what is appended later is on no walk, whichever way', async () => {
  const db = new DatabaseSync(':memory:')
  await using log = sqliteLogOn(db, { path: ':memory:', topics: TOPICS, clock: () => START })
  await log.append(ORDERS, ['a', 'b'].map(record))
  await log.append(ORDERS, [record('c')])
  const view = sqliteLogView(db, TOPICS)!
  const then = await asOfNow(view, [ORDERS])
  await log.append(ORDERS, ['b, later', 'd'].map(record))
  assert.equal((await view.ends(ORDERS))[0]?.end, 5)
  assert.equal((await then.ends(ORDERS))[0]?.end, 3)
  assert.deepEqual(await valuesOf(then.batches(ORDERS, 0)), ['a', 'b', 'c'])
  assert.deepEqual(await valuesOf(then.batchesBackwards(ORDERS, 0)), ['c', 'a', 'b'])
  assert.deepEqual(await valuesOf(then.batchesAt(ORDERS, 0, 2, 'later')), ['c'])
  assert.deepEqual(await valuesOf(then.batchesAt(ORDERS, 0, 4, 'earlier')), ['c', 'a', 'b'])
  assert.deepEqual(await valuesOf(then.batches(ORDERS, 1)), [])
  const found = await Array.fromAsync(then.find(ORDERS, 0, 'b', { from: 0 }))
  assert.deepEqual(
    found.map(({ value }) => value),
    ['b'],
  )
  assert.equal(await then.offsetSince(ORDERS, 0, START + 1), 3)
})

test('a batch that was begun before and has grown since is cut where the log ended', async () => {
  const db = new DatabaseSync(':memory:')
  await using log = sqliteLogOn(db, { path: ':memory:', topics: TOPICS, clock: () => START })
  await log.append(ORDERS, ['a', 'b', 'c'].map(record))
  const view = sqliteLogView(db, TOPICS)!
  const early = { ...view, ends: async () => [{ partition: 0, start: 0, end: 2 }] }
  const [batch] = await Array.fromAsync((await asOfNow(early, [ORDERS])).batches(ORDERS, 0))
  assert.deepEqual([batch?.count, batch?.end, batch?.records().length], [2, 2, 2])
})

test('records between two offsets are counted by their offsets, and where there are gaps by themselves', () => {
  const batch = (offsets: readonly number[]): Batch => ({
    topic: ORDERS,
    partition: 0,
    offset: offsets[0] as number,
    end: (offsets.at(-1) as number) + 1,
    count: offsets.length,
    fault: undefined,
    records: () => offsets.map((offset) => ({ ...record(''), topic: ORDERS, partition: 0, offset, appendedAt: START })),
  })
  const counts = (offsets: readonly number[]) => [
    countIn(batch(offsets), 0, 100),
    countIn(batch(offsets), 6, 9),
    countIn(batch(offsets), 8, 8),
  ]
  assert.deepEqual(counts([5, 6, 7, 8, 9]), [5, 3, 0])
  assert.deepEqual(counts([5, 8, 9]), [3, 1, 0])
  assert.equal(countIn(batch([5, 8]), 9, 20), 0)
})
