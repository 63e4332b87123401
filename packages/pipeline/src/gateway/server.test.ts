import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { BODY_BYTES_MAX, CLICKS, EVENT_BYTES_MAX, type Problem } from '@flowguard/contract'
import { pino } from 'pino'
import { hasCode } from '../kernel/errors.ts'
import { openTestGateway } from './gateway-fixture.ts'

const click = { ad_id: 'food_7', user_id: 42 }
const order = { item_id: 7, user_id: 42 }
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

interface Response {
  statusCode: number
  headers: Record<string, unknown>
  json(): unknown
}

/** Every refusal is a problem of the same form. */
function problem(response: Response, status: number, code: string): Problem {
  const body = response.json() as Problem
  assert.deepEqual([response.statusCode, body.status, body.code], [status, status, code], JSON.stringify(body))
  assert.equal(response.headers['content-type'], 'application/problem+json')
  assert.equal(body.type, `urn:flowguard:problem:${code}`)
  assert.match(body.trace_id, /^[0-9a-f]{32}$/)
  for (const text of [body.title, body.detail]) assert.ok(text.length > 0)
  return body
}

test('refusals are problems, never 500', async () => {
  await using gateway = await openTestGateway()
  const { post, get, app } = gateway
  problem(await post('/api/v1/clicks', '{"ad_id":'), 400, 'malformed_json')
  problem(await post('/api/v1/clicks', ''), 400, 'malformed_json')
  problem(await post('/api/v1/clicks', Buffer.from([0x7b, 0xff, 0x7d])), 400, 'malformed_json')
  problem(await post('/api/v1/clicks', '['.repeat(33)), 400, 'too_deep')
  problem(await get('/nope'), 404, 'not_found')
  problem(await post('/nope', click), 404, 'not_found')
  problem(await get('/api/v1/orders/unknown'), 404, 'not_found')
  problem(await post('/api/v1/clicks', { ...click, note: 'n'.repeat(EVENT_BYTES_MAX) }), 413, 'event_too_large')
  problem(await post('/api/v1/clicks', 'x'.repeat(BODY_BYTES_MAX + 1)), 413, 'body_too_large')
  problem(await post('/api/v1/clicks', click, { 'content-type': 'text/plain' }), 415, 'unsupported_media_type')
  problem(await post('/api/v1/clicks', click, { 'content-type': 'application/x-ndjson' }), 415, 'unsupported_media_type')
  problem(await post('/api/v1/clicks', click, { 'content-type': 'application/jsonx' }), 415, 'unsupported_media_type')
  problem(await post('/api/v1/clicks', click, { 'content-encoding': 'gzip' }), 415, 'unsupported_media_type')
  problem(await app.inject({ method: 'POST', url: '/api/v1/clicks', payload: 'x' }), 415, 'unsupported_media_type')
  problem(await get('/%ff'), 400, 'bad_url')
  const unfit = problem(await post('/api/v1/orders', { item_id: 'x' }), 422, 'invalid_event')
  assert.deepEqual(unfit.errors?.map(({ field }) => field).sort(), ['/item_id', '/user_id'])
})

test('405 says what a route takes', async () => {
  await using gateway = await openTestGateway()
  for (const [method, url, allow] of [
    ['GET', '/api/v1/orders', 'POST'],
    ['GET', '/api/v1/orders/', 'POST'],
    ['DELETE', '/events', 'POST'],
    ['PUT', '/api/v1/batch', 'POST'],
    ['POST', '/health', 'GET, HEAD'],
    ['PATCH', '/api/v1/orders/1', 'GET, HEAD'],
  ] as const) {
    const response = await gateway.app.inject({ method, url, headers: { 'content-type': 'text/plain' }, payload: 'x' })
    problem(response, 405, 'method_not_allowed')
    assert.equal(response.headers['allow'], allow)
  }
})

