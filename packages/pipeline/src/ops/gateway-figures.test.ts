import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gatewayFigures } from './gateway-figures.ts'

const metrics = (received: number, buckets: readonly [string, number][]) =>
  [
    `flowguard_events_received_total ${received}`,
    'flowguard_events_refused_total{code="invalid_event"} 3',
    'flowguard_events_refused_total{code="unauthorized"} 2',
    'flowguard_events_unwritten_total 1',
    'flowguard_gateway_queue_events 7',
    ...buckets.map(([le, count]) => `flowguard_event_write_duration_seconds_bucket{le="${le}"} ${count}`),
  ].join('\n')

test('rates and latency are of the last half minute; totals of the whole', async () => {
  let text = metrics(100, [
    ['0.001', 100],
    ['0.01', 100],
    ['+Inf', 100],
  ])
  let now = 0
  const look = gatewayFigures(
    async () => text,
    () => now,
  )
  await look()
  now = 10_000
  text = metrics(150, [
    ['0.001', 100],
    ['0.01', 150],
    ['+Inf', 150],
  ])
  const { events_per_s: rate, refused, unwritten, queue, write_p50_ms: p50, write_p99_ms: p99, up } = await look()
  assert.deepEqual({ rate, refused, unwritten, queue, up }, { rate: 5, refused: 5, unwritten: 1, queue: 7, up: true })
  assert.equal(p50, 5.5)
  assert.equal(p99, 9.91)
})

test('a gateway that does not answer is down', async () => {
  const look = gatewayFigures(
    async () => Promise.reject(new Error('nobody there')),
    () => 0,
  )
  assert.equal((await look()).up, false)
})

test('a gateway that was started anew is measured anew', async () => {
  let text = metrics(100, [
    ['0.001', 100],
    ['+Inf', 100],
  ])
  let now = 0
  const look = gatewayFigures(
    async () => text,
    () => now,
  )
  await look()
  now = 1_000
  text = metrics(10, [
    ['0.001', 0],
    ['+Inf', 10],
  ])
  assert.equal((await look()).write_p50_ms, 1)
})
