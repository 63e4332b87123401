import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { CLICKS, GENERAL, parseLogged, type BatchResult, type RawTopic } from '@flowguard/contract'
import { openTestGateway } from './gateway-fixture.ts'
import { SEED } from '../kernel/testing/chance.ts'

const SOAK = process.env['FLOWGUARD_SOAK'] === '1'
const REQUESTS = SOAK ? 100_000 : 18_000
const SOCKETS = SOAK ? 10_000 : 1_500
const CONCURRENCY = 64

/** Numbers in [0, 1) that come again with the seed: mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const random = randomFrom(SEED)
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
const below = (count: number) => Math.floor(random() * count)

const ROUTES = ['/api/v1/orders', '/api/v1/clicks', '/api/v1/clicks/impression', '/events', '/api/v1/batch'] as const
const OTHER_ROUTES = [
  '/',
  '/health',
  '/api/v1/orders/x',
  '/api/v1/ads/metrics/1?date=0',
  '/api/v1/billing/ads/%00',
  '/%',
  '/%ff/',
  '//events',
  '/events/../x',
  '/__proto__',
  '/api/v1/time',
  '/api/v1/dead/retry',
]
const TYPES = [
  'application/json',
  'application/json; charset=utf-16',
  'application/x-ndjson',
  'text/plain',
  'multipart/form-data',
  '',
  'application/',
  'a/b/c',
  'application/vnd.api+json',
]
/** JSON text that is hard to take: numbers, names and nesting that parsers and prototypes stumble over. */
const VALUES = [
  'null',
  'true',
  '[]',
  '{}',
  '0',
  '-0',
  '-1',
  '1',
  '7',
  '1.005',
  '1e400',
  '-1e400',
  '1e-400',
  '9007199254740993',
  '123456789012345678901234567890',
  '0.1',
  '""',
  '"string"',
  '"x"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\u202e\u0000"',
  '"2026-01-01T00:00:00Z"',
  '"2026-13-01T00:00:00Z"',
  '"9999-12-31T23:59:60.999999999999+23:59"',
  '"0000-01-01T00:00:00-23:59"',
  '"1969-12-31T23:59:59Z"',
  '"NaN"',
  '{"__proto__":{"a":1}}',
  '{"constructor":{"prototype":{}}}',
  '[[[[[[]]]]]]',
  '"click"',
  '"impression"',
  '"order"',
  '"purchase"',
  '"cancelled"',
  '"placed"',
  '"food_9"',
  '"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"',
  '"-- drop table"',
  '"é́́🎉"',
] as const
const NAMES = [
  'event_type',
  'event_id',
  'user_id',
  'item_id',
  'ad_id',
  'price',
  'quantity',
  'order_type',
  'order_id',
  'timestamp',
  'user_agent',
  'is_click',
  'metadata',
  'properties',
  'location',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'toJSON',
  'hasOwnProperty',
  'then',
  'ts',
  'received_at',
  'is_bot',
  '',
  '\\u0000',
  'x',
] as const
/** Bodies that would be taken as they are: every other request begins as one of these. */
const GOOD = [
  '{"event_type":"click","ad_id":"food_7","user_id":1}',
  '{"event_type":"order","item_id":7,"user_id":"u"}',
  '{"event_type":"purchase","properties":{"amount":1}}',
  '{"event_type":"impression","ad_id":9,"user_id":2,"city":null}',
] as const

function member(): string {
  const name = pick(NAMES)
  const value =
    random() < 0.05 ? '['.repeat(below(60)) + ']'.repeat(below(60)) : random() < 0.02 ? `"${'x'.repeat(below(40_000))}"` : pick(VALUES)
  return `"${name}":${value}`
}

function event(): string {
  const good = pick(GOOD)
  if (random() < 0.35) return good
  if (random() < 0.5) return `${good.slice(0, -1)},${Array.from({ length: 1 + below(3) }, member).join(',')}}`
  if (random() < 0.1) return pick(VALUES)
  return `{${Array.from({ length: random() < 0.02 ? 150 : below(8) }, member).join(',')}}`
}

function body(route: string): Buffer {
  const text = route === '/api/v1/batch' && random() < 0.9 ? batch() : event()
  const bytes = Buffer.from(text)
  if (random() < 0.08 && bytes.length > 0) bytes[below(bytes.length)] = below(256)
  if (random() < 0.05) return bytes.subarray(0, below(bytes.length + 1))
  if (random() < 0.01) return Buffer.from(Array.from({ length: below(200) }, () => below(256)))
  return bytes
}

function batch(): string {
  const events = Array.from({ length: random() < 0.01 ? 501 : below(12) }, event)
  return random() < 0.5 ? `[${events.join(',')}]` : events.join('\n')
}

interface Sent {
  method: 'POST' | 'GET' | 'PUT' | 'DELETE' | 'OPTIONS'
  url: string
  headers: Record<string, string>
  payload: Buffer
}