test('JSON by another name, with a charset, and a trailing slash are all taken', async () => {
  await using gateway = await openTestGateway()
  for (const type of ['application/json; charset=utf-8', 'application/cloudevents+json', 'APPLICATION/JSON']) {
    assert.equal((await gateway.post('/api/v1/clicks/', click, { 'content-type': type })).statusCode, 202, type)
  }
  assert.equal((await gateway.get('/health/')).statusCode, 200)
})

test('an order sent again gets its first answer; another content under its id gets 409', async () => {
  await using gateway = await openTestGateway()
  const body = { ...order, event_id: 'o1', note: { b: 2, a: 1 } }
  const first = await gateway.post('/api/v1/orders', body)
  assert.equal(first.statusCode, 201)
  const again = await gateway.post('/api/v1/orders', { note: { a: 1, b: 2 }, event_id: 'o1', ...order })
  assert.deepEqual([again.statusCode, again.body], [201, first.body])
  const byHeader = await gateway.post('/api/v1/orders', body, { 'idempotency-key': 'o1' })
  assert.equal(byHeader.body, first.body)
  const conflict = problem(await gateway.post('/api/v1/orders', { ...body, quantity: 2 }), 409, 'id_conflict')
  assert.equal(conflict.errors?.[0]?.field, '/event_id')
  problem(await gateway.post('/api/v1/orders', body, { 'idempotency-key': 'o2' }), 422, 'ids_differ')
  assert.equal((await gateway.database.outbox(10)).length, 1)
})

test('an order lives: placed, then its status, by the id given here or by the client', async () => {
  await using gateway = await openTestGateway()
  const placed = (await gateway.post('/api/v1/orders', { ...order, order_id: 'mine-1', quantity: 2 })).json() as {
    order_id: string
    status: string
  }
  assert.equal(placed.status, 'confirmed')
  const read = async () => (await gateway.get(`/api/v1/orders/${placed.order_id}`)).json()
  assert.deepEqual(
    (({ status, price, quantity, client_order_id, user_id, item_name }) => [status, price, quantity, client_order_id, user_id, item_name])(
      await read(),
    ),
    ['placed', 219, 2, 'mine-1', '42', 'Crispy Chicken Burger'],
  )
  const confirmed = await gateway.post('/api/v1/orders', { ...order, order_id: placed.order_id, order_type: 'confirmed' })
  assert.deepEqual([confirmed.statusCode, confirmed.json().order_id], [201, placed.order_id])
  await gateway.post('/api/v1/orders', { ...order, order_id: 'mine-1', order_type: 'cancelled' })
  assert.equal((await read())['status'], 'cancelled')
  problem(await gateway.post('/api/v1/orders', { ...order, order_id: 'other', order_type: 'delivered' }), 404, 'unknown_order')
  problem(
    await gateway.post('/api/v1/orders', { item_id: 7, user_id: 43, order_id: 'mine-1', order_type: 'delivered' }),
    404,
    'unknown_order',
  )
})

test("the client's traceparent goes along with the event; a broken one does not", async () => {
  await using gateway = await openTestGateway()
  await gateway.post('/api/v1/clicks', click, { traceparent: TRACEPARENT })
  await gateway.post('/api/v1/clicks', click, { traceparent: 'nonsense' })
  const [first, second] = await gateway.records(CLICKS)
  assert.equal(first?.headers['traceparent'], TRACEPARENT)
  assert.match(second?.headers['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
})

test('a rejected event is a log line with its ids and why; an accepted one at debug', async () => {
  const lines: Record<string, unknown>[] = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) })
  await using gateway = await openTestGateway({ logger })
  await gateway.post('/api/v1/clicks', { ...click, event_id: 'c1' }, { traceparent: TRACEPARENT })
  await gateway.post('/api/v1/clicks', { event_id: 'c2' }, { traceparent: TRACEPARENT })
  const traceId = TRACEPARENT.slice(3, 35)
  assert.deepEqual(
    lines.map(({ level, trace_id, event_id, code }) => [level, trace_id, event_id, code]),
    [
      [20, traceId, 'c1', undefined],
      [30, traceId, 'c2', 'invalid_event'],
    ],
  )
})

