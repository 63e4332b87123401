import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLICKS, GENERAL, RAW_TOPICS, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import { ownRedis } from '../../../../test/support/redis-server.ts'
import { runAll, type Part } from '../kernel/lifecycle.ts'
import { silentLogger, type Logger } from '../kernel/logging.ts'
import { openRedis, REDIS_PREFIX } from '../kernel/redis.ts'
import { openLaneStore } from '../lane-store.ts'
import { loader } from '../loader/loader.ts'
import { mirrorIn } from '../loader/mirror.ts'
import { openKafkaLog } from '../log/adapters/kafka.ts'
import { entryOf, logKeys } from '../log/adapters/redis-keys.ts'
import { openRedisLog } from '../log/adapters/redis.ts'
import type { EventLog, LogRecord, NewRecord } from '../log/event-log.ts'
import { kafkaTopics, specsOf } from '../log/testing/kafka.ts'
import type { TopicSpecs } from '../log/topics.ts'
import { audit } from '../ops/audit.ts'
import { groups } from '../ops/groups.ts'
import { FILES, type Stores } from '../ops/stores.ts'
import { openPipelineStore } from '../pipeline-store.ts'
import { openStores, type StoreAddresses } from '../stores.ts'
import { streamProcessor } from '../stream/processor.ts'
import { openDuckdb } from '../warehouse/adapters/duckdb.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { enrich } from '../workers/enrich.ts'
import { general } from '../workers/testing/fixture.ts'
import { worker } from '../workers/worker.ts'
import type { Feed } from './batching.ts'
import { gateIn } from './gate.ts'
import { readerLoop } from './loop.ts'
import { eventually, recordsAt, START, temporaryFolder } from './testing/fixture.ts'

const LIMIT_MS = 60_000
const COUNT = 90
const KEPT = 2

const plain = ({ key, value, headers }: LogRecord): NewRecord => ({ key: key ?? '', value, headers })