function request(): Sent {
  const isPost = random() < 0.98
  const url = random() < 0.97 ? pick(ROUTES) : pick(OTHER_ROUTES)
  const type =
    random() < 0.93 ? (url === '/api/v1/batch' ? pick(['application/json', 'application/x-ndjson']) : 'application/json') : pick(TYPES)
  const headers: Record<string, string> = type ? { 'content-type': type } : {}
  if (random() < 0.05) headers['idempotency-key'] = pick(['', 'string', 'k'.repeat(200), 'k1', '__proto__'])
  if (random() < 0.05)
    headers['traceparent'] = pick([
      '',
      '00-0-0-00',
      `00-${'0'.repeat(32)}-${'0'.repeat(16)}-00`,
      `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    ])
  if (random() < 0.02) headers['authorization'] = pick(['Bearer', 'Bearer x', 'Basic eDp5', ''])
  if (random() < 0.02) headers['content-encoding'] = pick(['gzip', 'br', 'identity', ''])
  return { method: isPost ? 'POST' : pick(['GET', 'PUT', 'DELETE', 'OPTIONS'] as const), url, headers, payload: body(url) }
}

test(
  'malformed requests are never answered 500, and what is accepted is stored: no more, no less',
  { timeout: SOAK ? 600_000 : 60_000 },
  async (t) => {
    t.diagnostic(`FLOWGUARD_SEED=${SEED}`)
    await using gateway = await openTestGateway()
    const orderIds = new Set<string>()
    let others = 0
    const statuses = new Map<number, number>()

    async function fire({ payload, ...sent }: Sent) {
      const response = await gateway.app.inject({ ...sent, payload })
      const shown = () =>
        `FLOWGUARD_SEED=${SEED}: ${JSON.stringify(sent)} ${payload.toString('latin1').slice(0, 2_000)} → ${response.statusCode} ${response.body.slice(0, 500)}`
      statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1)
      // 503 has one cause here: the ledger that is not there yet.
      assert.ok(response.statusCode < 500 || (response.statusCode === 503 && sent.method === 'GET'), shown())
      if (response.statusCode >= 400) assert.equal(response.headers['content-type'], 'application/problem+json', shown())
      if (sent.method !== 'POST' || response.statusCode >= 300) return
      if (sent.url === '/api/v1/dead/retry') assert.fail(shown())
      const results =
        sent.url === '/api/v1/batch' ? (response.json() as BatchResult[]) : [{ ...response.json(), status: 'accepted' } as BatchResult]
      for (const { status, event_id: id, order_id: orderId } of results) {
        if (status === 'rejected') continue
        assert.ok(id, shown())
        if (orderId !== undefined) orderIds.add(orderId)
        else if (status === 'accepted') others += 1
      }
    }

    for (let done = 0; done < REQUESTS; done += CONCURRENCY) await Promise.all(Array.from({ length: CONCURRENCY }, () => fire(request())))

    await rawSockets(gateway)
    assert.equal((await gateway.get('/livez')).statusCode, 200)
    const [clicks, general] = [await stored(gateway, CLICKS), await stored(gateway, GENERAL)]
    assert.equal(clicks + general, others, `FLOWGUARD_SEED=${SEED}: stored and accepted differ`)
    const orders = await gateway.database.outbox(1_000_000)
    const named = new Set<string>()
    for (const { record } of orders) {
      const event = parseLogged(String(record.value))
      assert.ok('order_id' in event, String(record.value))
      named.add(event.order_id)
    }
    assert.deepEqual([...named].sort(), [...orderIds].sort(), `FLOWGUARD_SEED=${SEED}: orders stored and accepted differ`)
    for (const status of [200, 201, 202, 400, 404, 405, 413, 415, 422])
      assert.ok((statuses.get(status) ?? 0) > 0, `no request was answered ${status}`)
    t.diagnostic(
      [...statuses]
        .sort(([a], [b]) => a - b)
        .map(([status, times]) => `${status}: ${times}`)
        .join(', '),
    )
  },
)

type TestGateway = Awaited<ReturnType<typeof openTestGateway>>

/** Every record of a topic is what its readers take; how many there are. */
async function stored(gateway: TestGateway, topic: RawTopic): Promise<number> {
  const records = await gateway.records(topic)
  for (const { value } of records) assert.ok(!('invalid' in parseLogged(value)), value)
  return records.length
}

/** Bytes that never become a request, or only nearly: each connection is answered or closed, and the next one works. */
async function rawSockets(gateway: TestGateway): Promise<void> {
  const port = await gateway.listen({ host: '127.0.0.1', port: 0 })
  const head = (length: number | string) =>
    `POST /api/v1/clicks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`
  const shapes: (() => string | Buffer)[] = [
    () => Buffer.from(Array.from({ length: 1 + below(300) }, () => below(256))),
    () => 'GET / HTTP/9.9\r\n\r\n',
    () => 'GET  /\r\n\r\n',
    () => `GET /${'a'.repeat(below(40_000))} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    () => `${head(20)}{"a":1`,
    () => `${head(-1)}{}`,
    () => `${head('1e3')}{}`,
    () => `${head(5)}{"a":`,
    () => `${head(2)}[]${'x'.repeat(below(100))}`,
    () =>
      'POST /events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\nConnection: close\r\n\r\nzz\r\n{}\r\n0\r\n\r\n',
    () => 'POST /events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nConnection: close\r\n\r\n0\r\n\r\n',
    () =>
      `${pick(['PROPFIND', 'SEARCH', 'QUERY', 'TRACE', 'CONNECT', 'BREW', 'PURGE'])} ${pick(['/events', '*', 'x:80'])} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    () => `GET / HTTP/1.1\r\nHost: x\r\n${'X-A: b\r\n'.repeat(below(3_000))}Connection: close\r\n\r\n`,
    () => 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n',
    () => 'POST /events HTTP/1.1\r\nHost: x\r\nExpect: nonsense\r\nConnection: close\r\n\r\n',
  ]
  async function tryOnce() {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (bytes) => (answer += bytes.toString('latin1')))
    socket.on('error', () => undefined)
    const bytes = pick(shapes)()
    socket.end(bytes)
    await once(socket, 'close')
    assert.ok(!/^HTTP\/1.1 5(?!03|05)/.test(answer), `FLOWGUARD_SEED=${SEED}: ${String(bytes).slice(0, 300)} → ${answer.slice(0, 300)}`)
  }
  for (let done = 0; done < SOCKETS; done += 50) await Promise.all(Array.from({ length: 50 }, tryOnce))
}
