import { join } from 'node:path'
import { GENERAL, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import { openSqliteDatabase } from './database/adapters/sqlite.ts'
import type { Database } from './database/database.ts'
import { parseAddress, type KafkaAddress } from './kernel/addresses.ts'
import type { Settings } from './kernel/config.ts'
import type { Clock } from './kernel/lifecycle.ts'
import { asOfNow } from './log/as-of-now.ts'
import type { LogView } from './log/log-view.ts'
import { readTopics, type TopicSpecs } from './log/topics.ts'
import { FILES, type Far, type Looked, type Stores } from './ops/stores.ts'
import { openFolder } from './wiring/folder-look.ts'
import type { Eye, Tables } from './wiring/eye.ts'

interface Local {
  engine: 'sqlite'
}

interface ByUrl<Engine> {
  engine: Engine
  url: string
}

/** Where the stores are that may lie elsewhere than in the data folder. Plain values: a thread is told them. */
export interface StoreAddresses {
  /** Of the raw topics. */
  log: Local | KafkaAddress
  /** Of general events, where they have a log of their own. */
  events?: Local | KafkaAddress | ByUrl<'redis'> | undefined
  /** Of the operational tables and the general lane's. */
  database: Local | ByUrl<'postgres'>
  /** Of the counters that are kept elsewhere too. */
  counters?: ByUrl<'redis'> | undefined
}

export interface StoresOptions {
  dataDir: string
  topics: TopicSpecs
  /** All in the data folder where it is left out. */
  addresses?: StoreAddresses | undefined
  clock: Clock
}

/** Where the settings say that the stores are. General events have an address of their own only where it is another one. */
export function addressesOf(settings: Pick<Settings, 'LOG_URL' | 'EVENTS_LOG_URL' | 'DATABASE_URL' | 'COUNTERS_URL'>): StoreAddresses {
  const address = (text: string) => parseAddress(text) as StoreAddresses['log'] & StoreAddresses['events'] & StoreAddresses['database']
  return {
    log: address(settings.LOG_URL),
    events: [settings.LOG_URL, ''].includes(settings.EVENTS_LOG_URL) ? undefined : address(settings.EVENTS_LOG_URL),
    database: address(settings.DATABASE_URL),
    counters: settings.COUNTERS_URL === 'sqlite:' ? undefined : { engine: 'redis', url: settings.COUNTERS_URL },
  }
}

/** All that it takes to look at the stores of the settings. */
export function placesOf(settings: Settings): Omit<StoresOptions, 'clock'> {
  const topics = readTopics(settings.TOPICS_FILE, Number(settings.LOG_COPIES))
  return { dataDir: settings.DATA_DIR, topics, addresses: addressesOf(settings) }
}

const HERE: Local = { engine: 'sqlite' }
const ALL_HERE: StoreAddresses = { log: HERE, database: HERE }

/** Opens what there is to look at it, beside the processes that own it. No engine's driver is loaded before an address asks for it. */
export function openStores({ dataDir, topics, addresses = ALL_HERE, clock }: StoresOptions): Stores {
  const folder = openFolder(dataDir, topics)
  const { log, events = log, database, counters } = addresses
  const tables: Eye<Tables> =
    database.engine === 'sqlite'
      ? folder.tables
      : lazily(async () => (await import('./wiring/postgres-look.ts')).postgresTables(database.url))
  // As their writers name them (wiring/logs.ts).
  const raw = log.engine === 'sqlite' ? folder.raw : engineEye(topics, log, TIMED_TOPICS)
  const general = events.engine === 'sqlite' ? folder.raw : engineEye(topics, events, [GENERAL])
  const inTurn = oneAtATime()
  const seen = { dataDir, topics, clock }

  async function look(...only: (keyof Far)[]): Promise<Looked> {
    const isWanted = (...names: (keyof Far)[]) => only.length === 0 || names.some((name) => only.includes(name))
    const { edge, lane } = isWanted('edge', 'lane') ? await tables.look() : { edge: undefined, lane: undefined }
    const views = { raw: isWanted('raw') ? await raw.look() : undefined, events: isWanted('events') ? await general.look() : undefined }
    return { ...seen, edge, lane, ...views, pipeline: folder.pipeline() }
  }

  async function hold(stack: AsyncDisposableStack): Promise<Looked> {
    const held = async <T>(eye: Eye<T>) => {
      const opened = await eye.hold()
      stack.defer(() => opened.release())
      return opened.view
    }
    const pipeline = await held(folder.pipelineEye)
    const { edge, lane } = await held(tables)
    const rawView = await held(raw)
    return { ...seen, pipeline, edge, lane, raw: rawView, events: general === raw ? rawView : await held(general) }
  }

  return {
    ...seen,
    get pipeline() {
      return folder.pipeline()
    },
    look,
    async snapshot() {
      await using stack = new AsyncDisposableStack()
      stack.defer(await inTurn())
      const looked = await hold(stack)
      const moved = stack.move()
      return { ...looked, [Symbol.asyncDispose]: () => moved.disposeAsync() }
    },
    compareCounters: counters && (() => comparedCounters(counters.url, join(dataDir, FILES.pipeline))),
    damaged: () => folder.damaged(),
    async [Symbol.asyncDispose]() {
      for (const eye of new Set<Eye<unknown>>([tables, raw, general])) await eye.close()
      folder.close()
    },
  }
}

async function comparedCounters(url: string, path: string) {
  const [{ openRedisCounters }, { compareCounters }, { REDIS_PREFIX }] = await Promise.all([
    import('./billing/adapters/redis-counters.ts'),
    import('./billing/counter-check.ts'),
    import('./kernel/redis.ts'),
  ])
  await using counters = openRedisCounters({ url, prefix: REDIS_PREFIX })
  return await compareCounters(counters, path)
}

/** A log on an engine of its own: opened at its first use, and looked for again where its topics have yet to be made. */
function engineEye(
  topics: TopicSpecs,
  address: KafkaAddress | ByUrl<'redis'>,
  holds: readonly [Topic, ...Topic[]],
): Eye<LogView | undefined> {
  let opened: Promise<(LogView & AsyncDisposable) | undefined> | undefined
  async function look(): Promise<LogView | undefined> {
    opened ??= openEngine(topics, address, holds)
    try {
      const log = await opened
      if (!log) opened = undefined
      return log
    } catch (error) {
      opened = undefined
      throw error
    }
  }
  return {
    look,
    async hold() {
      const log = await look()
      return { view: log && (await asOfNow(log, holds)), release: async () => undefined }
    },
    async close() {
      await (await opened?.catch(() => undefined))?.[Symbol.asyncDispose]()
    },
  }
}

async function openEngine(topics: TopicSpecs, address: KafkaAddress | ByUrl<'redis'>, holds: readonly [Topic, ...Topic[]]) {
  if (address.engine === 'kafka') {
    const { openKafkaView } = await import('./log/adapters/kafka-view.ts')
    return openKafkaView({ address, topics, holds })
  }
  const { openRedisView } = await import('./log/adapters/redis-view.ts')
  return openRedisView({ address, topics })
}

/** For whom only some of what looks at a folder is wanted: opened at its first use. */
function lazily<T>(open: () => Promise<Eye<T>>): Eye<T> {
  let opened: Promise<Eye<T>> | undefined
  const eye = () => (opened ??= open())
  return {
    look: async () => (await eye()).look(),
    hold: async () => (await eye()).hold(),
    close: async () => (await opened)?.close(),
  }
}

/** Resolves to what ends the turn, once those before have ended theirs. */
function oneAtATime(): () => Promise<() => void> {
  let last: Promise<void> = Promise.resolve()
  return async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = last
    last = promise
    await before
    return resolve
  }
}

/** The operational tables, to change a write key: the one thing that a command writes beside their owner. Makes them where there are none. */
export async function openDatabase(settings: Settings, clock: Clock): Promise<Database> {
  const { database } = addressesOf(settings)
  if (database.engine === 'sqlite') return openSqliteDatabase({ path: join(settings.DATA_DIR, FILES.edge), clock })
  const [{ openPostgres }, { openPostgresDatabase }] = await Promise.all([
    import('./kernel/postgres.ts'),
    import('./database/adapters/postgres.ts'),
  ])
  const postgres = openPostgres({ url: database.url })
  try {
    const opened = await openPostgresDatabase({ postgres, clock })
    const closeAll = async () => {
      await opened[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    }
    return { ...opened, [Symbol.asyncDispose]: closeAll }
  } catch (error) {
    await postgres[Symbol.asyncDispose]()
    throw error
  }
}
