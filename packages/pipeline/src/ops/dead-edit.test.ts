import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLICKS, GENERAL, ORDERS, type DeadLetter } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { runAll } from '../kernel/lifecycle.ts'
import { partitionOf } from '../kernel/partition.ts'
import { openLaneStore } from '../lane-store.ts'
import { readerLoop } from '../reader/loop.ts'
import { eventually } from '../reader/testing/fixture.ts'
import { deadShipper, LANE_DEAD } from '../workers/dead-shipper.ts'
import { worker } from '../workers/worker.ts'
import { audit } from './audit.ts'
import { notEditable } from './dead-edit.ts'
import { retryDead } from './dead-settle.ts'
import { deadRound } from './dead-round.ts'
import { deadEdit, deadLetter, deadLetters } from './dead.ts'
import { openMachine, smallDay, T0, temporaryFolder, TOPIC_SPECS, type TestMachine } from './fixture.ts'
import { groups } from './groups.ts'
import { FILES, type Stores } from './stores.ts'
import { summary } from './summary.ts'
import { traceEvent } from './trace.ts'

const CLICK = { event_type: 'click', ad_id: 'cpc-1', user_id: 'u9', item_id: 1, received_at: '', is_bot: false, ts: T0 + 61_000 }
const TRACEPARENT = `00-${'12'.repeat(16)}-${'34'.repeat(8)}-01`

async function withMachine(work: (machine: TestMachine, stores: Stores) => Promise<void>): Promise<void> {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await smallDay(machine)
  await using stores = machine.stores()
  await work(machine, stores)
}

/** Buries a record, and resolves to its letter's id. */
async function buried(machine: TestMachine, stores: Stores, event: object | string, hash = 'another'): Promise<string> {
  const value = typeof event === 'string' ? event : JSON.stringify(event)
  await machine.raw.append(CLICKS, [{ key: 'u9', value, headers: { content_hash: hash, traceparent: TRACEPARENT } }])
  await machine.read()
  const { letters } = await deadLetters(stores, { reader: 'stream', state: 'waiting' }, { after: undefined, limit: 10 })
  return letters.find(({ partition, topic }) => topic === CLICKS && partition === partitionOfU9(machine))?.dead_id ?? ''
}
const partitionOfU9 = (machine: TestMachine) => partitionOf('u9', machine.raw.partitions(CLICKS))

/** Edits and retries as the API does, with the gateway's append; then lets all readers read. */
async function edit(machine: TestMachine, stores: Stores, id: string, event: object) {
  const made = await deadEdit(stores, id, JSON.stringify(event, null, 2))
  assert.ok(made && 'edited' in made, JSON.stringify(made))
  const settled = await retryDead(
    { dead_id: id },
    'mended',
    {
      db: machine.pipeline.db,
      clock: () => T0 + 70_000,
      round: async (filter, asked) => deadRound(stores, filter, asked),
      send: async ({ topic, key, headers, value_base64: base64 }: DeadLetter) => {
        const [position] = await machine.raw.append(topic as typeof CLICKS, [
          { key: key ?? '', value: Buffer.from(base64, 'base64').toString(), headers },
        ])
        assert.ok(position)
        return position
      },
    },
    made.edited,
  )
  await machine.read()
  return { ...made.edited, ...settled }
}

const tally = async (stores: Stores) => {
  const { partitions } = (await groups(stores)).readers.find(({ name }) => name === 'stream')!
  const sum = (name: 'duplicate' | 'late' | 'dead' | 'applied') => partitions.reduce((total, each) => total + each.tally[name], 0)
  return { applied: sum('applied'), duplicate: sum('duplicate'), late: sum('late'), dead: sum('dead') }
}

const assertBalanced = async (stores: Stores) =>
  assert.deepEqual(
    (await audit(stores)).checks.filter(({ ok }) => !ok),
    [],
  )

