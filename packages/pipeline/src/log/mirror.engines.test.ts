import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { ATTRIBUTED, DAY_MS, DEAD } from '@flowguard/contract'
import { pino } from 'pino'
import { hasCode } from '../kernel/errors.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import { silentLogger, type Logger } from '../kernel/logging.ts'
import { setTopicSettings } from './adapters/kafka-requests.ts'
import { kafkaSink } from './adapters/kafka-sink.ts'
import { wireTo } from './adapters/kafka-wire.ts'
import { openSqliteLog } from './adapters/sqlite.ts'
import type { EventLog, LogRecord, TransactionalLog } from './event-log.ts'
import { mirror, type Mirror } from './mirror.ts'
import { committedPlaces, deleteTopics, forgetGroup, kafkaTopics, withOneConnection, type KafkaTopics } from './testing/kafka.ts'
import { record } from './testing/records.ts'
import { RECORD_BYTES_MAX } from './topics.ts'

const HOLDS = [ATTRIBUTED, DEAD] as const
const LIMIT_MS = 60_000

interface Machine extends AsyncDisposable {
  path: string
  kafka: KafkaTopics
  local: TransactionalLog
}

async function machine(): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-mirror-'))
  const kafka = await kafkaTopics(HOLDS)
  const path = join(folder, 'derived.db')
  const local = openSqliteLog({ path, topics: kafka.specs, clock: Date.now })
  return {
    path,
    kafka,
    local,
    async [Symbol.asyncDispose]() {
      await local[Symbol.asyncDispose]()
      await kafka[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

const mirrorOf = (
  { local, kafka: { address, specs } }: Machine,
  { log = local, clock = Date.now, logger = silentLogger }: { log?: EventLog; clock?: Clock; logger?: Logger } = {},
) => {
  const sink = kafkaSink({ address, topics: specs, holds: HOLDS })
  return { sink, mirror: mirror({ log, topics: HOLDS, sink, clock, logger }) }
}

/** What a logger was told. */
function listening() {
  const lines: Record<string, unknown>[] = []
  const sink = new Writable({
    write: (chunk, _encoding, done) => (lines.push(JSON.parse(String(chunk)) as Record<string, unknown>), done()),
  })
  return { lines, logger: pino({ level: 'warn' }, sink) }
}

/** Runs it until it has shipped everything. */
async function shipAll(at: Machine, logger = silentLogger): Promise<void> {
  const made = mirrorOf(at, { logger })
  await using _sink = made.sink
  const stop = new AbortController()
  const running = made.mirror.run(stop.signal)
  await Promise.race([running, until(() => isLevel(made.mirror, at.local))])
  stop.abort()
  await running
}

async function isLevel(made: Mirror, log: EventLog): Promise<boolean> {
  for (const topic of HOLDS) {
    for (const { partition, end } of await log.ends(topic)) if (made.passed(topic).get(partition) !== end) return false
  }
  return true
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS
  while (!(await isTrue())) {
    assert.ok(performance.now() < deadline, 'not in time')
    await wait(10)
  }
}

/** All of a log, by partition, as its readers get it. */
async function contents(log: EventLog): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {}
  const plain = ({ key, value, bytes, headers, appendedAt }: LogRecord) => [key, value, bytes && [...bytes], headers, appendedAt]
  for (const topic of HOLDS) {
    for (const { partition, start, end } of await log.ends(topic)) {
      const found: unknown[] = (all[`${topic}-${partition}`] = [])
      for (let next = start; next < end;) {
        const records = await log.read([{ topic, partition, next }], { countMax: 777, waitMs: 0 })
        // Behind the last record there are only marks of transactions.
        if (records.length === 0) break
        found.push(...records.map(plain))
        next = (records.at(-1) as LogRecord).offset + 1
      }
    }
  }
  return all
}

async function assertSame({ local, kafka }: Machine): Promise<void> {
  await using remote = await kafka.open(Date.now)
  assert.deepEqual(await contents(remote), await contents(local))
}

test('what is appended here is there as it is: partition, order, key, headers, bytes and time', async () => {
  await using at = await machine()
  const raw = Uint8Array.of(0xff, 0, 0xc3, 0x28)
  await at.local.append(DEAD, [record('u1', 'one', { headers: { 'name é': 'wert ü' } }), record('', raw, { partition: 2 })])
  await shipAll(at)
  await at.local.append(DEAD, [record('u1', 'two')])
  await at.local.append(ATTRIBUTED, [record('u2', '{"order_id":"1"}')])
  await shipAll(at)
  await assertSame(at)
})

test('killed again and again while it ships, it ships each record exactly once', async () => {
  await using at = await machine()
  let count = 0
  let isOver = false
  const appending = (async () => {
    while (!isOver) {
      const values = Array.from({ length: 200 }, () => record(`u${count % 50}`, String(count++)))
      await at.local.append(count % 400 === 0 ? DEAD : ATTRIBUTED, values)
      await wait(10)
    }
  })()
  const task = JSON.stringify({ path: at.path, address: at.kafka.address, topics: at.kafka.specs, holds: HOLDS })
  await using look = await at.kafka.open(Date.now)
  const shipped = async () => (await look.ends(ATTRIBUTED)).reduce((sum, { end }) => sum + end, 0)
  for (let round = 0; round < 5; round += 1) {
    const before = await shipped()
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'adapters/mirror.child.ts'), task],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    )
    const closed = once(child, 'close')
    await until(async () => (await shipped()) > before)
    // At another moment of a transaction each time.
    await wait(round * 7)
    child.kill('SIGKILL')
    await closed
  }
  isOver = true
  await appending
  await shipAll(at)
  await assertSame(at)
})

