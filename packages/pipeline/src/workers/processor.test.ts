import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GENERAL } from '@flowguard/contract'
import { START } from '../reader/testing/fixture.ts'
import type { Work } from './enrich.ts'
import { general, laneMachine, processing, RECEIVED } from './testing/fixture.ts'

const failing =
  (times: number): Work =>
  () => {
    if (times-- > 0) throw new Error('out of order')
    return { category: null }
  }

test('an event is written down with what was worked out for it, by whom and when', () => {
  using machine = laneMachine()
  machine.pass(1_500)
  const { apply } = processing(machine)
  const purchase = general({
    event_id: 'p',
    event_type: 'purchase',
    user_id: 'u',
    properties: { amount: 1_500 },
    timestamp: '2026-01-31T23:20:00+00:00',
    ts: START - 1_800_000,
  })
  const view = general({ event_id: 'v', event_type: 'page_view', user_id: 'u' })
  assert.deepEqual(apply(purchase, view), ['applied', 'applied'])
  const at = new Date(START + 1_500).toISOString()
  const shared = { user_id: 'u', received_at: RECEIVED, processed_at: at, processed_by: 'w1', retry_count: 0 }
  assert.deepEqual(
    machine.rows(
      'select event_id, event_type, user_id, properties, timestamp, received_at, category, session_start, processed_at, processed_by, retry_count from processed_events',
    ),
    [
      {
        event_id: 'p',
        event_type: 'purchase',
        properties: '{"amount":1500}',
        timestamp: '2026-01-31T23:20:00.000Z',
        category: 'high_value',
        session_start: null,
        ...shared,
      },
      {
        event_id: 'v',
        event_type: 'page_view',
        properties: null,
        timestamp: RECEIVED,
        category: null,
        session_start: '2026-01-31T23:20:00.000Z',
        ...shared,
      },
    ],
  )
  assert.deepEqual(machine.rows('select sum(events) as events, sum(seconds) as seconds from lane_durations'), [{ events: 2, seconds: 3 }])
})

test('a repeat counts once, by user and id; another content under the same is a conflict', () => {
  using machine = laneMachine()
  const { apply } = processing(machine)
  const event = { event_id: 'a', user_id: 'u' }
  assert.deepEqual(apply(general(event), general(event)), ['applied', 'duplicate'])
  assert.deepEqual(apply(general(event), general({ event_id: 'a', user_id: 'v' }), general({ event_id: 'a' })), [
    'duplicate',
    'applied',
    'applied',
  ])
  const [fate] = apply(general({ ...event, properties: {} }))
  assert.equal((fate as { dead: string }).dead, 'id_conflict')
  assert.equal(machine.rows('select * from processed_events').length, 3)
  assert.equal(machine.rows('select * from failed_events').length, 0)
})

test('what the checks find is failed at once, and what is no general event is only a dead letter', () => {
  using machine = laneMachine()
  const { apply } = processing(machine)
  const bad = general({ event_id: 'a', event_type: 'purchase', properties: { amount: 0 } })
  const order = { ...general({ event_id: 'b' }), value: '{"event_type":"nonsense"}' }
  const fates = apply(bad, order, general({ event_id: 'c' }))
  assert.deepEqual(
    fates.map((fate) => (typeof fate === 'string' ? fate : fate.dead)),
    ['invalid_event', 'invalid_event', 'applied'],
  )
  assert.deepEqual(machine.rows('select event_id, reason, error, retry_count, dead_id from failed_events'), [
    {
      event_id: 'a',
      reason: 'invalid_event',
      error: '/properties/amount must be a positive number',
      retry_count: 0,
      dead_id: `workers/${GENERAL}-0-${bad.offset}`,
    },
  ])
})

test('one whose handling fails is tried again later, and holds up nobody', () => {
  using machine = laneMachine()
  const { apply, retryDue, tally } = processing(machine, failing(2))
  const [first, other] = [general({ event_id: 'a' }), general({ event_id: 'b' })]
  assert.deepEqual(apply(first), ['applied'])
  assert.equal(retryDue(), 0)
  machine.pass(499)
  assert.equal(retryDue(), 0)
  machine.pass(1)
  assert.equal(retryDue(), 1)
  assert.deepEqual(machine.rows('select tries, error from lane_retries'), [{ tries: 2, error: 'Error: out of order' }])
  assert.deepEqual(apply(other, general({ event_id: 'a' })), ['applied', 'duplicate'])
  machine.pass(1_000)
  // Another worker, after this one was killed: what it knows is in the store.
  const heir = processing(machine)
  assert.equal(heir.retryDue(), 1)
  assert.deepEqual(machine.rows('select event_id, retry_count from processed_events order by event_id'), [
    { event_id: 'a', retry_count: 2 },
    { event_id: 'b', retry_count: 0 },
  ])
  assert.deepEqual([tally().applied, tally().dead], [2, 0])
})

test('after three tries it has failed, with one dead letter, and the books say so', async () => {
  using machine = laneMachine()
  const { apply, retryDue, tally } = processing(machine, failing(Infinity))
  const record = general({ event_id: 'a', user_id: 'u' })
  apply(record)
  for (let round = 0; round < 5; round += 1) {
    machine.pass(60_000)
    retryDue()
  }
  const deadId = `workers/${GENERAL}-0-${record.offset}`
  assert.deepEqual(machine.rows('select event_id, reason, error, retry_count, dead_id from failed_events'), [
    { event_id: 'a', reason: 'handler_failed', error: 'Error: out of order', retry_count: 2, dead_id: deadId },
  ])
  const letters = await machine.letters()
  assert.deepEqual(
    letters.map(({ dead_id, reason, tries, key, value_base64: bytes }) => [
      dead_id,
      reason,
      tries,
      key,
      Buffer.from(bytes, 'base64').toString(),
    ]),
    [[deadId, 'handler_failed', 3, 'u', record.value]],
  )
  assert.deepEqual([tally().read, tally().applied, tally().dead], [1, 0, 1])
  assert.equal(machine.rows('select * from lane_retries').length, 0)
})

test('one that failed may be sent again: it is processed, and no longer failed', async () => {
  using machine = laneMachine()
  const event = { event_id: 'a', user_id: 'u' }
  const broken = processing(machine, failing(Infinity))
  broken.apply(general(event))
  for (let round = 0; round < 2; round += 1) {
    machine.pass(60_000)
    broken.retryDue()
  }
  const mended = processing(machine)
  const [conflict] = mended.apply(general({ ...event, properties: { other: true } }))
  assert.equal((conflict as { dead: string }).dead, 'id_conflict')
  assert.deepEqual(mended.apply(general(event), general(event)), ['applied', 'duplicate'])
  assert.deepEqual(machine.rows('select event_id from processed_events'), [{ event_id: 'a' }])
  assert.deepEqual(machine.rows('select event_id from failed_events'), [])
})

test('one that fails again is failed once, with a letter of each time', () => {
  using machine = laneMachine()
  const { apply } = processing(machine)
  const bad = { event_id: 'a', event_type: 'user_signup' }
  const [first, second] = [general(bad), general(bad)]
  const fates = apply(first, second)
  assert.deepEqual(
    fates.map((fate) => (fate as { dead: string }).dead),
    ['invalid_event', 'invalid_event'],
  )
  assert.deepEqual(machine.rows('select dead_id from failed_events'), [{ dead_id: `workers/${GENERAL}-0-${second.offset}` }])
})
