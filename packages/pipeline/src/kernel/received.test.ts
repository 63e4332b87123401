import assert from 'node:assert/strict'
import { test } from 'node:test'
import { v7 } from 'uuid'
import { distribution } from './distribution.ts'
import { receivedMsOf, sampleAges } from './received.ts'

const AT = Date.UTC(2026, 2, 1, 12)

test('an event says when it was received, whatever its client wrote into it', () => {
  const event = { metadata: { received_at: '2001-01-01T00:00:00.000Z' }, received_at: new Date(AT).toISOString(), ts: 1 }
  assert.equal(receivedMsOf(JSON.stringify(event)), AT)
})

test('an attributed order says it by its id, and a heartbeat or a foreign record not at all', () => {
  assert.equal(receivedMsOf(JSON.stringify({ order_id: v7({ msecs: AT }), price: 1 })), AT)
  for (const other of ['{"event_type":"heartbeat","ts":1}', '{"order_id":"mine"}', '{"received_at":"yesterday"}', 'rubbish', '']) {
    assert.equal(receivedMsOf(other), undefined, other)
  }
})

test('a few records of a batch speak for all of it', () => {
  const values = Array.from({ length: 5_003 }, () => ({ value: JSON.stringify({ received_at: new Date(AT).toISOString() }) }))
  const ages = distribution([1, 2, 3])
  let asked = 0
  sampleAges(values, AT + 1_500, (seconds, count) => {
    asked += 1
    ages.observe(seconds, count)
  })
  assert.deepEqual([ages.buckets, ages.sum], [[0, 5_003, 0, 0], 5_003 * 1.5])
  assert.ok(asked <= 16)
  sampleAges([], AT, () => assert.fail('of nothing, nothing'))
})

test('a value at a bound lies in its bucket, one above all bounds in the last', () => {
  const spread = distribution([1, 2])
  for (const value of [0, 1, 1.1, 2, 3]) spread.observe(value)
  assert.deepEqual([spread.buckets, spread.sum], [[2, 2, 1], 7.1])
})
