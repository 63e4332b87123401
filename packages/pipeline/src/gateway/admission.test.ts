import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import {
  canonicalJson,
  CLICKS,
  EVENT_BYTES_MAX,
  FIELDS_COUNT_MAX,
  GENERAL,
  itemOfAdId,
  ORDERS,
  parseLogged,
  type EventKind,
} from '@flowguard/contract'
import { admit, isFault, type Admitted, type Arrival } from './admission.ts'
import { createBotCheck } from './bots.ts'
import type { Fault } from '../http/problems.ts'

const NOW = Date.parse('2026-03-01T12:00:00.250Z')
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const UUID = '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b'

let made = 0
const deps = {
  reference: {
    food: (id: number) => (id === 7 ? { name: 'Burger', price: 219.5 } : undefined),
    itemOfAd: (adId: string) => (adId === 'ad_burger' ? 7 : itemOfAdId(adId)),
  },
  newId: () => `made-${(made += 1)}`,
  isBot: createBotCheck(),
}

function ask(kind: EventKind, body: unknown, arrival: Partial<Arrival> = {}) {
  return admit(kind, structured(body), { receivedAt: NOW, traceparent: TRACEPARENT, ...arrival }, deps)
}

/** Text goes through JSON.parse as a request's does, which alone can make a field named `__proto__`. */
const structured = (body: unknown): unknown => (typeof body === 'string' && /^[[{"]/.test(body) ? JSON.parse(body) : structuredClone(body))

function admitted(kind: EventKind, body: unknown, arrival: Partial<Arrival> = {}): Admitted & { logged: Record<string, unknown> } {
  const result = ask(kind, body, arrival)
  assert.ok(!isFault(result), JSON.stringify(result))
  const value = JSON.stringify(
    result.draft ? { ...result.event, order_id: result.draft.orderId, price: result.event['price'] ?? 1 } : result.event,
  )
  const logged = parseLogged(value)
  assert.ok(!('invalid' in logged), `readers refuse what was admitted: ${JSON.stringify(logged)}`)
  return { ...result, logged: JSON.parse(value) as Record<string, unknown> }
}

function refused(kind: EventKind, body: unknown, arrival: Partial<Arrival> = {}): Fault {
  const result = ask(kind, body, arrival)
  assert.ok(isFault(result), `admitted: ${JSON.stringify(result).slice(0, 300)}`)
  return result
}

const order = { item_id: 7, user_id: 42 }
const click = { ad_id: 'ad_burger', user_id: 42 }
const general = { event_type: 'custom' }

const REFUSED: [name: string, kind: EventKind, body: unknown, field: string, message: RegExp][] = [
  ['more than an order may come to', 'order', { ...order, price: 1_000_000, quantity: 11 }, '/quantity', /at most 10000000/],
  ['an array', 'order', [], '', /must be a JSON object/],
  ['a string', 'click', '"click"', '', /must be a JSON object/],
  ['null', 'general', null, '', /must be a JSON object/],
  ['an order without an item', 'order', { user_id: 1 }, '/item_id', /is required/],
  ['an order without a user', 'order', { item_id: 7 }, '/user_id', /is required/],
  ['an order whose user is null', 'order', { item_id: 7, user_id: null }, '/user_id', /is required/],
  ['an item as text', 'order', { ...order, item_id: '7' }, '/item_id', /must be integer/],
  ['item 0', 'order', { ...order, item_id: 0 }, '/item_id', /must be >= 1/],
  ['an item of a fraction', 'order', { ...order, item_id: 7.5 }, '/item_id', /must be integer/],
  ['an item beyond exact integers', 'order', `{"item_id":9007199254740993,"user_id":1}`, '/item_id', /must be <=/],
  ['user 0', 'order', { ...order, user_id: 0 }, '/user_id', /positive integer or a string of 1 to 128/],
  ['a user of a fraction', 'order', { ...order, user_id: 1.5 }, '/user_id', /positive integer/],
  ['an empty user', 'order', { ...order, user_id: '' }, '/user_id', /positive integer/],
  ['a user of 129 characters', 'order', { ...order, user_id: 'u'.repeat(129) }, '/user_id', /positive integer/],
  ['a user that is an object', 'click', { ...click, user_id: {} }, '/user_id', /positive integer/],
  ['a negative price', 'order', { ...order, price: -1 }, '/price', /must be >= 0/],
  ['a price of 3 decimals', 'order', { ...order, price: 1.005 }, '/price', /at most 2 decimals/],
  ['a price over a million', 'order', { ...order, price: 1_000_000.01 }, '/price', /must be <=/],
  ['a price as text', 'order', { ...order, price: '10' }, '/price', /must be number/],
  ['a number that JSON cannot hold', 'order', '{"item_id":7,"user_id":1,"note":{"a":[1e400]}}', '', /too large/],
  ['quantity 0', 'order', { ...order, quantity: 0 }, '/quantity', /must be >= 1/],
  ['half a portion', 'order', { ...order, quantity: 0.5 }, '/quantity', /must be integer/],
  ['an unknown order_type', 'order', { ...order, order_type: 'eaten' }, '/order_type', /one of placed, confirmed/],
  ['a status that names no order', 'order', { ...order, order_type: 'cancelled' }, '/order_id', /required for a status/],
  ['an unknown item without a price', 'order', { ...order, item_id: 8 }, '/price', /catalogue has no such item/],
  ['metadata that is a list', 'order', { ...order, metadata: [1] }, '/metadata', /must be object/],
  ['a bad date', 'order', { ...order, timestamp: '2026-02-30T00:00:00Z' }, '/timestamp', /RFC 3339/],
  ['a date without a time', 'click', { ...click, timestamp: '2026-02-03' }, '/timestamp', /RFC 3339/],
  ['a date that is a number', 'click', { ...click, timestamp: 1_700_000_000 }, '/timestamp', /must be string/],
  ['a click without an ad', 'click', { user_id: 1 }, '/ad_id', /is required/],
  ['a click without a user', 'click', { ad_id: 'a' }, '/user_id', /is required/],
  ['is_click as text', 'click', { ...click, is_click: 'false' }, '/is_click', /must be boolean/],
  ['an event_id that is a number', 'click', { ...click, event_id: 5 }, '/event_id', /must be string/],
  ['an event_id of 129 characters', 'click', { ...click, event_id: 'e'.repeat(129) }, '/event_id', /128/],
  ['a page_url of 2,049 characters', 'click', { ...click, page_url: 'p'.repeat(2_049) }, '/page_url', /2048/],
  ['an event_type that is not known', 'general', { event_type: 'sneeze' }, '/event_type', /one of purchase/],
  ['no event_type', 'general', { user_id: 1 }, '/event_type', /is required/],
  ['a general event_id that is no UUID', 'general', { ...general, event_id: 'abc' }, '/event_id', /must be a UUID/],
  ['properties that are a list', 'general', { ...general, properties: [] }, '/properties', /must be object/],
  ['half a surrogate pair', 'click', `{"ad_id":"a","user_id":1,"note":["\\ud800"]}`, '/note/0', /surrogate/],
  ['U+0000 in a field name', 'click', `{"ad_id":"a","user_id":1,"n":{"a\\u0000":1}}`, '/n', /U\+0000/],
]

for (const [name, kind, body, field, message] of REFUSED) {
  test(`refuses ${name}`, () => {
    const fault = refused(kind, body)
    assert.equal(fault.status, 422)
    const error = fault.errors?.find((each) => each.field === field)
    assert.ok(error, `no error for ${field}: ${JSON.stringify(fault)}`)
    assert.match(error.message, message)
  })
}

test('names every field that is wrong, once', () => {
  const fields = refused('order', { item_id: 'x', user_id: 0, price: -1, quantity: 0 }).errors?.map(({ field }) => field)
  assert.deepEqual(fields?.sort(), ['/item_id', '/price', '/quantity', '/user_id'])
})

test('refuses over 128 fields, and takes 128', () => {
  const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, at]))
  assert.equal(refused('click', { ...click, ...fields(FIELDS_COUNT_MAX - 1) }).code, 'too_many_fields')
  admitted('click', { ...click, ...fields(FIELDS_COUNT_MAX - 2) })
})

test('refuses over 32 KiB with 413, and takes 32 KiB', () => {
  const frame = Buffer.byteLength(canonicalJson({ ...click, note: '' }))
  admitted('click', { ...click, note: 'n'.repeat(EVENT_BYTES_MAX - frame) })
  assert.equal(refused('click', { ...click, note: 'n'.repeat(EVENT_BYTES_MAX - frame + 1) }).status, 413)
})

test('null is absent, at the top and only there', () => {
  const { logged } = admitted('click', { ...click, item_id: null, city: null, event_id: null, metadata: { a: null } })
  assert.ok(!('city' in logged))
  assert.equal(logged['item_id'], 7)
  assert.deepEqual(logged['metadata'], { a: null })
})

for (const none of ['', 'string', null]) {
  test(`an event_id of ${JSON.stringify(none)} is none: one is made`, () => {
    assert.match(admitted('general', { ...general, event_id: none }).eventId, /^made-/)
  })
}

test('the Idempotency-Key is the event_id, and held to the same form', () => {
  assert.equal(admitted('click', click, { idempotencyKey: 'k1' }).logged['event_id'], 'k1')
  assert.equal(admitted('click', { ...click, event_id: 'k1' }, { idempotencyKey: 'k1' }).eventId, 'k1')
  assert.equal(admitted('click', { ...click, event_id: 'string' }, { idempotencyKey: 'k1' }).eventId, 'k1')
  assert.match(admitted('click', click, { idempotencyKey: '' }).eventId, /^made-/)
  assert.equal(refused('click', { ...click, event_id: 'k1' }, { idempotencyKey: 'k2' }).code, 'ids_differ')
  assert.equal(refused('general', general, { idempotencyKey: 'k1' }).errors?.[0]?.field, '/event_id')
  assert.equal(admitted('general', general, { idempotencyKey: UUID }).eventId, UUID)
})

test('unknown fields travel along, whatever their names', () => {
  const text = '{"ad_id":"ad_burger","user_id":1,"__proto__":{"is_click":false},"constructor":1,"hasOwnProperty":2,"toString":[3]}'
  const { event } = admitted('click', text)
  const logged = JSON.stringify(event)
  for (const part of ['"__proto__":{"is_click":false}', '"constructor":1', '"hasOwnProperty":2', '"toString":[3]'])
    assert.ok(logged.includes(part), part)
  assert.equal(event['event_type'], 'click')
  assert.equal(({} as { is_click?: unknown }).is_click, undefined)
})

test('the gateway writes over what a client sent under its names', () => {
  const { logged } = admitted('order', {
    ...order,
    received_at: 'x',
    is_bot: 'x',
    ts: 'x',
    event_type: 'order',
    order_id: 99,
    content_hash: 'kept',
  })
  assert.equal(logged['received_at'], '2026-03-01T12:00:00.250Z')
  assert.equal(logged['is_bot'], false)
  assert.equal(logged['ts'], NOW)
  assert.equal(logged['client_order_id'], '99')
  assert.match(logged['order_id'] as string, /^made-/)
  assert.equal(logged['user_id'], '42')
  assert.equal(logged['content_hash'], 'kept')
})

test('event time is the lesser of timestamp and receipt', () => {
  assert.equal(admitted('click', click).ts, NOW)
  assert.equal(admitted('click', { ...click, timestamp: '2026-03-01T12:00:00.250+01:00' }).ts, NOW - 3_600_000)
  assert.equal(admitted('click', { ...click, timestamp: '2026-03-01T12:00:00' }).ts, NOW - 250)
  assert.equal(admitted('click', { ...click, timestamp: '2026-03-01T13:00:00Z' }).ts, NOW)
  assert.equal(admitted('order', { ...order, timestamp: '1970-01-01T00:00:00Z' }).ts, 0)
})

test('name and price missing are filled from the catalogue; a price that was sent stands', () => {
  const filled = admitted('order', order).logged
  assert.deepEqual(
    [filled['item_name'], filled['price'], filled['quantity'], filled['order_type'], filled['event_type']],
    ['Burger', 219.5, 1, 'placed', 'order'],
  )
  const own = admitted('order', { ...order, item_name: 'My burger', price: 0, quantity: 3 }).logged
  assert.deepEqual([own['item_name'], own['price'], own['quantity']], ['My burger', 0, 3])
  assert.equal(admitted('order', { item_id: 8, user_id: 1, price: 10.25 }).logged['price'], 10.25)
})

test('a status needs no price, known item or not', () => {
  const { draft, event } = admitted('order', { item_id: 8, user_id: 1, order_type: 'cancelled', order_id: 'mine' })
  assert.equal(draft?.clientOrderId, 'mine')
  assert.equal(draft?.orderType, 'cancelled')
  assert.equal(event['price'], undefined)
  assert.equal(admitted('order', { ...order, order_type: 'delivered', order_id: 'x' }).event['price'], undefined)
})

test('is_click decides between click and impression, the route before it, event_type where it says nothing', () => {
  const typeOf = (body: object, arrival: Partial<Arrival> = {}) => admitted('click', { ...click, ...body }, arrival).event['event_type']
  assert.equal(typeOf({}), 'click')
  assert.equal(typeOf({ is_click: false }), 'impression')
  assert.equal(typeOf({ is_click: false, event_type: 'click' }), 'impression')
  assert.equal(typeOf({ is_click: true, event_type: 'impression' }), 'click')
  assert.equal(typeOf({ event_type: 'impression' }), 'impression')
  assert.equal(typeOf({ is_click: true }, { isImpression: true }), 'impression')
})

test("a click's item: its own, else the ad's, else the number in the ad's name, else none", () => {
  const itemOf = (body: object) => admitted('click', { user_id: 1, ...body }).event['item_id']
  assert.equal(itemOf({ ad_id: 'ad_burger', item_id: 3 }), 3)
  assert.equal(itemOf({ ad_id: 'ad_burger' }), 7)
  assert.equal(itemOf({ ad_id: 12 }), 12)
  assert.equal(itemOf({ ad_id: '12' }), 12)
  assert.equal(itemOf({ ad_id: 'food_12' }), 12)
  assert.equal(itemOf({ ad_id: 'banner' }), undefined)
  const { event } = admitted('click', { ad_id: 12, user_id: 1, ad_campaign_id: 5 })
  assert.deepEqual([event['ad_id'], event['ad_campaign_id']], ['12', '5'])
})

test("only the event's own user_agent makes a bot", () => {
  const isBot = (agent?: string) => admitted('click', { ...click, ...(agent && { user_agent: agent }) }).event['is_bot']
  assert.equal(isBot(), false)
  assert.equal(isBot('Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile Safari/604.1'), false)
  assert.equal(isBot('Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'), true)
  assert.equal(isBot('Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'), true)
})

test('the content hash is of the body as sent: nulls, unknown fields and all, whatever the order of its members', () => {
  const body = { ...click, note: { b: 1, a: null }, city: null }
  const hash = createHash('sha256').update(canonicalJson(body)).digest('base64url')
  assert.equal(admitted('click', body).headers['content_hash'], hash)
  assert.equal(admitted('click', { city: null, note: { a: null, b: 1 }, ...click }).contentHash, hash)
  assert.notEqual(admitted('click', { ...click, note: { b: 1, a: null } }).contentHash, hash)
  assert.equal(admitted('click', body).headers['traceparent'], TRACEPARENT)
})

test('every kind goes to its topic', () => {
  assert.deepEqual(
    [admitted('order', order).topic, admitted('click', click).topic, admitted('general', general).topic],
    [ORDERS, CLICKS, GENERAL],
  )
})

test('of who was erased an event names nobody from its first step on, and repeats of it are still known', () => {
  const arrival = { receivedAt: NOW, traceparent: TRACEPARENT }
  const pseudonymOf = (id: string) => (id === '42' ? 'erased-1' : undefined)
  const body = { ...order, session_id: 's-42', event_id: 'e1', hobby: 'x' }
  const result = admit('order', structured(body), arrival, { ...deps, pseudonymOf })
  assert.ok(!isFault(result))
  assert.deepEqual(
    [result.userId, result.event['user_id'], result.event['session_id'], result.event['hobby']],
    ['erased-1', 'erased-1', undefined, undefined],
  )
  assert.deepEqual([result.event['price'], result.event['order_id']], [219.5, result.draft?.orderId])
  assert.equal(result.contentHash, admitted('order', body).contentHash)
  assert.equal(
    (admit('order', structured({ ...body, user_id: 43 }), arrival, { ...deps, pseudonymOf }) as Admitted).event['session_id'],
    's-42',
  )
})
