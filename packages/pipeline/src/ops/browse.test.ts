import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CLICKS, DEAD, GENERAL, ORDERS } from '@flowguard/contract'
import { recordAt, records, type RecordsAsked, type RecordsPage } from './browse.ts'
import { openMachine, smallDay, T0, temporaryFolder, type TestMachine } from './fixture.ts'
import type { Stores } from './stores.ts'

const folder = temporaryFolder()
let machine: TestMachine
let stores: Stores

before(async () => {
  machine = openMachine(folder.path)
  await smallDay(machine)
  stores = machine.stores()
})
after(async () => {
  await stores[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const ask = (more: Partial<RecordsAsked> = {}, topic: typeof CLICKS | typeof GENERAL = CLICKS) =>
  records(stores, topic, { order: 'newest', heartbeats: true, limit: 500, ...more })
const places = ({ records: all }: RecordsPage) => all.map(({ partition, offset }) => `${partition}@${offset}`)

test('all partitions are given as one, the newest first, and the oldest first the other way round', async () => {
  const newest = await ask()
  assert.equal(newest.records.length, 21)
  assert.equal(newest.next, null)
  const times = newest.records.map(({ appended_at: at }) => at)
  assert.deepEqual(times, times.toSorted().toReversed())
  assert.deepEqual(places(newest).toSorted(), places(await ask({ order: 'oldest' })).toSorted())
  const oldest = (await ask({ order: 'oldest' })).records.map(({ appended_at: at }) => at)
  assert.deepEqual(oldest, oldest.toSorted())
})

test('page after page it comes to the same, each record once', async () => {
  for (const order of ['newest', 'oldest'] as const) {
    const paged: string[] = []
    let from: RecordsAsked['from']
    for (let page = await ask({ order, limit: 4 }); ; page = await ask({ order, limit: 4, from })) {
      paged.push(...places(page))
      assert.ok(page.records.length <= 4)
      if (page.next === null) break
      from = page.next
    }
    assert.deepEqual(paged, places(await ask({ order })), order)
  }
})

test('what comes after a page is found from its ends on, and nothing twice', async () => {
  const { ends } = await ask({}, GENERAL)
  await machine.raw.append(GENERAL, [{ key: 'u9', value: '{"event_type":"page_view","event_id":"new"}', headers: {} }])
  const since = await ask({ order: 'oldest', from: ends }, GENERAL)
  assert.deepEqual(
    since.records.map(({ event_id: id }) => id),
    ['new'],
  )
  assert.deepEqual((await ask({ order: 'oldest', from: since.ends }, GENERAL)).records, [])
})

test('heartbeats are left out unless they are asked for', async () => {
  const types = new Set((await ask({ heartbeats: false })).records.map(({ type }) => type))
  assert.deepEqual(types, new Set(['nonsense', 'impression', 'click']))
  assert.ok((await ask({ type: 'heartbeat', heartbeats: false })).records.length > 0)
})

test('key, type and text choose; a type inside another field does not', async () => {
  assert.deepEqual([...new Set((await ask({ key: 'u2' })).records.map(({ event_id: id }) => id))], ['click-repeat'])
  assert.deepEqual(
    (await ask({ type: 'impression' })).records.map(({ event_id: id }) => id),
    ['shown'],
  )
  assert.deepEqual(
    (await ask({ text: 'click-bot' })).records.map(({ event_id: id }) => id),
    ['click-bot'],
  )
  assert.deepEqual((await ask({ type: 'cpc-1' })).records, [])
})

test('a partition is read from an offset on, and back from one', async () => {
  const { partition } = (await ask({ type: 'impression' })).records[0] as { partition: number }
  assert.deepEqual(places(await ask({ partition, order: 'oldest', from: { [partition]: 1 }, limit: 1 })), [`${partition}@1`])
  assert.deepEqual(places(await ask({ partition, from: { [partition]: 1 } })), [`${partition}@1`, `${partition}@0`])
  assert.deepEqual((await ask({ partition, from: { [partition]: -1 } })).records, [])
  assert.deepEqual((await ask({ partition: 99 })).records, [])
})

test('a time is where it begins, either way', async () => {
  const since = await ask({ order: 'oldest', time: T0 + 10_000 })
  const until = await ask({ time: T0 + 9_999 })
  assert.ok(since.records.length > 0 && until.records.length > 0)
  assert.ok(since.records.every(({ appended_at: at }) => Date.parse(at) >= T0 + 10_000))
  assert.ok(until.records.every(({ appended_at: at }) => Date.parse(at) < T0 + 10_000))
  assert.equal(since.records.length + until.records.length, 21)
})

test('one record is given whole, with its headers; what is not there is not', async () => {
  const { partition, offset } = (await ask({ type: 'impression' })).records[0] as { partition: number; offset: number }
  const whole = await recordAt(stores, CLICKS, partition, offset)
  assert.equal(whole?.event_id, 'shown')
  assert.equal(whole?.trace_id, 'ab'.repeat(16))
  assert.equal(whole?.headers['content_hash'], 'hash of shown')
  assert.equal(await recordAt(stores, CLICKS, partition, 10_000), undefined)
  assert.equal(await recordAt(stores, CLICKS, 99, 0), undefined)
})

test('derived topics are looked into as well', async () => {
  assert.equal((await records(stores, DEAD, { order: 'newest', heartbeats: false, limit: 10 })).records.length, 2)
  assert.ok(
    (await records(stores, ORDERS, { order: 'newest', heartbeats: false, limit: 10 })).records.every(({ type }) => type === 'order'),
  )
})
