import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS, GENERAL, isoOf, itemOfAdId, ORDERS, type Topic } from '@flowguard/contract'
import { admit, admitAny, isFault, type AdmissionDeps, type Admitted } from '../gateway/admission.ts'
import { sender, type SentEvent } from './as-sent.ts'

const AT = Date.UTC(2026, 0, 31, 12)
const LATER = AT + 3 * 86_400_000
const TIMESTAMP = isoOf(AT - 5_000)
let ids = 0
const deps = {
  reference: {
    food: (id: number) => (id === 1 ? { food_id: 1, name: 'Dosa', price: 120 } : undefined),
    itemOfAd: itemOfAdId,
  },
  newId: () => `0b9d1c5e-6c0f-7c1b-9d55-${String((ids += 1)).padStart(12, '0')}`,
  isBot: (agent: string) => agent.includes('bot'),
} as unknown as AdmissionDeps

function admitted(event: object, receivedAt: number): Admitted {
  const admission = admitAny(structuredClone(event), { receivedAt, traceparent: '' }, deps)
  assert.ok(!isFault(admission), JSON.stringify(admission))
  return admission
}

/** Through the gateway, the log and the lake, and through another gateway days later. */
function roundTrip(first: Admitted, addressed: string[] = []): { sent: Record<string, unknown>; second: Admitted } {
  const record = { topic: first.topic as Topic, text: JSON.stringify(first.event), contentHash: first.contentHash }
  const again = sender(new Set(addressed))(record) as SentEvent
  assert.equal(again.ts, first.ts)
  const sent = JSON.parse(again.text) as Record<string, unknown>
  return { sent, second: admitted(sent, LATER) }
}

/** What is another in the other system: when it was received, and the order's id. */
const ofItself = ({ event }: Admitted) => ({ ...event, received_at: '', order_id: '' })

const SENT = {
  'an order with all its fields': {
    event_type: 'order',
    event_id: 'e',
    timestamp: TIMESTAMP,
    user_id: 'u',
    item_id: 1,
    item_name: 'X',
    price: 9.5,
    quantity: 2,
    order_type: 'placed',
  },
  'an order of a numbered user, filled from the catalogue': {
    event_type: 'order',
    event_id: 'e',
    timestamp: TIMESTAMP,
    user_id: 17,
    item_id: 1,
  },
  "an order with the client's own id, as a number": {
    event_type: 'order',
    event_id: 'e',
    timestamp: TIMESTAMP,
    user_id: 17,
    item_id: 1,
    order_id: '99',
    note: { a: [1, null] },
  },
  'a click with its item from the ad': {
    event_type: 'click',
    event_id: 'e',
    timestamp: TIMESTAMP,
    user_id: 3,
    ad_id: 'food_12',
    user_agent: 'a bot',
  },
  'a click of numbers': { event_type: 'click', event_id: 'e', timestamp: TIMESTAMP, user_id: 3, ad_id: 12, ad_campaign_id: 5, item_id: 4 },
  'an impression by a flag': {
    event_type: 'click',
    is_click: false,
    event_id: 'e',
    timestamp: TIMESTAMP,
    user_id: 'u',
    ad_id: 'a',
    item_id: 4,
  },
  'a general event': {
    event_type: 'purchase',
    event_id: '0b9d1c5e-6c0f-4c1b-9d55-6f1b8a2b7e43',
    timestamp: TIMESTAMP,
    user_id: 5,
    properties: { amount: 3 },
  },
} as const

for (const [what, event] of Object.entries(SENT)) {
  test(`sent again, ${what} is the same event, to the hash of its content`, () => {
    const first = admitted(event, AT)
    const { sent, second } = roundTrip(first)
    assert.equal(second.contentHash, first.contentHash)
    assert.deepEqual(ofItself(second), ofItself(first))
    assert.deepEqual(sent, event)
  })
}

test('clients of several kinds, one after the other, each get their own form back', () => {
  const send = sender(new Set())
  const forms = Object.values(SENT)
  for (let at = 0; at < 10 * forms.length; at += 1) {
    const event = { ...forms[(at * 3) % forms.length], timestamp: isoOf(AT - at * 1_000) }
    const first = admitted(event, AT)
    const again = send({ topic: first.topic, text: JSON.stringify(first.event), contentHash: first.contentHash }) as SentEvent
    assert.deepEqual(JSON.parse(again.text), event)
  }
})

test('without an id or a time of its own, an event keeps those that it was given', () => {
  for (const event of [
    { event_type: 'click', user_id: 'u', ad_id: 'a', item_id: 4 },
    { event_type: 'order', user_id: 'u', item_id: 1 },
    { event_type: 'page_view' },
    // The gateway took the time of receipt instead.
    { event_type: 'click', event_id: 'e', timestamp: isoOf(AT + 60_000), user_id: 'u', ad_id: 'a', item_id: 4 },
  ]) {
    const first = admitted(event, AT)
    const { second } = roundTrip(first)
    assert.deepEqual([second.eventId, second.ts], [first.eventId, first.ts])
    assert.deepEqual({ ...ofItself(second), timestamp: '' }, { ...ofItself(first), timestamp: '' })
  }
})

test('an impression that came by its own route stays one, whatever its flag says', () => {
  const raw = { event_id: 'e', timestamp: TIMESTAMP, user_id: 'u', ad_id: 'a', is_click: true }
  const first = admit('click', raw, { receivedAt: AT, traceparent: '', isImpression: true }, deps)
  assert.ok(!isFault(first))
  assert.equal(roundTrip(first).second.event['event_type'], 'impression')
})

test('an order whose status changed by the gateway’s id is sent under that id, and so is the change', () => {
  const placed = admitted({ event_type: 'order', event_id: 'e1', timestamp: TIMESTAMP, user_id: 'u', item_id: 1 }, AT)
  const id = placed.event['order_id'] as string
  const change = {
    ...admitted(
      { event_type: 'order', event_id: 'e2', timestamp: TIMESTAMP, user_id: 'u', item_id: 1, order_type: 'cancelled', order_id: id },
      AT,
    ),
  }
  // The database writes over it which order it is.
  change.event = { ...change.event, order_id: id, price: 120 }
  const send = sender(new Set([id]))
  const again = [placed, change].map(({ event, contentHash }) => {
    const sent = send({ topic: ORDERS, text: JSON.stringify(event), contentHash }) as SentEvent
    return JSON.parse(sent.text) as Record<string, unknown>
  })
  assert.deepEqual(
    again.map(({ order_id, order_type }) => [order_id, order_type]),
    [
      [id, 'placed'],
      [id, 'cancelled'],
    ],
  )
})

test('what is no event is told, and why', () => {
  const send = sender(new Set())
  assert.deepEqual(send({ topic: GENERAL, text: undefined, contentHash: undefined }), {
    fault: 'not_utf8',
    detail: 'the record is not UTF-8',
  })
  const fault = send({ topic: CLICKS, text: '{', contentHash: undefined })
  assert.equal('fault' in fault && fault.fault, 'invalid_event')
})
