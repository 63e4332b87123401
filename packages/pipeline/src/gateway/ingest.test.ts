import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS, type BatchResult, type Problem } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import type { EventLog } from '../log/event-log.ts'
import type { Admitted } from './admission.ts'
import type { EventTime } from './event-time.ts'
import { openTestGateway } from './gateway-fixture.ts'
import { createIngest } from './ingest.ts'

const time: EventTime = {
  now: () => ({ highest: undefined, isLive: false }),
  accepted: () => undefined,
  close: async () => ({ closedTo: undefined, isLive: false }),
  heartbeats: async () => undefined,
}

const event = (bytes = 10): Admitted => ({
  topic: CLICKS,
  eventId: 'e',
  userId: 'u',
  ts: 0,
  bytes,
  contentHash: '',
  headers: {},
  event: {},
})

/** A log whose writes end when the test says so. */
function heldLog() {
  const ends: { resolve: () => void; reject: (error: unknown) => void }[] = []
  const append = () => new Promise<readonly []>((resolve, reject) => void ends.push({ resolve: () => resolve([]), reject }))
  return { ends, log: { append } as unknown as EventLog }
}

test('beyond the queue a client is told to come back; what waits is not disturbed', async () => {
  const { log, ends } = heldLog()
  const ingest = createIngest({ log, database: {} as never, time }, { eventsMax: 2, bytesMax: 100 })
  const first = ingest.take([event()])
  const second = ingest.take([event(90)])
  await assert.rejects(ingest.take([event(0)]), (error) => hasCode(error, 'queue_full'))
  for (const { resolve } of ends) resolve()
  assert.deepEqual([await first, await second], [[{ kind: 'accepted' }], [{ kind: 'accepted' }]])
  const third = ingest.take([event()])
  await assert.rejects(ingest.take([event(91)]), (error) => hasCode(error, 'queue_full'), 'by bytes')
  ends.at(-1)?.resolve()
  await third
  assert.deepEqual([ingest.stats.events, ingest.stats.bytes, ingest.stats.delivered], [0, 0, 3])
})

test('nothing is answered before the log has said that it is durable', async () => {
  const { log, ends } = heldLog()
  const ingest = createIngest({ log, database: {} as never, time })
  let isAnswered = false
  const taken = ingest.take([event()]).then(() => (isAnswered = true))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isAnswered, false)
  ends[0]?.resolve()
  await taken
})

test('a failing log: 503 with Retry-After for one event and for a whole batch, and room again after it', async () => {
  await using gateway = await openTestGateway()
  gateway.log.append = () => Promise.reject(new FlowGuardError('disk_full', 'no space left for /secret/raw-log.db'))
  const one = await gateway.post('/api/v1/clicks', { ad_id: 'a', user_id: 1 })
  const many = await gateway.post('/api/v1/batch', [
    { event_type: 'click', ad_id: 'a', user_id: 1 },
    { event_type: 'order', item_id: 7, user_id: 1 },
  ])
  for (const response of [one, many]) {
    const { code, detail } = response.json() as Problem
    assert.deepEqual([response.statusCode, code], [503, 'disk_full'])
    assert.ok(Number(response.headers['retry-after']) > 0)
    assert.ok(!detail.includes('secret'))
  }
  const ready = await gateway.get('/readyz')
  assert.equal(ready.statusCode, 503)
  assert.deepEqual(ready.json().failing, ['log'])
  const metrics = (await gateway.get('/metrics')).json() as { kafka_producer: object; queue: object }
  assert.deepEqual(metrics.kafka_producer, { messages_sent: 3, messages_delivered: 0, messages_failed: 3 })
  assert.deepEqual(metrics.queue, { events: 0, bytes: 0 })
})

test('an order whose first batch failed half done moves time when the batch is sent again', async () => {
  await using gateway = await openTestGateway()
  const batch = [
    { event_type: 'order', event_id: 'o', item_id: 7, user_id: 1, timestamp: '2020-01-01T00:00:20Z' },
    { event_type: 'click', event_id: 'c', ad_id: 'a', user_id: 1, timestamp: '2020-01-01T00:00:00Z' },
  ]
  const append = gateway.log.append.bind(gateway.log)
  gateway.log.append = () => Promise.reject(new FlowGuardError('disk_full', 'no space left'))
  assert.equal((await gateway.post('/api/v1/batch', batch)).statusCode, 503)
  gateway.log.append = append
  const results = (await gateway.post('/api/v1/batch', batch)).json<BatchResult[]>()
  assert.deepEqual(
    results.map(({ status }) => status),
    ['duplicate', 'accepted'],
  )
  assert.equal((await gateway.get('/api/v1/time')).json().highest, '2020-01-01T00:00:20.000Z')
})