test('an event that was mended is read like any other, and what was done is kept with where it went', async () => {
  await withMachine(async (machine, stores) => {
    const id = await buried(machine, stores, { ...CLICK, event_id: 'mended', user_id: 9 })
    const before = await tally(stores)
    const done = await edit(machine, stores, id, { ...CLICK, event_id: 'mended' })
    assert.deepEqual([done.letters, done.records, done.key], [2, 1, 'u9'])
    const { content_hash: hash, ...headers } = done.headers
    assert.match(hash ?? '', /^[\w-]{43}$/)
    assert.deepEqual(headers, { traceparent: TRACEPARENT, edited_from: id.replace('stream/', '').replace(/-(\d+)$/, '@$1') })
    assert.deepEqual(await tally(stores), { ...before, applied: before.applied + 1 })
    const [action] = (await deadLetter(stores, id))?.actions ?? []
    assert.deepEqual([action?.sent_to, action?.edited, action?.reason], [done.sent_to, true, 'mended'])
    assert.equal((await deadLetters(stores, { state: 'waiting' }, { after: undefined, limit: 10 })).total, 2)
    const { records, steps } = await traceEvent(stores, 'mended')
    assert.ok(records.some(({ topic, partition, offset }) => `${topic}-${partition}@${offset}` === done.sent_to))
    assert.ok(steps.some(({ what }) => what.includes(`edited from ${headers['edited_from']}`)))
    await machine.order({ id: 'order-of-mended', user: 'u9', at: 62_000 })
    await machine.ship()
    await machine.heartbeat(90_000)
    await machine.read()
    assert.match((await traceEvent(stores, 'order-of-mended')).outcome.join('\n'), /attributed to click mended/)
    await assertBalanced(stores)
  })
})

test('an id that is taken: a new one makes another event, the first one’s content a repeat, and any other is refused', async () => {
  await withMachine(async (machine, stores) => {
    const first = { ...CLICK, event_id: 'taken', timestamp: '2026-03-01T12:01:01Z' }
    await machine.raw.append(CLICKS, [{ key: 'u9', value: JSON.stringify(first), headers: { content_hash: 'as the client sent it' } }])
    const again = { ...first, city: 'Pune', received_at: '2026-03-01T12:01:02Z' }
    const one = await buried(machine, stores, again)
    assert.match((await deadLetter(stores, one))?.detail ?? '', /came before with another content/)
    const refused = await deadEdit(stores, one, JSON.stringify(again))
    assert.ok(refused && 'errors' in refused)
    assert.match(JSON.stringify(refused.errors), /"\/event_id".*taken by another content \(raw\.clicks\.v1-\d@\d+\)/)

    const before = await tally(stores)
    await edit(machine, stores, one, { ...again, event_id: 'taken-2' })
    assert.deepEqual(await tally(stores), { ...before, applied: before.applied + 1 })

    const two = await buried(machine, stores, { ...again, city: 'Agra' }, 'a third')
    const { city: _city, ...equal } = again
    await edit(machine, stores, two, equal)
    assert.deepEqual(await tally(stores), {
      ...before,
      applied: before.applied + 1,
      dead: before.dead + 1,
      duplicate: before.duplicate + 1,
    })
    await assertBalanced(stores)
  })
})

test('the first one’s content counts as a repeat where whoever wrote it gave no hash', async () => {
  await withMachine(async (machine, stores) => {
    const first = { ...CLICK, event_id: 'foreign' }
    await machine.raw.append(CLICKS, [{ key: 'u9', value: JSON.stringify(first), headers: {} }])
    const id = await buried(machine, stores, { ...first, city: 'Pune' })
    const before = await tally(stores)
    await edit(machine, stores, id, { ...first, ts: first.ts - 1 })
    assert.deepEqual(await tally(stores), { ...before, duplicate: before.duplicate + 1 })
    await assertBalanced(stores)
  })
})

test('an edited event that is further behind than 10 s counts as late, and the letter says so before', async () => {
  await withMachine(async (machine, stores) => {
    const id = await buried(machine, stores, { ...CLICK, event_id: 'old', user_id: 9, ts: T0 })
    assert.ok(((await deadLetter(stores, id))?.partition_ts ?? 0) > T0 + 10_000)
    const before = await tally(stores)
    await edit(machine, stores, id, { ...CLICK, event_id: 'old', ts: T0 })
    assert.deepEqual(await tally(stores), { ...before, late: before.late + 1 })
    assert.match((await traceEvent(stores, 'old')).outcome.join('\n'), /^dead letter [^]*\nlate by/)
    await assertBalanced(stores)
  })
})

