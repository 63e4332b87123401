import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { CLICKS } from '@flowguard/contract'
import type { EventLog, LogRecord, Place } from '../event-log.ts'
import { partitionOf } from '../../kernel/partition.ts'
import { committedPlaces, kafkaTopics } from '../testing/kafka.ts'
import { ALERTS, numbered, record, values } from '../testing/records.ts'
import { accessConf, connected, disconnected, kafkaDriver } from './kafka-driver.ts'

const LIMIT_MS = 30_000
const COUNT = 6_000

const begin = (): Place[] => Array.from({ length: 6 }, (_, partition) => ({ topic: CLICKS, partition, next: 0 }))

/** So long that what is kept behind a reader is far less than all. */
const VALUE_CHARS = 600
const long = numbered(COUNT).map((each) => ({ ...each, value: String(each.value).padEnd(VALUE_CHARS, '.') }))

/** Reads to the end as a reader of its own pace does. */
async function readAllOf(log: EventLog, [countMax, waitMs, workMs]: readonly [number, number, number]): Promise<LogRecord[]> {
  const places = begin()
  const records: LogRecord[] = []
  const deadline = performance.now() + LIMIT_MS
  while (records.length < COUNT) {
    assert.ok(performance.now() < deadline, `${records.length} in time`)
    for (const each of await log.read(places, { countMax, waitMs })) {
      const place = places[each.partition] as Place
      assert.equal(each.offset, place.next)
      place.next = each.offset + 1
      records.push(each)
    }
    await wait(workMs)
  }
  return records
}

test('more readers than can share, each at its own pace, all read everything in order', async () => {
  await using store = await kafkaTopics([CLICKS])
  await using log = await store.open(Date.now)
  await log.append(CLICKS, long)
  const paces = [
    [1_000, 250, 0],
    [333, 250, 5],
    [2_000, 0, 20],
    [500, 100, 1],
    [777, 250, 0],
    [1_500, 250, 30],
  ] as const
  const all = await Promise.all(paces.map((pace) => readAllOf(log, pace)))
  for (const records of all) assert.equal(new Set(values(records)).size, COUNT)
})

test('a reader that another overtakes while it waits loses nothing', async () => {
  await using store = await kafkaTopics([CLICKS])
  await using log = await store.open(Date.now)
  const paces = [
    [5_000, 500, 0],
    [5_000, 500, 15],
    [5_000, 0, 40],
  ] as const
  const reading = Promise.all(paces.map((pace) => readAllOf(log, pace)))
  for (let from = 0; from < COUNT; from += 200) await log.append(CLICKS, long.slice(from, from + 200))
  for (const records of await reading) assert.equal(new Set(values(records)).size, COUNT)
})

test('what another client writes is read: no key, no value, no text, and its own headers', async () => {
  await using store = await kafkaTopics([ALERTS])
  await using log = await store.open(Date.now)
  const { Producer } = kafkaDriver()
  const other = new Producer(accessConf(store.address))
  await connected(other)
  const name = `${store.address.prefix}${ALERTS}`
  other.produce(name, 0, Buffer.of(0xff, 0xfe), null, 1, undefined, [{ twice: Buffer.from('1') }, { twice: Buffer.from('2') }])
  // What kcat and others send for a key that is to be deleted.
  other.produce(name, 0, null as unknown as Buffer, Buffer.from('k'), 2, undefined, [])
  await disconnected(other)
  const [first, second] = await log.read([{ topic: ALERTS, partition: 0, next: 0 }], { countMax: 10, waitMs: 0 })
  assert.deepEqual([first?.key, first?.value, first?.headers, first?.appendedAt], [null, '\ufffd\ufffd', { twice: '2' }, 1])
  assert.deepEqual(new Uint8Array(first?.bytes as Uint8Array), Uint8Array.of(0xff, 0xfe))
  assert.deepEqual([second?.key, second?.value, second?.bytes], ['k', '', undefined])
})

test("a key lies where librdkafka's own murmur2 puts it", async () => {
  await using store = await kafkaTopics([CLICKS])
  await using log = await store.open(Date.now)
  const keys = ['u1', 'नमस्ते', '', 'a-much-longer-key-than-that-1234567', '🍛']
  const other = new (kafkaDriver().Producer)(accessConf(store.address), { partitioner: 'murmur2' })
  await connected(other)
  for (const key of keys) other.produce(`${store.address.prefix}${CLICKS}`, -1, Buffer.from('x'), Buffer.from(key), 1, undefined, [])
  await disconnected(other)
  const found = await log.read(begin(), { countMax: 100, waitMs: 0 })
  assert.deepEqual(new Map(found.map(({ key, partition }) => [key, partition])), new Map(keys.map((key) => [key, partitionOf(key, 6)])))
})

test('how far readers have come is told to Kafka, for its own tools', async () => {
  await using store = await kafkaTopics([ALERTS])
  await using log = await store.open(Date.now)
  await log.append(ALERTS, [record('u', '1'), record('u', '2')])
  log.noteRead?.('billing', [{ topic: ALERTS, partition: 0, next: 1 }])
  log.noteRead?.('billing', [{ topic: ALERTS, partition: 0, next: 2 }])
  const deadline = performance.now() + LIMIT_MS
  while ((await committedPlaces(store.address, 'billing', ALERTS, [0]))[0] !== 2) {
    assert.ok(performance.now() < deadline, 'not told in time')
    await wait(100)
  }
})