/** Readers of each kind, on a folder. `timed`: the log of orders and clicks, where it is read too. */
function lab(topics: TopicSpecs, addresses: StoreAddresses, { events, timed }: { events: EventLog; timed?: EventLog }) {
  const clock = Date.now
  const stack = new AsyncDisposableStack()
  const { path: dataDir } = stack.use(temporaryFolder())
  const { db, path, derived } = stack.use(openPipelineStore(join(dataDir, FILES.pipeline), topics, clock))
  const lane = stack.use(openLaneStore(join(dataDir, FILES.lane), topics, clock))
  const paths = { path: join(dataDir, WAREHOUSE.file), tempDir: join(dataDir, WAREHOUSE.temp) }
  const { bronze } = stack.use(openDuckdb({ ...paths, memoryMb: 256, threads: 1 }))
  const feeds: Feed[] = [{ log: events, topics: [GENERAL] }, ...(timed ? [{ log: timed, topics: TIMED_TOPICS }] : [])]
  const said: { reader?: string; code?: string }[] = []
  const logger = { ...silentLogger, error: (what: object) => void said.push(what) } as unknown as Logger

  function parts(): Part[] {
    const stream = (log: EventLog) => {
      const handler = streamProcessor({ db, derived, gate: gateIn(db, 'stream', topics), doubleClickMs: 2_000, logger: silentLogger })
      return readerLoop({ name: 'stream', topics: TIMED_TOPICS, log, handler }, { db, path, derived, clock, logger })
    }
    return [
      worker({ name: 'w1', log: events, store: lane, work: enrich, clock, random: Math.random, logger }),
      loader({ bronze, feeds, mirror: mirrorIn(db, path), rowsMax: 1_000, ageMs: 0, clock, logger }),
      ...(timed ? [stream(timed)] : []),
    ]
  }

  let sent = 0
  const look = () => openStores({ dataDir, topics, addresses, clock })
  return {
    said,
    look,
    async send() {
      const log = recordsAt()
      const ids = Array.from({ length: COUNT }, () => `id-${(sent += 1)}`)
      await events.append(
        GENERAL,
        ids.map((id) => plain(general({ event_id: id, user_id: id }))),
      )
      await timed?.append(
        CLICKS,
        ids.map((id) => plain(log.click({ id, user: id, ad: 'x', ts: START }))),
      )
    },
    /** Lets all readers catch up. */
    async read() {
      const stop = new AbortController()
      const running = runAll(parts(), stop.signal)
      await using stores = look()
      const isLevel = async () =>
        (await groups(stores)).readers.every(({ name, lag }) => lag === 0 || !['stream', 'loader', 'workers'].includes(name))
      try {
        await Promise.race([eventually(isLevel, 'all was read', LIMIT_MS), running])
      } finally {
        stop.abort()
        await running
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Of each partition all but the last few records: up to where. */
async function deletable(log: EventLog, topic: Topic): Promise<Map<number, number>> {
  return new Map((await log.ends(topic)).map(({ partition, start, end }) => [partition, Math.max(start, end - KEPT)]))
}

async function booksOf(look: () => Stores) {
  await using stores = look()
  const { checks, balanced, unchecked } = await audit(stores)
  const faults = checks.filter(({ ok }) => !ok)
  const [expired] = checks.filter(({ name }) => name === 'expired before it was read = booked')
  return { balanced, faults, unchecked, expired }
}

/** What each reader lost, by what was said of it. */
function lostBy(said: readonly object[]): ReadonlyMap<string, number> {
  const lost = new Map<string, number>()
  for (const each of said as { code: string; reader: string; from: number; to: number }[])
    if (each.reader) lost.set(each.reader, (lost.get(each.reader) ?? 0) + each.to - each.from)
  return lost
}

test('kafka: readers whose records were deleted go on behind them; the audit shows them as expired, and balances', async () => {
  await using store = await kafkaTopics(RAW_TOPICS)
  const { address, specs: topics } = store
  const open = (holds: readonly [Topic, ...Topic[]]) => openKafkaLog({ address, topics, holds, clock: Date.now, logger: silentLogger })
  await using timed = await open(TIMED_TOPICS)
  await using events = await open([GENERAL])
  await using at = lab(topics, { log: address, database: { engine: 'sqlite' } }, { events, timed })
  await at.send()
  await at.read()
  assert.deepEqual(at.said, [])
  assert.equal((await booksOf(at.look)).expired, undefined)

  await at.send()
  for (const [log, topic] of [
    [timed, CLICKS],
    [events, GENERAL],
  ] as const)
    await log.trim(topic, { appendedBefore: Infinity, readBefore: await deletable(log, topic) })
  const before = await booksOf(at.look)
  assert.deepEqual([before.balanced, before.expired?.ok], [false, false], 'until they are read on, nothing says what became of them')
  await at.read()

  const lost = lostBy(at.said)
  assert.deepEqual([...lost.keys()].toSorted(), ['loader', 'stream', 'workers'])
  for (const count of lost.values()) assert.ok(count > 0)
  const { balanced, faults, unchecked, expired } = await booksOf(at.look)
  assert.deepEqual([balanced, faults, unchecked], [true, [], []])
  const sum = [...lost.values()].reduce((total, count) => total + count, 0)
  assert.deepEqual([expired?.ok, expired?.expected, expired?.actual], [true, sum, sum])
  assert.match(expired?.detail ?? '', /stream raw\.clicks\.v1-\d \d+/)

  // And on, as if nothing had been.
  await at.send()
  await at.read()
  assert.deepEqual(lostBy(at.said), lost)
  assert.equal((await booksOf(at.look)).balanced, true)
})

test('redis: workers whose stream was trimmed under them go on behind that; the audit shows it as expired, and balances', async () => {
  await using server = await ownRedis()
  const topics = specsOf(1)
  await using events = await openRedisLog({ url: server.url, prefix: REDIS_PREFIX, topics, clock: Date.now, logger: silentLogger })
  const addresses: StoreAddresses = {
    log: { engine: 'sqlite' },
    events: { engine: 'redis', url: server.url },
    database: { engine: 'sqlite' },
  }
  await using at = lab(topics, addresses, { events })
  await at.send()
  await at.read()
  await at.send()
  const admin = await openRedis(server.url)
  for (const [partition, before] of await deletable(events, GENERAL))
    await admin.call('XTRIM', logKeys(REDIS_PREFIX).stream(GENERAL, partition), 'MINID', entryOf(before))
  admin.disconnect()
  await at.read()
  const lost = lostBy(at.said)
  assert.ok((lost.get('workers') ?? 0) > 0)
  const { balanced, faults, expired } = await booksOf(at.look)
  assert.deepEqual([balanced, faults], [true, []])
  const sum = (lost.get('workers') ?? 0) + (lost.get('loader') ?? 0)
  assert.deepEqual([expired?.ok, expired?.expected, expired?.actual], [true, sum, sum])
})
