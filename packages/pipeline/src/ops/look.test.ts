import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { CLICKS, GENERAL } from '@flowguard/contract'
import { openStores } from '../stores.ts'
import { openMachine, smallDay, T0, temporaryFolder, TOPIC_SPECS } from './fixture.ts'
import { groups } from './groups.ts'
import { FILES } from './stores.ts'
import { summary } from './summary.ts'
import { topics } from './topics.ts'

const folder = temporaryFolder()
before(async () => {
  await using machine = openMachine(folder.path)
  await smallDay(machine)
})
after(() => folder[Symbol.dispose]())

const open = (dataDir = folder.path) => openStores({ dataDir, topics: TOPIC_SPECS, clock: () => T0 })

test('a topic tells its ends, its size and its age, partition by partition', async () => {
  await using stores = open()
  const clicks = (await topics(stores)).find(({ topic }) => topic === CLICKS)
  assert.equal(clicks?.partitions.length, 6)
  assert.equal(clicks?.records, 21)
  for (const { start, end, records, bytes, oldest_appended: oldest, newest_appended: newest } of clicks?.partitions ?? []) {
    assert.equal(end - start, records)
    assert.ok(bytes !== null && bytes > 0)
    assert.ok(oldest !== null && newest !== null && oldest <= newest)
  }
  const general = (await topics(stores)).find(({ topic }) => topic === GENERAL)
  assert.deepEqual(general?.partitions[0], {
    partition: 0,
    start: 0,
    end: 0,
    records: 0,
    bytes: 0,
    oldest_appended: null,
    newest_appended: null,
  })
})

test('a reader tells its place, its lag and what became of what it read', async () => {
  await using stores = open()
  const { readers, watermark_ms: watermark } = await groups(stores)
  assert.equal(watermark, T0 + 50_000)
  const [stream] = readers
  assert.equal(stream?.caught_up, true)
  assert.equal(stream?.partitions.length, 9)
  const { read, ...fates } = stream?.tally ?? { read: 0 }
  assert.equal(
    Object.values(fates).reduce((sum, each) => sum + each, 0),
    read,
  )
})

test('the summary counts events without heartbeats, and what the books hold', async () => {
  await using stores = open()
  const { events_total: events, orders, attributed, charged, outbox, pending_orders: pending, late, dead, revenue } = await summary(stores)
  assert.deepEqual(
    { events, orders, attributed, charged, outbox, pending, late, dead, revenue },
    { events: 15, orders: 3, attributed: 2, charged: { count: 3, amount: 10.09 }, outbox: 1, pending: 1, late: 2, dead: 2, revenue: 1_497 },
  )
})

test('before the pipeline has run, every reader is behind, and none has caught up', async () => {
  using empty = temporaryFolder()
  cpSync(join(folder.path, FILES.raw), join(empty.path, FILES.raw))
  await using stores = open(empty.path)
  const { readers, watermark_ms: watermark } = await groups(stores)
  assert.deepEqual(
    readers.map(({ name, lag, caught_up }) => [name, lag > 0, caught_up]),
    [
      ['stream', true, false],
      ['billing', true, false],
      ['billing-orders', false, false],
      ['billing-recon', false, false],
      ['loader', true, false],
      ['workers', false, false],
      ['lane-dead', false, false],
    ],
  )
  assert.equal(watermark, null)
})

test('stores that are made later are seen without opening anew', async () => {
  using empty = temporaryFolder()
  await using stores = open(empty.path)
  assert.equal((await summary(stores)).events_total, 0)
  await using machine = openMachine(empty.path)
  await machine.click({ id: 'a', at: 0 })
  assert.equal((await summary(stores)).events_total, 1)
})

test('the summary bears more money than a number holds exactly', async () => {
  using copy = temporaryFolder()
  cpSync(folder.path, copy.path, { recursive: true })
  const db = new DatabaseSync(join(copy.path, FILES.pipeline))
  db.exec("update totals set amount = 18000000000000000 where what = 'orders'")
  db.close()
  await using stores = open(copy.path)
  assert.ok((await summary(stores)).revenue >= 1.8e14)
})
