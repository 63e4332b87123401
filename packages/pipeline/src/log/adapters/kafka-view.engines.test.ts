import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventLog, LogRecord } from '../event-log.ts'
import type { Batch, LogView } from '../log-view.ts'
import type { MirrorPlace } from '../mirror.ts'
import { kafkaTopics, testAddress, type KafkaTopics } from '../testing/kafka.ts'
import { ALERTS, numbered, record, values } from '../testing/records.ts'
import { kafkaSink } from './kafka-sink.ts'
import { openKafkaView } from './kafka-view.ts'

const COUNT = 3_000

async function withView(run: (view: LogView, log: EventLog, store: KafkaTopics, time: { now: number }) => Promise<void>): Promise<void> {
  await using store = await kafkaTopics([ALERTS])
  const time = { now: 1_000 }
  await using log = await store.open(() => time.now)
  await using view = await openKafkaView({ address: store.address, topics: store.specs, holds: [ALERTS] })
  assert.ok(view)
  await run(view, log, store, time)
}

const all = async (batches: AsyncIterable<Batch>): Promise<LogRecord[]> =>
  (await Array.fromAsync(batches)).flatMap((batch) => batch.records())
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, at) => String(from + at))

test('a view is undefined until the topics are there, and has the id of their log', async () => {
  await using store = await kafkaTopics([ALERTS])
  const there = { address: store.address, topics: store.specs, holds: [ALERTS] as const }
  assert.equal(await openKafkaView({ ...there, address: testAddress() }), undefined)
  await using log = await store.open(() => 0)
  await using view = await openKafkaView(there)
  assert.equal(view?.id, log.id)
})

test('walks forwards, backwards and from any place give every record once', async () => {
  await withView(async (view, log) => {
    assert.deepEqual(await all(view.batches(ALERTS, 0)), [])
    assert.deepEqual(await all(view.batchesBackwards(ALERTS, 0)), [])
    await log.append(ALERTS, numbered(COUNT))
    assert.deepEqual(values(await all(view.batches(ALERTS, 0))), upTo(COUNT))
    const backwards = await Array.fromAsync(view.batchesBackwards(ALERTS, 0))
    assert.deepEqual(values(backwards.toReversed().flatMap((batch) => batch.records())), upTo(COUNT))
    assert.ok(backwards.every((batch) => batch.end - batch.offset === batch.count && batch.fault === undefined))
    assert.deepEqual(values(await all(view.batchesAt(ALERTS, 0, 2_990, 'later'))), upTo(10, 2_990))
    const earlier = await Array.fromAsync(view.batchesAt(ALERTS, 0, 2, 'earlier'))
    assert.deepEqual(values(earlier.flatMap((batch) => batch.records())), upTo(3))
    for await (const batch of view.batchesBackwards(ALERTS, 0)) {
      assert.equal(batch.records().at(-1)?.value, String(COUNT - 1))
      break
    }
  })
})

test('finds text, the newest first, and since or before a time', async () => {
  await withView(async (view, log, _store, time) => {
    for (time.now of [1_000, 2_000, 3_000]) await log.append(ALERTS, [record('u', `needle ${time.now}`), record('u', 'hay')])
    const found = async (range: { from: number } | { before: number }) =>
      values(await Array.fromAsync(view.find(ALERTS, 0, 'needle', range)))
    assert.deepEqual(await found({ from: 0 }), ['needle 3000', 'needle 2000', 'needle 1000'])
    assert.deepEqual(await found({ from: 2_000 }), ['needle 3000', 'needle 2000'])
    assert.deepEqual(await found({ before: 2_000 }), ['needle 1000'])
    assert.equal(await view.offsetSince(ALERTS, 0, 1_500), 2)
    assert.equal(await view.offsetSince(ALERTS, 0, 9_000), 6)
  })
})

test('says what is kept, and from when to when', async () => {
  await withView(async (view, log, _store, time) => {
    const empty = { topic: ALERTS, partition: 0, start: 0, end: 0, records: 0, bytes: null, oldestMs: null, newestMs: null }
    assert.deepEqual(await view.usage(ALERTS), [empty])
    assert.equal(await view.oldestMs(ALERTS, 0), undefined)
    for (time.now of [1_000, 2_000, 3_000]) await log.append(ALERTS, numbered(2))
    await log.trim(ALERTS, { appendedBefore: 1_500, readBefore: new Map([[0, 6]]) })
    assert.deepEqual(await view.usage(ALERTS), [{ ...empty, start: 2, end: 6, records: 4, oldestMs: 2_000, newestMs: 3_000 }])
    assert.equal(await view.oldestMs(ALERTS, 0), 2_000)
    assert.deepEqual(await view.ends(ALERTS), [{ partition: 0, start: 2, end: 6 }])
    assert.equal((await all(view.batches(ALERTS, 0))).length, 4)
  })
})

test('marks of transactions between the records hide none, and no walk hangs on those at the end', async () => {
  await withView(async (view, log, { address, specs }) => {
    await using sink = kafkaSink({ address, topics: specs, holds: [ALERTS] })
    await sink.begin()
    const one = (value: string): LogRecord => ({ topic: ALERTS, partition: 0, offset: 0, key: null, value, headers: {}, appendedAt: 1_000 })
    const place: MirrorPlace = { topic: ALERTS, partition: 0, next: 1, logId: 'x' }
    for (const value of ['a', 'b', 'c']) await sink.ship([one(value)], [place])
    assert.deepEqual(values(await all(view.batches(ALERTS, 0))), ['a', 'b', 'c'])
    assert.deepEqual(values(await all(view.batchesBackwards(ALERTS, 0))), ['a', 'b', 'c'])
    const records = await log.read([{ topic: ALERTS, partition: 0, next: 0 }], { countMax: 100, waitMs: 0 })
    assert.deepEqual(
      records.map(({ offset, key, value }) => [offset, key, value]),
      [
        [0, null, 'a'],
        [2, null, 'b'],
        [4, null, 'c'],
      ],
    )
    assert.deepEqual(await log.read([{ topic: ALERTS, partition: 0, next: 5 }], { countMax: 100, waitMs: 0 }), [])
    assert.deepEqual(await all(view.batchesAt(ALERTS, 0, 5, 'later')), [])
    assert.deepEqual(values(await all(view.batchesAt(ALERTS, 0, 5, 'earlier'))), ['a', 'b', 'c'])
  })
})