test('write keys: 401 without a valid one where keys are needed, and health stays open', async () => {
  await using closed = await openTestGateway({ keyed: 'everything' })
  await closed.database.addKey('shop', hash('sha256', 'right'))
  const denied = await closed.post('/api/v1/clicks', click)
  problem(denied, 401, 'unauthorized')
  assert.match(String(denied.headers['www-authenticate']), /^Bearer /)
  for (const url of [
    '/api/v1/orders',
    '/api/v1/clicks/impression',
    '/events',
    '/api/v1/batch',
    '/api/v1/time/close',
    '/api/v1/dead/retry',
  ]) {
    problem(await closed.post(url, {}), 401, 'unauthorized')
  }
  for (const url of [
    '/api/v1/orders/1',
    '/api/v1/ads/metrics/1',
    '/api/v1/billing/ads/a',
    '/api/v1/billing/advertisers',
    '/api/v1/billing/advertisers/a',
    '/api/v1/billing/ads/a/events',
  ]) {
    problem(await closed.get(url), 401, 'unauthorized')
  }
  for (const url of ['/', '/health', '/livez', '/readyz', '/metrics', '/docs', '/redoc', '/openapi.json']) {
    assert.equal((await closed.get(url)).statusCode, 200, url)
  }
  assert.equal((await closed.post('/api/v1/clicks', click, { authorization: 'Bearer right' })).statusCode, 202)
  assert.equal((await closed.post('/api/v1/clicks', click, { authorization: 'bearer right' })).statusCode, 202)
  assert.equal((await closed.post('/api/v1/clicks?key=right', click)).statusCode, 202)
  problem(await closed.post('/api/v1/time/close?key=right', {}), 401, 'unauthorized')
  await closed.database.addKey('pages', hash('sha256', 'open'), 'events')
  const page = { authorization: 'Bearer open' }
  for (const url of ['/api/v1/clicks', '/api/v1/clicks/impression', '/api/v1/clicks?key=open'])
    assert.equal((await closed.post(url, click, url.includes('key') ? {} : page)).statusCode, 202, url)
  assert.equal((await closed.post('/api/v1/batch', [], page)).statusCode === 401, false)
  for (const url of ['/api/v1/time/close', '/api/v1/dead/retry']) problem(await closed.post(url, {}, page), 401, 'unauthorized')
  for (const url of ['/api/v1/orders/1', '/api/v1/ads/metrics/1', '/api/v1/billing/ads/a'])
    problem(await closed.get(url, page), 401, 'unauthorized')
  problem(await closed.post('/api/v1/clicks?key=wrong', click), 401, 'unauthorized')
  problem(await closed.post('/api/v1/clicks?key=right&key=right', click), 401, 'unauthorized')
  await closed.database.revokeKey('shop')
  problem(await closed.post('/api/v1/clicks?key=right', click), 401, 'unauthorized')

  await using open = await openTestGateway()
  assert.equal((await open.post('/api/v1/clicks', click)).statusCode, 202)
  assert.equal((await open.post('/api/v1/clicks', click, { authorization: 'Bearer of another system' })).statusCode, 202)
})

