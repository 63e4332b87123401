import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ATTRIBUTED, CLICKS, type BatchResult, type Problem } from '@flowguard/contract'
import { createCatalog } from '../packages/pipeline/src/catalog/server.ts'
import { openTestGateway } from '../packages/pipeline/src/gateway/gateway-fixture.ts'
import { silentLogger } from '../packages/pipeline/src/kernel/logging.ts'

// What the clients of the two systems that FlowGuard replaces send, over real connections, and what they are answered (CONTRACT, Gateway routes).

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

let gateway: Awaited<ReturnType<typeof openTestGateway>>
let catalog: Awaited<ReturnType<typeof createCatalog>>
let events = ''
let foods = ''

before(async () => {
  gateway = await openTestGateway()
  catalog = await createCatalog({
    database: gateway.database,
    clock: Date.now,
    logger: silentLogger,
    version: '0.0.0',
    environment: 'test',
    dataDir: '.',
    corsOrigins: [],
    rateLimit: 0,
  })
  events = `http://127.0.0.1:${await gateway.listen({ host: '127.0.0.1', port: 0 })}`
  foods = `http://127.0.0.1:${await catalog.listen({ host: '127.0.0.1', port: 0 })}`
})

after(async () => {
  await catalog.close()
  await gateway[Symbol.asyncDispose]()
})

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(events + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    body: (await response.json()) as Record<string, unknown>,
  }
}

async function get<T = Record<string, unknown>>(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers })
  return { status: response.status, body: (await response.json()) as T }
}

test('EventFlow: an event is accepted, by any of its types, with a trailing slash and without', async () => {
  for (const [path, event] of [
    ['/events', { event_type: 'purchase', user_id: 'user_1', properties: { amount: 99.5, currency: 'USD', items: [{ sku: 'a' }] } }],
    ['/events/', { event_type: 'user_signup', user_id: 17, properties: { plan: 'free' }, timestamp: '2026-01-15T10:30:00Z' }],
    ['/events', { event_type: 'page_view', user_id: 'user_1', properties: { url: '/home' }, timestamp: '2026-01-15T10:30:00.123456' }],
    ['/events', { event_type: 'custom', event_id: null, user_id: null, properties: {} }],
  ] as const) {
    const { status, body } = await post(path, event)
    assert.deepEqual([status, Object.keys(body), body['status']], [202, ['event_id', 'status', 'message', 'received_at'], 'accepted'])
    assert.match(String(body['event_id']), UUID)
    assert.ok(Math.abs(Date.parse(String(body['received_at'])) - Date.now()) < 60_000)
  }
})

test("EventFlow: the client's event_id is kept, and may be sent again; what a worker checks is not the gateway's", async () => {
  const event = { event_id: '550e8400-e29b-41d4-a716-446655440000', event_type: 'purchase', user_id: 'user_1', properties: {} }
  for (let tries = 0; tries < 2; tries += 1) {
    const { status, body } = await post('/events', event)
    assert.deepEqual([status, body['event_id']], [202, event.event_id])
  }
  const inTheFuture = await post('/events', { event_type: 'custom', timestamp: '2999-01-01T00:00:00Z' })
  assert.equal(inTheFuture.status, 202)
})

test('EventFlow: a wrong event is 422 that names the field', async () => {
  for (const [event, field] of [
    [{ event_type: 'unknown' }, '/event_type'],
    [{ user_id: 'u' }, '/event_type'],
    [{ event_type: 'custom', event_id: 'not-a-uuid' }, '/event_id'],
    [{ event_type: 'custom', timestamp: 'yesterday' }, '/timestamp'],
  ] as const) {
    const { status, type, body } = await post('/events', event)
    assert.deepEqual([status, type], [422, 'application/problem+json'])
    assert.equal((body as unknown as Problem).errors?.[0]?.field, field)
  }
})

test('EventFlow: health, metrics under their names, and the queue', async () => {
  const health = await get(`${events}/health`)
  assert.ok(['healthy', 'degraded'].includes(String(health.body['status'])))
  assert.ok('database' in (health.body['services'] as object) && 'redis' in (health.body['services'] as object))
  const text = await (await fetch(`${events}/metrics`, { headers: { accept: 'text/plain' } })).text()
  for (const name of [
    'events_received_total',
    'events_processed_total',
    'events_failed_total',
    'events_duplicate_total',
    'queue_depth',
    'active_workers',
    'event_processing_duration_seconds_bucket',
  ]) {
    assert.match(text, new RegExp(`^${name}[ {]`, 'm'), name)
  }
  const summary = await get(`${events}/metrics/summary`)
  assert.deepEqual(Object.keys(summary.body), ['queue_length', 'pending_messages', 'timestamp'])
})

