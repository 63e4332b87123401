import { CLICKS, GENERAL, RAW_TOPICS, TIMED_TOPICS, type RawTopic, type Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../kernel/addresses.ts'
import { ERASED_FILE, readErased } from '../erasure/erased-list.ts'
import { withoutErased } from '../erasure/erased-log.ts'
import { openSqliteLog, openSqliteLogReader } from '../log/adapters/sqlite.ts'
import type { AppendedLog, EventLog } from '../log/event-log.ts'
import { measured } from '../log/measured.ts'
import { FILES } from '../ops/stores.ts'
import type { Feed } from '../reader/batching.ts'
import { addressesOf, type StoreAddresses } from '../stores.ts'
import { patiently } from './edge-stores.ts'
import type { Machine } from './machine.ts'

type LogAddress = NonNullable<StoreAddresses['events']>

/** One log of raw topics: its engine, and which of them it holds. */
export interface RawLog {
  /** As /readyz calls it. */
  name: 'log' | 'events log'
  address: LogAddress
  holds: readonly [RawTopic, ...RawTopic[]]
}

/**
 * Orders and clicks lie in one log. General events lie in the same file where it is one; anywhere else in a log of their own, also under the same address: a log's id is
 * made of its topics', and that of orders and clicks must stay what it is whether or not general events have an address of their own.
 */
export function rawLogs(settings: Machine['settings']): readonly RawLog[] {
  const { log, events = log } = addressesOf(settings)
  if (events === log && log.engine === 'sqlite') return [{ name: 'log', address: log, holds: RAW_TOPICS }]
  return [
    { name: 'log', address: log, holds: TIMED_TOPICS },
    { name: 'events log', address: events, holds: [GENERAL] },
  ]
}

interface Opened {
  appended: Map<RawLog, Promise<EventLog>>
  read: Map<RawLog, Promise<EventLog>>
  /** How many readers of this process share what is read of a topic. */
  readers: Map<Topic, number>
  logs: readonly RawLog[]
}

const shared = new WeakMap<Machine, Opened>()

function openedBy(machine: Machine): Opened {
  let opened = shared.get(machine)
  if (!opened) {
    opened = { appended: new Map(), read: new Map(), readers: new Map(), logs: rawLogs(machine.settings) }
    shared.set(machine, opened)
  }
  return opened
}

/** The log that this process appends these topics to: one for all of them, whichever engines they lie on. Makes what is missing. */
export async function rawLogToAppend(machine: Machine, topics: readonly RawTopic[] = RAW_TOPICS): Promise<AppendedLog> {
  const feeds = await appendedFeeds(machine, topics)
  return feeds.length === 1 ? (feeds[0] as Feed).log : together(feeds)
}

/** The log of orders and clicks, which lie in one wherever that is, to append to it and to read what was appended. */
export async function timedLogToAppend(machine: Machine): Promise<EventLog> {
  const [feed] = await appendedFeeds(machine, TIMED_TOPICS)
  return (feed as Feed).log
}

function appendedFeeds(machine: Machine, topics: readonly RawTopic[]): Promise<readonly Feed[]> {
  const { logs, appended } = openedBy(machine)
  const wanted = logs.filter(({ holds }) => holds.some((topic) => topics.includes(topic)))
  return Promise.all(
    wanted.map(async (raw): Promise<Feed> => {
      if (!appended.has(raw)) appended.set(raw, openToAppend(machine, raw))
      return { log: await (appended.get(raw) as Promise<EventLog>), topics: raw.holds }
    }),
  )
}

/**
 * The logs of these topics as their readers see them: perhaps not yet there. One for all readers of a process, each of which asks once and says what it reads: what one
 * has decoded serves the others. On Kafka one for each of them, who would take each other's place in what a consumer has fetched ahead.
 */
export async function rawFeeds(machine: Machine, topics: readonly RawTopic[]): Promise<readonly Feed[]> {
  const { logs, read, readers } = openedBy(machine)
  for (const topic of topics) readers.set(topic, (readers.get(topic) ?? 0) + 1)
  const wanted = logs.filter(({ holds }) => holds.some((topic) => topics.includes(topic)))
  return Promise.all(
    wanted.map(async (raw) => {
      if (!read.has(raw) || raw.address.engine === 'kafka') read.set(raw, openToRead(machine, raw))
      return { log: await (read.get(raw) as Promise<EventLog>), topics: raw.holds.filter((topic) => topics.includes(topic)) }
    }),
  )
}

/** The same of topics that lie in one log. */
export async function rawReader(machine: Machine, topics: readonly [RawTopic, ...RawTopic[]]): Promise<EventLog> {
  const [feed] = await rawFeeds(machine, topics)
  return (feed as Feed).log
}

async function openToAppend(machine: Machine, raw: RawLog): Promise<EventLog> {
  const { address } = raw
  const { topics, clock, closing, checks, path } = machine
  if (address.engine === 'kafka') {
    const { ensureTopics } = await import('../log/adapters/kafka-topics.ts')
    await patiently(machine, () => ensureTopics(address, topics, raw.holds))
  }
  const opened =
    address.engine === 'sqlite' ? closing.use(openSqliteLog({ path: path(FILES.raw), topics, clock })) : await openEngine(machine, raw)
  checks[raw.name] = checkOf(opened, raw)
  return measured(opened)
}

async function openToRead(machine: Machine, raw: RawLog): Promise<EventLog> {
  const { readers } = openedBy(machine)
  const { topics, clock, closing, checks, path } = machine
  const readersCount = (topic: Topic) => readers.get(topic) ?? 1
  const opened =
    raw.address.engine === 'sqlite'
      ? closing.use(await patiently(machine, async () => openSqliteLogReader({ path: path(FILES.raw), topics, clock, readersCount })))
      : await openEngine(machine, raw)
  checks[raw.name] = checkOf(opened, raw)
  return withoutErased(opened, readErased(path(ERASED_FILE)))
}

const checkOf = (log: EventLog, { holds: [topic] }: RawLog) => ({ check: async () => void (await log.ends(topic)) })

async function openEngine(machine: Machine, raw: RawLog): Promise<EventLog> {
  const { closing } = machine
  const open = raw.address.engine === 'kafka' ? kafka(machine, raw.address, raw.holds) : redis(machine, raw.address)
  return closing.use(await patiently(machine, open))
}

function kafka({ topics, clock, logger }: Machine, address: KafkaAddress, holds: RawLog['holds']) {
  return async () => {
    const { openKafkaLog } = await import('../log/adapters/kafka.ts')
    return openKafkaLog({ address, topics, holds, clock, logger })
  }
}

function redis({ topics, clock, logger }: Machine, address: LogAddress) {
  return async () => {
    const [{ openRedisLog }, { REDIS_PREFIX }] = await Promise.all([import('../log/adapters/redis.ts'), import('../kernel/redis.ts')])
    return openRedisLog({ url: (address as { url: string }).url, prefix: REDIS_PREFIX, topics, clock, logger })
  }
}

/** Several logs as one, each for its topics. Its id is that of orders and clicks. */
function together(feeds: readonly Feed[]): AppendedLog {
  const of = (topic: Topic) => (feeds.find(({ topics }) => topics.includes(topic)) as Feed).log
  return {
    id: of(CLICKS).id,
    partitions: (topic) => of(topic).partitions(topic),
    append: (topic, records) => of(topic).append(topic, records),
    ends: (topic) => of(topic).ends(topic),
    trim: (topic, limits) => of(topic).trim(topic, limits),
    // Each is closed by who opened it.
    async [Symbol.asyncDispose]() {},
  }
}