test('CORS: exact origins, with credentials', async () => {
  await using gateway = await openTestGateway()
  const preflight = (origin: string) =>
    gateway.app.inject({
      method: 'OPTIONS',
      url: '/api/v1/orders',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,idempotency-key' },
    })
  const { statusCode, headers } = await preflight('http://localhost:3000')
  assert.equal(statusCode, 204)
  assert.equal(headers['access-control-allow-origin'], 'http://localhost:3000')
  assert.equal(headers['access-control-allow-credentials'], 'true')
  assert.equal(headers['access-control-allow-methods'], 'GET, POST')
  assert.equal(headers['access-control-allow-headers'], 'Content-Type, Authorization, Idempotency-Key, traceparent')
  for (const origin of ['http://localhost:3000.evil.example', 'http://localhost:30001', 'https://localhost:3000', 'null']) {
    assert.equal((await preflight(origin)).headers['access-control-allow-origin'], undefined, origin)
  }
  const refused = await gateway.post('/api/v1/orders', {}, { origin: 'http://localhost:3000' })
  assert.equal(refused.headers['access-control-allow-origin'], 'http://localhost:3000', 'a browser may read why it was refused')
})

test('a rate limit that is set answers 429 with Retry-After', async () => {
  await using gateway = await openTestGateway({ rateLimit: 2 })
  await gateway.post('/api/v1/clicks', click)
  await gateway.post('/api/v1/clicks', click)
  const response = await gateway.post('/api/v1/clicks', click)
  problem(response, 429, 'too_many_requests')
  assert.ok(Number(response.headers['retry-after']) > 0)
})

test('what is no HTTP gets a problem, and the server goes on', async () => {
  await using gateway = await openTestGateway()
  const port = await gateway.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (bytes) => (answer += String(bytes)))
  socket.end('\x16\x03\x01 what is this\r\n\r\n')
  await once(socket, 'close')
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  assert.match(head, /^HTTP\/1.1 400 Bad Request\r\nContent-Type: application\/problem\+json/)
  assert.equal((JSON.parse(body) as Problem).code, 'bad_request')
  const health = await fetch(`http://127.0.0.1:${port}/livez`)
  assert.equal(health.status, 200)
  await health.text()
})

test('a taken port is said in words', async () => {
  await using gateway = await openTestGateway()
  await using other = await openTestGateway()
  const port = await gateway.listen({ host: '127.0.0.1', port: 0 })
  await assert.rejects(other.listen({ host: '127.0.0.1', port }), (error: Error) => {
    assert.ok(hasCode(error, 'port_taken'))
    assert.equal(error.message, `the port ${port} of the events gateway is taken on 127.0.0.1`)
    return true
  })
})

test('figures: good parameters reach the ledger, bad ones are 422', async () => {
  const asked: unknown[][] = []
  const note =
    (name: string) =>
    async (...args: unknown[]) => {
      asked.push([name, ...args])
      return undefined as never
    }
  const billing = {
    itemDay: note('itemDay'),
    adBill: note('adBill'),
    advertisers: note('advertisers'),
    statement: note('statement'),
    lines: note('lines'),
    events: note('events'),
  }
  await using gateway = await openTestGateway({ billing, clock: () => Date.parse('2026-03-15T12:00:00Z') })
  for (const url of [
    '/api/v1/ads/metrics/7',
    '/api/v1/ads/metrics/7?date=2026-03-01',
    '/api/v1/billing/ads/ad%2F1',
    '/api/v1/billing/advertisers/adv?from=2026-01-01&to=2026-12-31',
    '/api/v1/billing/advertisers?to=2026-02-10',
    '/api/v1/billing/ads/a/events?date=2026-03-01&kind=cpc&after=5&limit=10',
  ]) {
    problem(await gateway.get(url), 404, 'not_found')
  }
  assert.deepEqual(asked, [
    ['itemDay', 7, '2026-03-15'],
    ['itemDay', 7, '2026-03-01'],
    ['adBill', 'ad/1', '2026-03-01', '2026-03-15'],
    ['statement', 'adv', '2026-01-01', '2026-12-31'],
    ['advertisers', '2026-02-01', '2026-02-10'],
    ['events', { adId: 'a', day: '2026-03-01', kind: 'cpc', after: 5, limit: 10 }],
  ])
  for (const url of [
    '/api/v1/ads/metrics/0',
    '/api/v1/ads/metrics/1.5',
    '/api/v1/ads/metrics/7?date=2026-02-30',
    '/api/v1/ads/metrics/7?date=2026-01-01&date=2026-01-02',
    '/api/v1/billing/ads/a?from=2026-03-02&to=2026-03-01',
    '/api/v1/billing/ads/a?from=2025-01-01&to=2026-03-01',
    '/api/v1/billing/advertisers?from=2026-03-02&to=2026-03-01',
    '/api/v1/billing/advertisers?format=pdf',
    '/api/v1/billing/advertisers/a?format=xml',
    '/api/v1/billing/ads/a/events?kind=cpc&format=json&format=csv',
    '/api/v1/billing/ads/a/events?date=2026-03-01',
    '/api/v1/billing/ads/a/events?kind=cpc&limit=1001',
    '/api/v1/billing/ads/a/events?kind=cpc&after=-1',
    `/api/v1/billing/ads/${'a'.repeat(129)}`,
  ]) {
    problem(await gateway.get(url), 422, 'invalid_parameter')
  }
})

