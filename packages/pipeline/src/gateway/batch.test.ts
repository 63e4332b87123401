import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BATCH_COUNT_MAX, CLICKS, GENERAL, type BatchResult, type Problem } from '@flowguard/contract'
import { openTestGateway } from './gateway-fixture.ts'

const NDJSON = { 'content-type': 'application/x-ndjson' }
const UUID = '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b'

type TestGateway = Awaited<ReturnType<typeof openTestGateway>>

async function send(gateway: TestGateway, body: unknown, headers: Record<string, string> = {}): Promise<BatchResult[]> {
  const response = await gateway.post('/api/v1/batch', body, headers)
  assert.equal(response.statusCode, 200, response.body)
  const results = response.json() as BatchResult[]
  assert.deepEqual(
    results.map(({ index }) => index),
    results.map((_, at) => at),
  )
  return results
}

test('events of every kind, told apart by event_type, answered in order', async () => {
  await using gateway = await openTestGateway()
  const results = await send(gateway, [
    { event_type: 'click', ad_id: 'food_7', user_id: 1, event_id: 'c1' },
    { event_type: 'order', item_id: 7, user_id: 1, event_id: 'o1' },
    { event_type: 'impression', ad_id: 'food_7', user_id: 1, event_id: 'i1' },
    { event_type: 'purchase', properties: { amount: 1 }, event_id: UUID },
    { event_type: 'click', user_id: 1, event_id: 'c2' },
    { event_type: 'sneeze', event_id: 'x' },
    { ad_id: 'food_7', user_id: 1 },
    null,
    'click',
  ])
  assert.deepEqual(
    results.map(({ status, event_id }) => [status, event_id]),
    [
      ['accepted', 'c1'],
      ['accepted', 'o1'],
      ['accepted', 'i1'],
      ['accepted', UUID],
      ['rejected', 'c2'],
      ['rejected', 'x'],
      ['rejected', null],
      ['rejected', null],
      ['rejected', null],
    ],
  )
  assert.match(results[1]?.order_id ?? '', /^[0-9a-f-]{36}$/)
  assert.deepEqual(results[4]?.error?.errors, [{ field: '/ad_id', message: 'is required' }])
  assert.equal(results[5]?.error?.code, 'unknown_event_type')
  const clicks = await gateway.records(CLICKS)
  assert.deepEqual(
    clicks.map(({ event }) => [event['event_id'], event['event_type'], event['item_id']]),
    [
      ['c1', 'click', 7],
      ['i1', 'impression', 7],
    ],
  )
  assert.equal((await gateway.records(GENERAL)).length, 1)
  assert.equal((await gateway.database.outbox(10)).length, 1)
})

test('repeats within a batch: the same content is a duplicate, another is the stream to judge', async () => {
  await using gateway = await openTestGateway()
  const click = { event_type: 'click', ad_id: 'a', user_id: 1, event_id: 'c1' }
  const order = { event_type: 'order', item_id: 7, user_id: 1, event_id: 'o1' }
  const results = await send(gateway, [
    click,
    click,
    { ...click, city: 'Pune' },
    { ...click, user_id: 2 },
    click,
    order,
    order,
    { ...order, quantity: 2 },
    { ...order, user_id: 2 },
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['accepted', 'duplicate', 'accepted', 'accepted', 'duplicate', 'accepted', 'duplicate', 'rejected', 'rejected'],
  )
  assert.equal(results[6]?.order_id, results[5]?.order_id)
  assert.equal(results[7]?.error?.code, 'id_conflict')
  assert.equal((await gateway.records(CLICKS)).length, 3)
  assert.equal((await gateway.database.outbox(10)).length, 1)
  const again = await send(gateway, [click, order])
  assert.deepEqual(
    again.map(({ status }) => status),
    ['accepted', 'duplicate'],
  )
})

test('events without an id are new each time; the Idempotency-Key header is not for batches', async () => {
  await using gateway = await openTestGateway()
  const click = { event_type: 'click', ad_id: 'a', user_id: 1 }
  const results = await send(gateway, [click, click], { 'idempotency-key': 'k' })
  assert.deepEqual(
    results.map(({ status }) => status),
    ['accepted', 'accepted'],
  )
  assert.equal(new Set(results.map(({ event_id }) => event_id)).size, 2)
})

test('NDJSON: every line by itself, a malformed one rejected, blank ones left out', async () => {
  await using gateway = await openTestGateway()
  const line = '{"event_type":"click","ad_id":"a","user_id":1}'
  const body = Buffer.concat([
    Buffer.from(`\ufeff${line}\r\n\r\n{"event_type":"click"\n${line},\n${'['.repeat(40)}\n`),
    Buffer.from([0x22, 0xff, 0x22, 0x0a]),
    Buffer.from(`{"event_type":"click","ad_id":"a","user_id":1,"note":"${'n'.repeat(33_000)}"}\n${line}`),
  ])
  for (const type of ['application/x-ndjson', 'application/ndjson; charset=utf-8', 'application/jsonl']) {
    const results = await send(gateway, body, { 'content-type': type })
    assert.deepEqual(
      results.map(({ status, error }) => error?.code ?? status),
      ['accepted', 'malformed_json', 'malformed_json', 'too_deep', 'malformed_json', 'event_too_large', 'accepted'],
    )
  }
  assert.equal((await gateway.records(CLICKS)).length, 6)
})

test('limits: 500 events pass, 501 and none do not', async () => {
  await using gateway = await openTestGateway()
  const line = '{"event_type":"click","ad_id":"a","user_id":1}'
  const lines = (count: number) => `${line}\n`.repeat(count)
  const list = (count: number) => `[${Array<string>(count).fill(line).join(',')}]`
  assert.equal((await send(gateway, list(BATCH_COUNT_MAX))).length, BATCH_COUNT_MAX)
  assert.equal((await send(gateway, lines(BATCH_COUNT_MAX), NDJSON)).length, BATCH_COUNT_MAX)
  for (const [body, headers, status, code] of [
    [list(BATCH_COUNT_MAX + 1), {}, 413, 'too_many_events'],
    [lines(BATCH_COUNT_MAX + 1), NDJSON, 413, 'too_many_events'],
    ['[]', {}, 422, 'invalid_batch'],
    ['\n \n', NDJSON, 422, 'invalid_batch'],
    [line, {}, 422, 'invalid_batch'],
    [lines(2), {}, 400, 'malformed_json'],
    [`[${'['.repeat(33)}${']'.repeat(33)}]`, {}, 400, 'too_deep'],
  ] as const) {
    const response = await gateway.post('/api/v1/batch', body, headers)
    const { code: got } = response.json() as Problem
    assert.deepEqual([response.statusCode, got], [status, code])
  }
})

test('an event in an array may nest as deep as one alone', async () => {
  await using gateway = await openTestGateway()
  const event = (levels: number) => `{"event_type":"click","ad_id":"a","user_id":1,"n":${'['.repeat(levels)}${']'.repeat(levels)}}`
  assert.equal((await gateway.post('/api/v1/clicks', event(31))).statusCode, 202)
  assert.equal((await gateway.post('/api/v1/clicks', event(32))).statusCode, 400)
  assert.equal((await gateway.post('/api/v1/batch', `[${event(31)}]`)).statusCode, 200)
  assert.equal((await gateway.post('/api/v1/batch', `[${event(32)}]`)).statusCode, 400)
})