test('FlowGuard: an order is confirmed, and the database has it', async () => {
  const order = {
    event_id: 'evt_123',
    order_id: 'ord_123',
    user_id: 1,
    item_id: 4,
    item_name: 'Biryani',
    price: 299.0,
    quantity: 2,
    restaurant_id: 12,
    session_id: 'sess_1',
    city: 'Mumbai',
    location: { lat: 19.07, lng: 72.87 },
    order_type: 'placed',
    metadata: { coupon: 'WELCOME' },
    timestamp: '2026-01-15T10:30:00Z',
  }
  const { status, body } = await post('/api/v1/orders', order)
  assert.equal(status, 201)
  assert.deepEqual(Object.keys(body), ['success', 'order_id', 'event_id', 'status', 'message'])
  assert.deepEqual([body['success'], body['event_id'], body['status']], [true, 'evt_123', 'confirmed'])
  assert.match(String(body['order_id']), UUID)
  const stored = await get(`${events}/api/v1/orders/${String(body['order_id'])}`)
  assert.deepEqual(
    [stored.body['status'], stored.body['price'], stored.body['quantity'], stored.body['client_order_id']],
    ['placed', 299, 2, 'ord_123'],
  )
  assert.deepEqual((await post('/api/v1/orders', order)).body, body)
  assert.equal((await post('/api/v1/orders', { ...order, price: 300 })).status, 409)
})

test('FlowGuard: what an API explorer fills in is an order without an id', async () => {
  const body = { event_id: 'string', user_id: 1, item_id: 4, price: 0, metadata: {} }
  const first = await post('/api/v1/orders', body)
  const second = await post('/api/v1/orders', body)
  assert.deepEqual([first.status, second.status], [201, 201])
  assert.notEqual(first.body['order_id'], second.body['order_id'])
})

test('FlowGuard: clicks and impressions are accepted', async () => {
  const click = {
    ad_id: 'food_4',
    user_id: 1,
    session_id: 'sess_1',
    ad_campaign_id: 'camp_1',
    ad_type: 'banner',
    page_url: 'http://localhost:3000/',
    device_type: 'desktop',
    user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    is_click: true,
  }
  for (const [path, body] of [
    ['/api/v1/clicks', click],
    ['/api/v1/clicks/', { ...click, is_click: false }],
    ['/api/v1/clicks/impression', click],
  ] as const) {
    const answer = await post(path, body)
    assert.deepEqual([answer.status, Object.keys(answer.body), answer.body['success']], [202, ['success', 'message', 'event_id'], true])
  }
  const stored = (await gateway.records(CLICKS)).map(({ event }) => String(event['event_type'])).sort()
  assert.deepEqual(stored, ['click', 'impression', 'impression'])
  assert.equal(
    (await gateway.log.ends(ATTRIBUTED)).every(({ end }) => end === 0),
    true,
    'the gateway writes raw topics only',
  )
})

test('FlowGuard: a batch, as an array and as NDJSON', async () => {
  const batch = [
    { event_type: 'click', ad_id: 'food_4', user_id: 9 },
    { event_type: 'order', item_id: 4, user_id: 9 },
    { event_type: 'order', item_id: 4 },
  ]
  for (const [body, headers] of [
    [JSON.stringify(batch), {}],
    [batch.map((event) => JSON.stringify(event)).join('\n'), { 'content-type': 'application/x-ndjson' }],
  ] as const) {
    const answer = await post('/api/v1/batch', body, headers)
    assert.equal(answer.status, 200)
    assert.deepEqual(
      (answer.body as unknown as BatchResult[]).map(({ index, status }) => [index, status]),
      [
        [0, 'accepted'],
        [1, 'accepted'],
        [2, 'rejected'],
      ],
    )
  }
})

test('FlowGuard: health, metrics as JSON, documentation', async () => {
  const { body } = await get(`${events}/health`)
  for (const key of ['service', 'status', 'version', 'environment', 'timestamp', 'checks', 'services']) assert.ok(key in body, key)
  const kafka = (body['checks'] as { kafka: { status: string; connected: boolean; producer_stats: object } }).kafka
  assert.deepEqual(
    [kafka.status, kafka.connected, Object.keys(kafka.producer_stats)],
    ['healthy', true, ['messages_sent', 'messages_delivered', 'messages_failed']],
  )
  const metrics = (await get(`${events}/metrics`)).body
  for (const key of ['service', 'environment', 'kafka_producer']) assert.ok(key in metrics, key)
  for (const path of ['/', '/docs', '/redoc', '/openapi.json', '/livez', '/readyz'])
    assert.equal((await fetch(events + path)).status, 200, path)
})

test('FlowGuard: the catalogue', async () => {
  const all = await get<{ total: number; items: { food_id: number; price: number; category: string; is_available: boolean }[] }>(
    `${foods}/api/foods`,
  )
  assert.equal(all.body.total, all.body.items.length)
  const categories = await get<string[]>(`${foods}/api/foods/categories/list`)
  assert.deepEqual(categories.body, [
    'Beverages',
    'Biryani',
    'Burger',
    'Desserts',
    'North Indian',
    'Pasta',
    'Pizza',
    'Snacks',
    'South Indian',
  ])
  const pizzas = await get<{ total: number; items: { category: string; is_available: boolean }[] }>(
    `${foods}/api/foods/?category=Pizza&available_only=true`,
  )
  assert.ok(pizzas.body.items.every(({ category, is_available }) => category === 'Pizza' && is_available))
  const one = await get<{ food_id: number; price: number }>(`${foods}/api/foods/4`)
  assert.deepEqual([one.body.food_id, typeof one.body.price], [4, 'number'])
  assert.equal((await get(`${foods}/api/foods/999`)).status, 404)
  for (const path of ['/health', '/docs', '/redoc']) assert.equal((await fetch(foods + path)).status, 200, path)
})