test('figures are 503 while the pipeline has never run', async () => {
  await using gateway = await openTestGateway()
  for (const url of ['/api/v1/ads/metrics/7', '/api/v1/billing/advertisers', '/api/v1/billing/advertisers/a?format=csv']) {
    const response = await gateway.get(url)
    problem(response, 503, 'store_missing')
    assert.ok(Number(response.headers['retry-after']) > 0)
  }
})

test('a bug is a 500 that says nothing, and a log line that says all', async () => {
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(line) })
  const fail = () => Promise.reject(new TypeError('secret path'))
  await using gateway = await openTestGateway({
    logger,
    billing: { itemDay: fail, adBill: fail, advertisers: fail, statement: fail, lines: fail, events: fail },
  })
  const body = problem(await gateway.get('/api/v1/ads/metrics/7'), 500, 'internal_error')
  assert.ok(!JSON.stringify(body).includes('secret'))
  assert.ok(lines.some((line) => line.includes('secret path') && line.includes(body.trace_id)))
})

test("a dead letter's bytes go to their topic again as they are", async () => {
  await using gateway = await openTestGateway()
  const value = Buffer.from('{"not an event')
  const letter = { topic: CLICKS, key: 'u1', headers: { traceparent: TRACEPARENT }, value_base64: value.toString('base64') }
  assert.equal((await gateway.post('/api/v1/dead/retry', letter)).statusCode, 202)
  const places = Array.from({ length: 6 }, (_, partition) => ({ topic: CLICKS, partition, next: 0 }) as const)
  const [record] = await gateway.log.read(places, { countMax: 10, waitMs: 0 })
  assert.deepEqual([record?.key, record?.value, record?.headers], ['u1', '{"not an event', { traceparent: TRACEPARENT }])
  problem(await gateway.post('/api/v1/dead/retry', { ...letter, topic: 'attributed.events.v1' }), 422, 'invalid_dead_letter')
  problem(await gateway.post('/api/v1/dead/retry', { ...letter, value_base64: '***' }), 422, 'invalid_dead_letter')
})

test('no dead letter sent again moves time ahead', async () => {
  await using gateway = await openTestGateway()
  const ahead = Date.now() + 3_600_000
  const click = { event_type: 'click', event_id: 'c', user_id: 'u1', ad_id: 'a', received_at: '', is_bot: false }
  const retry = (event: object) =>
    gateway.post('/api/v1/dead/retry', {
      topic: CLICKS,
      key: 'u1',
      headers: {},
      value_base64: Buffer.from(JSON.stringify(event)).toString('base64'),
    })
  problem(await retry({ event_type: 'heartbeat', ts: 1 }), 422, 'invalid_dead_letter')
  problem(await retry({ ...click, ts: ahead }), 422, 'invalid_dead_letter')
  assert.deepEqual(await gateway.records(CLICKS), [])
  assert.equal((await retry({ ...click, ts: 1 })).statusCode, 202)
})
