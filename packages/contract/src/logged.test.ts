import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseLogged } from './logged.ts'

const written = { event_id: 'e1', ts: 1_769_860_800_000, received_at: '2026-01-31T12:00:00.000Z', is_bot: false }
const ORDER = {
  ...written,
  event_type: 'order',
  order_id: '018d5f00-0000-7000-8000-000000000001',
  user_id: 'u1',
  item_id: 7,
  item_name: 'Paneer Biryani',
  price: 249.5,
  quantity: 1,
  order_type: 'placed',
}
const CLICK = { ...written, event_type: 'click', user_id: 'u1', ad_id: 'food_7', item_id: 7, ad_campaign_id: 'c1' }
const GENERAL = { ...written, event_type: 'purchase', user_id: 'u1', properties: { amount: 5 } }
const HEARTBEAT = { event_type: 'heartbeat', ts: 1_769_860_800_000 }

const invalid = (value: object) => {
  const parsed = parseLogged(JSON.stringify(value))
  return 'invalid' in parsed ? parsed.invalid : undefined
}

test('every kind of event is read as it was written, what we do not know of it included', () => {
  const kinds: object[] = [ORDER, CLICK, { ...CLICK, event_type: 'impression' }, GENERAL, HEARTBEAT]
  for (const type of ['user_signup', 'page_view', 'custom']) kinds.push({ ...GENERAL, event_type: type })
  for (const type of ['confirmed', 'cancelled', 'delivered']) kinds.push({ ...ORDER, order_type: type })
  for (const kind of kinds) {
    const event = { ...kind, metadata: { deep: [1, null, { a: 'ü' }] }, seq: 3 }
    assert.deepEqual(parseLogged(JSON.stringify(event)), event)
  }
})

test('what may be missing may be missing', () => {
  const { item_id: _item, ad_campaign_id: _campaign, ...click } = CLICK
  const { user_id: _user, ...general } = GENERAL
  const { item_name: _name, ...order } = ORDER
  for (const event of [click, general, order]) assert.deepEqual(parseLogged(JSON.stringify(event)), event)
})

test('what must be there must be there, and is named', () => {
  const needed: [object, string[]][] = [
    [ORDER, ['event_id', 'ts', 'received_at', 'is_bot', 'order_id', 'user_id', 'item_id', 'price', 'quantity', 'order_type']],
    [CLICK, ['event_id', 'ts', 'received_at', 'is_bot', 'user_id', 'ad_id']],
    [GENERAL, ['event_id', 'ts', 'received_at', 'is_bot']],
    [HEARTBEAT, ['ts']],
  ]
  for (const [event, fields] of needed) {
    for (const field of fields) assert.match(invalid({ ...event, [field]: undefined }) ?? '', new RegExp(field), field)
  }
})

test('a field of another form is refused, and named', () => {
  const FAULTS: [object, string, unknown][] = [
    [ORDER, 'event_id', ''],
    [ORDER, 'event_id', 'x'.repeat(129)],
    [ORDER, 'event_id', 5],
    [ORDER, 'ts', 1.5],
    [ORDER, 'ts', '2026-01-31'],
    [ORDER, 'ts', 9e15],
    [ORDER, 'is_bot', 'no'],
    [ORDER, 'user_id', 5],
    [ORDER, 'user_id', null],
    [ORDER, 'item_id', 0],
    [ORDER, 'item_id', '7'],
    [ORDER, 'item_id', 2 ** 53],
    [ORDER, 'price', -1],
    [ORDER, 'price', 1e300],
    [ORDER, 'price', '5'],
    [ORDER, 'quantity', 0],
    [ORDER, 'quantity', 1.5],
    [ORDER, 'quantity', 1e15],
    [ORDER, 'order_type', 'eaten'],
    [ORDER, 'item_name', null],
    [CLICK, 'item_id', 1.5],
    [CLICK, 'ad_id', 7],
    [HEARTBEAT, 'ts', null],
  ]
  for (const [event, field, value] of FAULTS)
    assert.match(invalid({ ...event, [field]: value }) ?? '', new RegExp(`/${field} `), `${field} ${String(value)}`)
})

test('an event type that there is not is refused, names that objects have of their own too', () => {
  for (const type of ['', 'orders', 'toString', '__proto__', 'constructor', 5, null, {}, ['order'], 'x'.repeat(10_000)]) {
    const what = invalid({ ...ORDER, event_type: type }) ?? ''
    assert.match(what, /^unknown event_type/)
    assert.ok(what.length < 200)
  }
  for (const text of ['{}', '[]', 'null', '5', '"order"', 'true'])
    assert.deepEqual(parseLogged(text), { invalid: 'unknown event_type undefined' })
})

test('what is not JSON is said to be none', () => {
  for (const text of ['', '{', '\ufffd\ufffd', '{"event_type":"order"', `${JSON.stringify(ORDER)},`, "{'a':1}", 'NaN']) {
    const parsed = parseLogged(text)
    assert.ok('invalid' in parsed && parsed.invalid.startsWith('not JSON: '), text)
  }
})

test('no text makes it throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify({ ...ORDER, price: value, metadata: value })),
      ),
      (text) => {
        assert.equal(typeof parseLogged(text), 'object')
      },
    ),
    { numRuns: 500 },
  )
})

test('an order may not come to more than can be summed exactly; other kinds may say what they like under these names', () => {
  const written = { event_id: 'e', ts: 1, received_at: '', is_bot: false, user_id: 'u', price: 1_000_000, quantity: 11 }
  const order = { event_type: 'order', ...written, order_id: 'o', item_id: 1, order_type: 'placed' }
  assert.ok('invalid' in parseLogged(JSON.stringify(order)))
  assert.ok(!('invalid' in parseLogged(JSON.stringify({ ...order, quantity: 10 }))))
  assert.ok(!('invalid' in parseLogged(JSON.stringify({ event_type: 'custom', ...written }))))
})
