import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { engineAddress } from '../../../../../test/support/engines.ts'
import { clearedRedis } from '../../../../../test/support/redis-server.ts'
import { silentLogger } from '../../kernel/logging.ts'
import { openRedis } from '../../kernel/redis.ts'
import type { Batch } from '../log-view.ts'
import { ALERTS, numbered, record, TEST_TOPICS, values } from '../testing/records.ts'
import { openRedisLog } from './redis.ts'
import { openRedisView } from './redis-view.ts'

const url = engineAddress('redis')
const RECORDS = 1_234

async function looked() {
  const prefix = `test-${randomUUID()}:`
  const options = { address: { engine: 'redis' as const, url }, prefix, topics: TEST_TOPICS }
  assert.equal(await openRedisView(options), undefined)
  const time = { now: 1_000 }
  const log = await openRedisLog({ url, prefix, topics: TEST_TOPICS, clock: () => time.now, logger: silentLogger })
  const view = (await openRedisView(options))!
  return {
    log,
    view,
    time,
    stream: `${prefix}log:${ALERTS}:0`,
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]()
      await view[Symbol.asyncDispose]()
      await clearedRedis(url, prefix)
    },
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

const valuesOf = (batches: readonly Batch[]) => values(batches.flatMap((batch) => batch.records()))

test('redis: a view has all that is kept, from either end and from any place on', async () => {
  await using at = await looked()
  const { log, view, time } = at
  assert.equal(view.id, log.id)
  assert.deepEqual(await all(view.batches(ALERTS, 0)), [])
  await log.append(ALERTS, numbered(RECORDS))
  time.now = 2_000
  await log.append(ALERTS, [record('u', 'needle 1'), record('u', 'needle 2')])
  const wanted = [...numbered(RECORDS).map(({ value }) => value), 'needle 1', 'needle 2']
  const batches = await all(view.batches(ALERTS, 0))
  assert.deepEqual(valuesOf(batches), wanted)
  assert.ok(batches.every(({ fault, offset, end, count }) => fault === undefined && end === offset + count))
  assert.deepEqual(valuesOf((await all(view.batchesBackwards(ALERTS, 0))).toReversed()), wanted)
  assert.deepEqual(valuesOf(await all(view.batchesAt(ALERTS, 0, 700, 'later'))), wanted.slice(700))
  assert.deepEqual(valuesOf((await all(view.batchesAt(ALERTS, 0, 700, 'earlier'))).toReversed()), wanted.slice(0, 701))
  assert.deepEqual(await view.ends(ALERTS), [{ partition: 0, start: 0, end: RECORDS + 2 }])
  const [usage] = await view.usage(ALERTS)
  assert.deepEqual([usage?.records, usage?.oldestMs, usage?.newestMs], [RECORDS + 2, 1_000, 2_000])
  assert.ok((usage?.bytes ?? 0) > 10_000)
  assert.deepEqual(
    [await view.offsetSince(ALERTS, 0, 0), await view.offsetSince(ALERTS, 0, 1_001), await view.offsetSince(ALERTS, 0, 2_001)],
    [0, RECORDS, RECORDS + 2],
  )
  assert.deepEqual(values(await all(view.find(ALERTS, 0, 'needle', { from: 0 }))), ['needle 2', 'needle 1'])
  assert.deepEqual(values(await all(view.find(ALERTS, 0, '123', { before: 2_000 }))).slice(-2), ['1123', '123'])
  assert.deepEqual(await all(view.find(ALERTS, 0, '123', { before: 1_000 })), [])
  assert.deepEqual([await view.oldestMs(ALERTS, 0), await view.oldestMs('recon.v1', 0)], [1_000, undefined])
})

test('redis: a view tells what is missing and what is none of ours, and gives what is whole around it', async () => {
  await using at = await looked()
  await at.log.append(ALERTS, numbered(20))
  const redis = await openRedis(url)
  await redis.call('XDEL', at.stream, '6-0')
  await redis.call('XADD', at.stream, '21-0', 'a', 'b')
  redis.disconnect()
  const faults = async (batches: AsyncIterable<Batch>) => (await all(batches)).map(({ offset, count, fault }) => [offset, count, fault])
  const gap = 'offsets from 5 to 6 are missing or there twice'
  assert.deepEqual(await faults(at.view.batches(ALERTS, 0)), [
    [0, 5, undefined],
    [6, 14, gap],
    [20, 1, 'entry 21-0 is none of ours'],
  ])
  assert.deepEqual(await faults(at.view.batchesBackwards(ALERTS, 0)), [
    [20, 1, 'entry 21-0 is none of ours'],
    [6, 14, undefined],
    [0, 5, gap],
  ])
})
