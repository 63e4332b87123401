import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import type { LogRecord } from '../event-log.ts'
import { batchCache, type DecodedBatch } from './batch-cache.ts'

const MIB = 1024 * 1024

const batch = (offset: number, count = 10): DecodedBatch => ({
  offset,
  next: offset + count,
  records: Array.from({ length: count }, (_, at): LogRecord => ({
    topic: CLICKS,
    partition: 0,
    offset: offset + at,
    key: '',
    value: '',
    headers: {},
    appendedAt: 0,
  })),
})

test('a row is found by any of its offsets, in its partition alone', () => {
  const cache = batchCache(() => 2)
  const [first, second] = [batch(0), batch(10)]
  cache.add(CLICKS, 0, first, 1)
  cache.add(CLICKS, 0, second, 1)
  assert.deepEqual(
    [0, 9, 10, 19].map((offset) => cache.find(CLICKS, 0, offset)),
    [first, first, second, second],
  )
  assert.deepEqual(
    [cache.find(CLICKS, 0, 20), cache.find(CLICKS, 1, 0), cache.find('raw.orders.v1', 0, 0)],
    [undefined, undefined, undefined],
  )
})

test('a row is kept until all readers have passed it, and with it go those before it', () => {
  const cache = batchCache(() => 2)
  const rows = [batch(0), batch(10), batch(20)]
  for (const row of rows) cache.add(CLICKS, 0, row, 1)
  cache.passed(CLICKS, 0, rows[1]!)
  assert.equal(cache.find(CLICKS, 0, 0), rows[0])
  cache.passed(CLICKS, 0, rows[1]!)
  assert.deepEqual(
    [0, 10, 20].map((offset) => cache.find(CLICKS, 0, offset)),
    [undefined, undefined, rows[2]],
  )
  // What is no longer kept may be read by whoever lags.
  cache.passed(CLICKS, 0, rows[0]!)
})

test('what a lagging reader reads is not kept in front of the newest', () => {
  const cache = batchCache(() => 2)
  cache.add(CLICKS, 0, batch(100), 1)
  cache.add(CLICKS, 0, batch(50), 1)
  assert.equal(cache.find(CLICKS, 0, 50), undefined)
})

test('it keeps at most 8 MiB, whoever lags', () => {
  const cache = batchCache(() => 2)
  for (let at = 0; at < 10; at += 1) cache.add(CLICKS, at % 2, batch(at * 10), MIB)
  const kept = Array.from({ length: 10 }, (_, at) => cache.find(CLICKS, at % 2, at * 10) !== undefined)
  assert.deepEqual(kept, [false, false, true, true, true, true, true, true, true, true])
  const large = batch(1_000)
  cache.add(CLICKS, 0, large, 9 * MIB)
  assert.equal(cache.find(CLICKS, 0, 1_000), undefined)
  cache.add(CLICKS, 0, batch(1_010), MIB)
  assert.notEqual(cache.find(CLICKS, 0, 1_010), undefined)
})