test('nothing else is sent in place of an order, which the database has to know first, nor of a good event that other readers may have worked off', async () => {
  await withMachine(async (machine, stores) => {
    const order = {
      event_type: 'order',
      event_id: 'mended-order',
      order_id: 'its-own',
      order_type: 'placed',
      user_id: 'u9',
      item_id: 1,
      ts: T0,
    }
    await machine.raw.append(ORDERS, [{ key: 'u9', value: JSON.stringify({ ...order, price: 'ten' }), headers: {} }])
    await machine.read()
    const { letters } = await deadLetters(stores, { topic: ORDERS, reader: 'stream' }, { after: undefined, limit: 1 })
    assert.match(
      JSON.stringify(await deadEdit(stores, letters[0]!.dead_id, JSON.stringify({ ...order, price: 10 }))),
      /POST \/api\/v1\/orders/,
    )
  })
  assert.match(notEditable({ topic: CLICKS, reason: 'handler_failed' }) ?? '', /sent again as it was/)
  assert.match(notEditable({ topic: 'attributed.events.v1', reason: 'invalid_event' }) ?? '', /was made here/)
  assert.equal(notEditable({ topic: CLICKS, reason: 'invalid_event' }), undefined)
  assert.equal(notEditable({ topic: CLICKS, reason: 'id_conflict' }), undefined)
  assert.equal(notEditable({ topic: GENERAL, reason: 'handler_failed' }), undefined)
})

test('a general event that failed is worked off once it is mended, though its id is known with another content', async () => {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  const clock = () => T0
  const bought = { event_type: 'purchase', event_id: 'b', user_id: 'u1', received_at: new Date(T0).toISOString(), is_bot: false, ts: T0 }
  await machine.raw.append(GENERAL, [{ key: 'u1', value: JSON.stringify(bought), headers: { content_hash: 'without amount' } }])
  using store = openLaneStore(join(folder.path, FILES.lane), TOPIC_SPECS, clock)
  const { db, path, derived } = machine.pipeline
  const parts = [
    worker({ name: 'w1', log: machine.raw, store, work: () => ({ category: null }), clock, random: () => 0.5, logger: silentLogger }),
    readerLoop(
      { name: LANE_DEAD, topics: ['dead.v1'], log: store.lane, handler: deadShipper(derived) },
      { db, path, derived, clock, logger: silentLogger },
    ),
  ]
  const stop = new AbortController()
  const running = runAll(parts, stop.signal)
  await using stores = machine.stores()
  const waiting = async () => (await deadLetters(stores, { state: 'waiting' }, { after: undefined, limit: 1 })).total
  await eventually(async () => (await waiting()) === 1, 'the letter is there')
  const [letter] = (await deadLetters(stores, {}, { after: undefined, limit: 1 })).letters
  const id = letter?.dead_id ?? ''
  assert.match((await deadLetter(stores, id))?.fault ?? '', /^\/properties\/amount must be/)
  const unmended = await deadEdit(stores, id, JSON.stringify({ ...bought, properties: { amount: -1 } }))
  assert.deepEqual(unmended && 'errors' in unmended ? unmended.errors : [], [
    { field: '/properties/amount', message: 'must be a positive number' },
  ])
  const mended = { ...bought, properties: { amount: 499 } }
  await edit(machine, stores, id, mended)
  const outcome = async () => (await traceEvent(stores, 'b')).outcome.join('\n')
  await eventually(async () => (await outcome()).includes('processed by w1'), 'it is worked off')

  // Its first content comes once more: now it is the one that conflicts, and the mended one is the first.
  await machine.raw.append(GENERAL, [{ key: 'u1', value: JSON.stringify(bought), headers: { content_hash: 'without amount' } }])
  await eventually(async () => (await waiting()) === 1, 'it conflicts')
  const [conflict] = (await deadLetters(stores, { state: 'waiting' }, { after: undefined, limit: 1 })).letters
  assert.equal(conflict?.reason, 'id_conflict')
  await edit(machine, stores, conflict.dead_id, mended)
  await eventually(
    async () => (await groups(stores)).readers.every(({ name, lag }) => name !== 'workers' || lag === 0),
    'the repeat is read',
  )
  assert.equal((await summary(stores)).dead, 0)
  stop.abort()
  await running
  await assertBalanced(stores)
})
