import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { CLICKS, GENERAL } from '@flowguard/contract'
import { engine } from '../../../../../test/support/engines.ts'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import { silentLogger } from '../../kernel/logging.ts'
import type { EventLog, LogRecord, Place } from '../event-log.ts'
import { kafkaTopics, specsOf, testAddress } from '../testing/kafka.ts'
import { numbered, record } from '../testing/records.ts'
import { openKafkaLog } from './kafka.ts'

const BROKERS = ['kafka-1', 'kafka-2', 'kafka-3'] as const
const LIMIT_MS = 60_000
/** What a client of the gateway is kept waiting for at most, with room for a busy machine. */
const REFUSED_MS_MAX = 20_000

const startAll = () => Promise.all(BROKERS.map((each) => engine(each).start()))

async function until<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + LIMIT_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      assert.ok(error instanceof FlowGuardError && error.retriable, String(error))
      assert.ok(performance.now() < deadline, 'not in time')
      await wait(100)
    }
  }
}

/** Reads on as a reader does, until `count` values are there. */
async function readUntil(log: EventLog, places: Place[], count: number): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  const deadline = performance.now() + LIMIT_MS
  while (records.length < count) {
    assert.ok(performance.now() < deadline, `${records.length} of ${count} in time`)
    for (const each of await until(() => log.read(places, { countMax: 500, waitMs: 250 }))) {
      records.push(each)
      ;(places[each.partition] as Place).next = each.offset + 1
    }
  }
  return records
}

const begin = (): Place[] => Array.from({ length: 6 }, (_, partition) => ({ topic: CLICKS, partition, next: 0 }))

test('a broker that dies under load loses nothing and doubles nothing, and readers go on', async () => {
  await using store = await kafkaTopics([CLICKS], 3)
  await using log = await store.open(Date.now)
  await using reader = await store.open(Date.now)
  const acknowledged: string[] = []
  let count = 0
  let isOver = false
  let isAll = false
  const hands = Array.from({ length: 16 }, async () => {
    while (!isOver) {
      const value = String(count++)
      await log.append(CLICKS, [record(`u${value}`, value)])
      acknowledged.push(value)
      await wait(5)
    }
  })
  const reading = (async () => {
    const places = begin()
    const seen: string[] = []
    while (!isAll || seen.length < acknowledged.length) {
      const more = await until(() => reader.read(places, { countMax: 500, waitMs: 250 }))
      for (const { partition, offset, value } of more) {
        seen.push(value)
        ;(places[partition] as Place).next = offset + 1
      }
    }
    return seen
  })()
  try {
    await wait(1_000)
    await engine('kafka-2').kill()
    const atKill = acknowledged.length
    await until(async () => {
      if (acknowledged.length < atKill + 500) throw new FlowGuardError('log_unavailable', 'not yet')
    })
  } finally {
    isOver = true
    await Promise.all(hands)
    isAll = true
    await engine('kafka-2').start()
  }
  const seen = await reading
  assert.equal(new Set(seen).size, seen.length)
  assert.deepEqual(
    seen.toSorted((a, b) => Number(a) - Number(b)),
    acknowledged.toSorted((a, b) => Number(a) - Number(b)),
  )
})

test('with all brokers gone it refuses in bounded time, and goes on by itself when they are back', async () => {
  await using store = await kafkaTopics([CLICKS], 3)
  await using log = await store.open(Date.now)
  await log.append(CLICKS, numbered(10, 'before-'))
  const places = begin()
  await readUntil(log, places, 10)
  try {
    await Promise.all(BROKERS.map((each) => engine(each).kill()))
    const begun = performance.now()
    const unavailable = (error: unknown) => hasCode(error, 'log_unavailable')
    await Promise.all([
      assert.rejects(log.append(CLICKS, numbered(3, 'lost-')), unavailable),
      assert.rejects(log.ends(CLICKS), unavailable),
      assert.rejects(store.open(Date.now), unavailable),
      assert.rejects(log.read(places, { countMax: 10, waitMs: 0 }), unavailable),
    ])
    assert.ok(performance.now() - begun < REFUSED_MS_MAX)
    // And so is who waits for what comes next.
    const readOn = async () => {
      while (performance.now() - begun < 2 * REFUSED_MS_MAX) assert.deepEqual(await log.read(places, { countMax: 10, waitMs: 50 }), [])
    }
    await assert.rejects(readOn(), unavailable)
  } finally {
    await startAll()
  }
  await until(() => log.append(CLICKS, numbered(10, 'after-')))
  const after = await readUntil(log, places, 10)
  assert.deepEqual(
    after.map(({ value }) => value).filter((value) => value.startsWith('before')),
    [],
  )
  assert.equal(new Set(after.map(({ value }) => value).filter((value) => value.startsWith('after'))).size, 10)
})

test('with too few copies in step it refuses, and goes on by itself once there are enough', async () => {
  await using store = await kafkaTopics([CLICKS], 3)
  await using log = await store.open(Date.now)
  await log.append(CLICKS, numbered(10))
  try {
    await engine('kafka-1').kill()
    await engine('kafka-3').kill()
    await assert.rejects(log.append(CLICKS, numbered(20)), (error) => hasCode(error, 'log_unavailable'))
  } finally {
    await startAll()
  }
  await until(() => log.append(CLICKS, numbered(20)))
})

test('where no broker answers, or something else does, it cannot be opened for now', async () => {
  const server = createServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  for (const brokers of [['127.0.0.1:1'], [`127.0.0.1:${port}`]]) {
    const options = {
      address: { ...testAddress(), brokers },
      topics: specsOf(1),
      holds: [GENERAL] as const,
      clock: Date.now,
      logger: silentLogger,
    }
    await assert.rejects(openKafkaLog(options), (error) => hasCode(error, 'log_unavailable') && String(error).includes(brokers[0] ?? ''))
  }
  server.close()
})
