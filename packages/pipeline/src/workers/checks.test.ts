import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MINUTE_MS } from '@flowguard/contract'
import { START } from '../reader/testing/fixture.ts'
import { laneFault, type LaneEvent } from './checks.ts'
import { enrich } from './enrich.ts'

const event = (fields: object) =>
  ({ event_id: 'e', ts: START, received_at: '', is_bot: false, event_type: 'custom', ...fields }) as LaneEvent
const purchase = (amount: unknown) => event({ event_type: 'purchase', properties: { amount } })

test('a purchase needs a positive amount', () => {
  for (const amount of [0, -1, '10', null, undefined]) assert.match(laneFault(purchase(amount), START) ?? '', /amount/, String(amount))
  assert.match(laneFault(event({ event_type: 'purchase' }), START) ?? '', /amount/)
  assert.equal(laneFault(purchase(0.01), START), undefined)
})

test('a sign-up needs a user, the others do not', () => {
  assert.match(laneFault(event({ event_type: 'user_signup' }), START) ?? '', /user_id/)
  assert.equal(laneFault(event({ event_type: 'user_signup', user_id: 'u' }), START), undefined)
  assert.equal(laneFault(event({ event_type: 'page_view' }), START), undefined)
})

test('a timestamp may be 5:00.000 ahead of the receipt, and no more', () => {
  const ahead = (ms: number) => laneFault(event({ timestamp: new Date(START + ms).toISOString() }), START)
  assert.equal(ahead(5 * MINUTE_MS), undefined)
  assert.match(ahead(5 * MINUTE_MS + 1) ?? '', /timestamp/)
  assert.equal(ahead(-86_400_000), undefined)
})

test('properties that are no object are a fault, whoever wrote them', () => {
  for (const properties of [[], 'x', 1]) assert.match(laneFault(event({ properties }), START) ?? '', /properties/)
})

test('a purchase over 1,000 is of high value, one of 1,000 is not, and nothing else has a category', () => {
  assert.deepEqual(
    [purchase(1_000), purchase(1_000.01), event({ event_type: 'page_view' })].map((each) => enrich(each).category),
    ['standard', 'high_value', null],
  )
})