test('a mirror that was replaced can ship nothing more, and says so', async () => {
  await using at = await machine()
  await at.local.append(DEAD, [record('u', '1')])
  const first = mirrorOf(at)
  await using _sink = first.sink
  const running = first.mirror.run(new AbortController().signal)
  const stopped = assert.rejects(running, (error) => hasCode(error, 'place_moved'))
  await until(() => isLevel(first.mirror, at.local))
  await shipAll(at)
  await at.local.append(DEAD, [record('u', '2')])
  await stopped
  await shipAll(at)
  await assertSame(at)
})

test('the mirror of another log is left alone, and one that is ahead of its log too', async () => {
  await using at = await machine()
  await at.local.append(DEAD, [record('u', '1'), record('u', '2')])
  await shipAll(at)
  await using other = openSqliteLog({ path: join(at.path, '../other.db'), topics: at.kafka.specs, clock: Date.now })
  const older: EventLog = Object.assign(Object.create(at.local) as EventLog, {
    ends: async (topic: 'dead.v1') => (await at.local.ends(topic)).map((each) => ({ ...each, end: Math.min(each.end, 1) })),
  })
  for (const log of [other, older]) {
    const made = mirrorOf(at, { log })
    await using _sink = made.sink
    await assert.rejects(made.mirror.run(new AbortController().signal), (error) => hasCode(error, 'log_replaced'))
  }
  await assertSame(at)
})

test('a mirror whose places Kafka has forgotten ships nothing again, and says how it goes on', async () => {
  await using at = await machine()
  await at.local.append(DEAD, [record('u', '1', { partition: 1 })])
  await shipAll(at)
  await forgetGroup(at.kafka.address, 'mirror')
  const made = mirrorOf(at)
  await using _sink = made.sink
  await assert.rejects(
    made.mirror.run(new AbortController().signal),
    (error) =>
      hasCode(error, 'place_lost') && String(error).includes(at.kafka.address.prefix + DEAD) && !String(error).includes(ATTRIBUTED),
  )
  await assertSame(at)
  // As its advice says.
  await deleteTopics(at.kafka.address, [DEAD])
  await shipAll(at)
  await assertSame(at)
})

test('every day it tells all its places, also of partitions in which nothing moves, so that none is forgotten', async () => {
  await using at = await machine()
  await at.local.append(DEAD, [record('u', '1', { partition: 1 })])
  let now = 0
  const made = mirrorOf(at, { clock: () => now })
  await using _sink = made.sink
  const stop = new AbortController()
  const running = made.mirror.run(stop.signal)
  await until(() => isLevel(made.mirror, at.local))
  await forgetGroup(at.kafka.address, 'mirror')
  now += DAY_MS
  const known = () => committedPlaces(at.kafka.address, 'mirror', DEAD, [0, 1, 2])
  await until(async () => JSON.stringify(await known()) === '[0,1,0]')
  stop.abort()
  await running
  await at.local.append(DEAD, [record('u', '2', { partition: 1 })])
  await shipAll(at)
  await assertSame(at)
})

test('a record that is too large for any topic is left out and named, and what is behind it is shipped', async () => {
  await using at = await machine()
  const dead = (value: string | Uint8Array) => at.local.append(DEAD, [record('u', value, { partition: 1 })])
  await dead('before')
  await dead('x'.repeat(RECORD_BYTES_MAX))
  // Which no codec makes smaller.
  await dead(randomBytes(RECORD_BYTES_MAX - 1_000))
  await dead('behind')
  const { lines, logger } = listening()
  await shipAll(at, logger)
  assert.deepEqual(
    lines.map(({ code, topic, partition, offset }) => [code, topic, partition, offset]),
    [['record_too_large', DEAD, 1, 1]],
  )
  await using remote = await at.kafka.open(Date.now)
  const lengths = ((await contents(remote))[`${DEAD}-1`] as [null, string, number[]?][]).map(([, value, bytes]) => (bytes ?? value).length)
  assert.deepEqual(lengths, ['before'.length, RECORD_BYTES_MAX - 1_000, 'behind'.length])
})

test('where a topic takes less than it is declared with, the mirror says so, and goes on once that is mended', async () => {
  await using at = await machine()
  const takes = async (bytes: number) => {
    using wire = await wireTo(at.kafka.address)
    await setTopicSettings(wire, at.kafka.address.prefix + DEAD, { 'max.message.bytes': String(bytes) })
  }
  await takes(1_000_000)
  await at.local.append(DEAD, [record('u', randomBytes(2_000_000))])
  const { lines, logger } = listening()
  const made = mirrorOf(at, { logger })
  await using _sink = made.sink
  const stop = new AbortController()
  const running = made.mirror.run(stop.signal)
  await until(() => lines.length > 0)
  assert.match(JSON.stringify(lines[0]), /record_too_large/)
  await takes(RECORD_BYTES_MAX)
  await until(() => isLevel(made.mirror, at.local))
  stop.abort()
  await running
  await assertSame(at)
})

test('of two clients of which one finds no broker, none is left behind', async () => {
  await using at = await machine()
  await using proxy = await withOneConnection(at.kafka.address)
  await using sink = kafkaSink({ address: proxy.address, topics: at.kafka.specs, holds: HOLDS })
  await assert.rejects(sink.begin(), (error) => hasCode(error, 'log_unavailable'))
  assert.ok(proxy.refused() > 0)
  await until(() => proxy.open() === 0)
})
