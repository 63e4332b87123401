import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import { engineAddress } from '../../../../../test/support/engines.ts'
import { hasCode } from '../../kernel/errors.ts'
import type { EventLog, LogRecord, Place } from '../event-log.ts'
import { kafkaTopics, type KafkaTopics } from '../testing/kafka.ts'
import { record, values } from '../testing/records.ts'
import { accessConf, called, connected, disconnected, kafkaDriver } from './kafka-driver.ts'

const LIMIT_MS = 30_000
const PARTITIONS = 6

const begin = (): Place[] => Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: CLICKS, partition, next: 0 }))

/** Reads on as a reader does, until it is refused or has so many. */
async function readOn(log: EventLog, places: Place[], waitMs: number, count = Infinity): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  const deadline = performance.now() + LIMIT_MS
  while (records.length < count) {
    assert.ok(performance.now() < deadline, `${records.length} in time`)
    for (const each of await log.read(places, { countMax: 500, waitMs })) {
      records.push(each)
      ;(places[each.partition] as Place).next = each.offset + 1
    }
  }
  return records
}

/** Into every partition by three batches, a hundred records each. */
async function threeBatches(log: EventLog): Promise<void> {
  for (const batch of [0, 1, 2]) {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      await log.append(
        CLICKS,
        Array.from({ length: 100 }, (_, at) => record('u', `${batch}/${at}`, { partition })),
      )
    }
  }
}

/** Turns the last byte of a partition's second batch, as the broker has it on its disk: int64 base offset, int32 length, and so on. */
function damageSecondBatch({ address }: KafkaTopics, partition: number): void {
  const inFolder = join(`${address.prefix}${CLICKS}-${partition}`, '00000000000000000000.log')
  const file = engineAddress('kafka-data')
    .split(',')
    .map((folder) => join(folder, inFolder))
    .find((each) => existsSync(each))
  assert.ok(file)
  const bytes = readFileSync(file)
  const endOf = (batch: number) => batch + 12 + bytes.readInt32BE(batch + 8)
  const last = endOf(endOf(0)) - 1
  bytes[last] = (bytes[last] as number) ^ 1
  writeFileSync(file, bytes, { flag: 'r+' })
}

for (const waitMs of [0, 200]) {
  test(`damage on a broker's disk is told, and nothing behind it is read (waiting ${waitMs} ms)`, async () => {
    await using store = await kafkaTopics([CLICKS])
    await using log = await store.open(Date.now)
    await threeBatches(log)
    damageSecondBatch(store, 2)
    await using reader = await store.open(Date.now)
    const places = begin()
    const corrupt = (error: unknown) => hasCode(error, 'store_corrupt')
    await assert.rejects(readOn(reader, places, waitMs), corrupt)
    assert.equal(places[2]?.next, 100)
    await assert.rejects(readOn(reader, places, waitMs), corrupt)
    // The others are read all the same by who does not ask for the damaged one.
    const others = places.filter(({ partition }) => partition !== 2)
    for (const place of others) place.next = 0
    assert.equal((await reader.read(others, { countMax: 5_000, waitMs: 0 })).length, 1_500)
  })
}

test('what a transaction of somebody else leaves between the records is gone past', async () => {
  await using store = await kafkaTopics([CLICKS])
  await using log = await store.open(Date.now)
  const { address } = store
  const other = new (kafkaDriver().Producer)({ ...accessConf(address), 'transactional.id': `${address.prefix}other` })
  await connected(other)
  await called('init', (done) => other.initTransactions(LIMIT_MS, done))
  for (const value of ['a', 'b', 'c']) {
    await called('begin', (done) => other.beginTransaction(done))
    other.produce(address.prefix + CLICKS, 0, Buffer.from(value), Buffer.from('k'), 1, undefined, [])
    await called('commit', (done) => other.commitTransaction(LIMIT_MS, done))
  }
  await disconnected(other)
  await log.append(CLICKS, [record('u', 'ours', { partition: 0 })])
  for (const waitMs of [0, 200]) {
    await using reader = await store.open(Date.now)
    assert.deepEqual(values(await readOn(reader, begin(), waitMs, 4)), ['a', 'b', 'c', 'ours'])
  }
})
