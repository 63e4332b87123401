import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS, LIVE_MS, LATENESS_MS, ORDERS } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import { gateIn, type Passed } from './gate.ts'
import { memoryStore, recordsAt, START, TOPICS } from './testing/fixture.ts'

const KEPT_MS = TOPICS[CLICKS].retentionMs
/** So much later that ids are remembered, and forgotten, apart. */
const LATER_MS = KEPT_MS / 2

function gateOn(store: ReturnType<typeof memoryStore>) {
  const gate = gateIn(store.db, 'mine', TOPICS)
  gate.load([])
  return gate
}

const nameOf = (passed: Passed) =>
  passed.kind !== 'decided' ? passed.kind : typeof passed.fate === 'string' ? passed.fate : passed.fate.dead

test('a record is late when it is over 10 s behind its own partition, to the millisecond', () => {
  using store = memoryStore()
  const gate = gateOn(store)
  const log = recordsAt()
  const pass = (id: string, ts: number) => gate.pass(log.click({ id, ad: 'a', ts }))
  assert.equal(nameOf(pass('first', START)), 'event')
  assert.equal(nameOf(pass('at the bound', START - LATENESS_MS)), 'event')
  assert.deepEqual({ ...pass('behind', START - LATENESS_MS - 1), event: null }, { kind: 'late', event: null, behindMs: LATENESS_MS + 1 })
  assert.equal(nameOf(gate.pass(log.click({ id: 'elsewhere', user: 'u2', ad: 'a', ts: 0 }))), 'event')
})

test('the watermark is the lowest time of all partitions of both topics, less 10 s', () => {
  using store = memoryStore()
  const gate = gateOn(store)
  const log = recordsAt()
  const heartbeats = log.heartbeats(START)
  for (const each of heartbeats.slice(1)) gate.pass(each)
  assert.equal(gate.watermark(), -Infinity)
  gate.pass(heartbeats[0]!)
  assert.equal(gate.watermark(), START - LATENESS_MS)
  gate.pass(log.click({ id: 'far ahead', ad: 'a', ts: START + 1_000_000 }))
  assert.equal(gate.watermark(), START - LATENESS_MS)
  for (const each of log.heartbeats(START + 5)) gate.pass(each)
  assert.equal(gate.watermark(), START + 5 - LATENESS_MS)
})

test('what cannot be read is dead: no JSON, no event that is known, none of its topic, no UTF-8', () => {
  using store = memoryStore()
  const gate = gateOn(store)
  const click = recordsAt().click({ id: 'c', ad: 'a', ts: START })
  const bytes = Buffer.from(click.value.replace('"c"', '"\xff"'), 'latin1')
  const elsewhere: LogRecord = { ...click, topic: ORDERS, partition: 0 }
  for (const record of [
    { ...click, value: '{' },
    { ...click, value: 'null' },
    { ...click, value: '{"event_type":"__proto__"}' },
    { ...click, value: click.value.replace(`${START}`, '-1') },
    elsewhere,
    // Its nearest reading would be a click.
    { ...click, value: bytes.toString(), bytes },
  ]) {
    assert.equal(nameOf(gate.pass(record)), 'invalid_event', record.value)
  }
  assert.equal(gate.timeOf(CLICKS, click.partition), -Infinity, 'and moves no time')
})

test('an event is the same by topic, user and id; an order by its id alone', () => {
  using store = memoryStore()
  const gate = gateOn(store)
  const log = recordsAt()
  const click = (user: string, id: string, hash = 'h') => nameOf(gate.pass(log.click({ id, user, ad: 'a', ts: START, hash })))
  assert.deepEqual(
    [click('u1', 'x'), click('u1', 'x'), click('u2', 'x'), click('u1', 'x', 'other')],
    ['event', 'duplicate', 'event', 'id_conflict'],
  )
  assert.deepEqual([click('a\nb', 'c'), click('a', 'b\nc'), click('a b', 'c'), click('a', 'b c')], ['event', 'event', 'event', 'event'])
  const order = (user: string) =>
    nameOf(gate.pass(log.record(ORDERS, user, JSON.parse(log.order({ id: 'x', user, ts: START }).value) as object, 'h')))
  assert.deepEqual([order('u1'), order('u2')], ['event', 'duplicate'])
})

test('a reader that has days to catch up knows the repeats in them, as one that was never behind does', () => {
  using store = memoryStore()
  const gate = gateOn(store)
  // Of long ago by any clock; the newest of them are what the log's time is measured by.
  const old = recordsAt(1_000)
  gate.pass(old.click({ id: '0', ad: 'a', ts: 0 }))
  gate.pass({ ...old.click({ id: '1', ad: 'a', ts: 0 }), appendedAt: 1_000 + LATER_MS })
  for (const each of old.heartbeats(0)) gate.pass(each)
  gate.write()
  assert.equal(nameOf(gate.pass(old.click({ id: '0', ad: 'a', ts: 0 }))), 'duplicate')
})

test('ids are kept while any partition has yet to come within what the topic keeps of them', () => {
  using store = memoryStore()
  const gate = gateOn(store)
  const old = recordsAt(0)
  gate.pass(old.click({ id: '0', ad: 'a', ts: 0 }))
  gate.pass({ ...old.click({ id: '1', ad: 'a', ts: 0 }), appendedAt: LATER_MS })
  const repeat = () => nameOf(gate.pass({ ...old.click({ id: '0', ad: 'a', ts: 0 }), appendedAt: KEPT_MS + 1 }))
  const beats = recordsAt(KEPT_MS + 1).heartbeats(0)
  const behind = beats.findIndex(({ topic, partition }) => topic === CLICKS && partition === 5)
  beats.forEach((beat, at) => at !== behind && gate.pass(beat))
  gate.write()
  assert.equal(repeat(), 'duplicate')
  gate.pass({ ...beats[behind]!, appendedAt: KEPT_MS })
  gate.write()
  assert.equal(repeat(), 'duplicate', 'at exactly what the topic keeps')
  gate.pass(beats[behind]!)
  gate.write()
  assert.equal(repeat(), 'event')
})

test('a time after the appending is no event, and moves nothing', () => {
  using store = memoryStore()
  const gate = gateOn(store)
  const now = recordsAt(START)
  assert.equal(nameOf(gate.pass(now.click({ id: 'a', ad: 'a', ts: START + LIVE_MS }))), 'event')
  assert.equal(nameOf(gate.pass(now.click({ id: 'b', ad: 'a', ts: START + LIVE_MS + 1 }))), 'invalid_event')
  for (const beat of now.heartbeats(START + LIVE_MS + 1)) assert.equal(nameOf(gate.pass(beat)), 'invalid_event')
  assert.equal(gate.watermark(), -Infinity)
})
