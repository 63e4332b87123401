import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { ATTRIBUTED, GENERAL, RAW_TOPICS, TIMED_TOPICS, TOPICS, type RawTopic, type Topic } from '@flowguard/contract'
import { sqliteBillingView } from './billing/adapters/sqlite-view.ts'
import { adsInMemory } from './billing/ads.ts'
import { budgetAlerts } from './billing/budgets.ts'
import { clickCharges } from './billing/click-charges.ts'
import { orderCharges } from './billing/order-charges.ts'
import { openSqliteDatabase, openSqliteDatabaseReader } from './database/adapters/sqlite.ts'
import type { Database } from './database/database.ts'
import { seed } from './database/seed.ts'
import { createCatalog } from './catalog/server.ts'
import { createGateway } from './gateway/server.ts'
import { isLoopback, VERSION, type Settings } from './kernel/config.ts'
import { FlowGuardError, hasCode } from './kernel/errors.ts'
import { aborted, runAll, type Clock, type Part } from './kernel/lifecycle.ts'
import type { Logger } from './kernel/logging.ts'
import { retried } from './kernel/retry.ts'
import { openReadOnly } from './kernel/sqlite.ts'
import { openSqliteLog, openSqliteLogReader } from './log/adapters/sqlite.ts'
import type { EventLog } from './log/event-log.ts'
import { retention } from './log/retention.ts'
import { readTopics, type TopicSpecs } from './log/topics.ts'
import { askInThreads } from './ops-threads.ts'
import { resendTo } from './ops/gateway-client.ts'
import { createOps } from './ops/server.ts'
import { FILES } from './ops/stores.ts'
import { relay } from './outbox/relay.ts'
import { openPipelineStore, type PipelineStore } from './pipeline-store.ts'
import { gateIn } from './reader/gate.ts'
import { readerLoop } from './reader/loop.ts'
import { passedIn } from './reader/passed.ts'
import { openStores } from './stores.ts'
import type { Role } from './roles.ts'
import { streamProcessor } from './stream/processor.ts'

/** What one process of the machine has open: each store once, by whichever role asks first. */
interface Machine {
  settings: Settings
  topics: TopicSpecs
  clock: Clock
  logger: Logger
  signal: AbortSignal
  path: (file: string) => string
  database: () => Promise<Database>
  rawLog: () => EventLog
  pipeline: () => PipelineStore
  closing: AsyncDisposableStack
}

/** Starts a role and resolves, once it is ready, to what goes on until the signal aborts. */
const START: Record<Role, (machine: Machine) => Promise<readonly Part[]>> = {
  gateway: startGateway,
  catalog: startCatalog,
  relay: async ({ database, rawLog, logger }) => [relay({ database: await database(), log: rawLog(), logger })],
  stream: startStream,
  billing: startBilling,
  ops: startOps,
}

/** Runs the roles in this process until the signal aborts or one of them fails. */
export async function runRoles(
  roles: readonly Role[],
  { settings, logger, signal, onReady }: { settings: Settings; logger: Logger; signal: AbortSignal; onReady: () => void },
): Promise<void> {
  await using machine = openMachine(settings, logger, signal)
  const parts: Part[] = []
  for (const role of roles) parts.push(...(await START[role](machine)))
  onReady()
  await runAll(parts, signal)
}

function openMachine(settings: Settings, logger: Logger, signal: AbortSignal): Machine & AsyncDisposable {
  const closing = new AsyncDisposableStack()
  const topics = readTopics(settings.TOPICS_FILE)
  const clock = Date.now
  const path = (file: string) => join(settings.DATA_DIR, file)
  let database: Promise<Database> | undefined
  let rawLog: EventLog | undefined
  let pipeline: PipelineStore | undefined
  const openDatabase = async () => {
    const opened = closing.use(openSqliteDatabase({ path: path(FILES.edge), clock }))
    await seed(opened, { foods: settings.FOODS_FILE, ads: settings.ADS_FILE })
    return opened
  }
  return {
    settings,
    topics,
    clock,
    logger,
    signal,
    path,
    closing,
    database: () => (database ??= openDatabase()),
    rawLog: () => (rawLog ??= closing.use(openSqliteLog({ path: path(FILES.raw), topics, clock }))),
    pipeline: () => (pipeline ??= closing.use(openPipelineStore(path(FILES.pipeline), topics, clock))),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

async function startGateway(machine: Machine): Promise<readonly Part[]> {
  const { settings, database, rawLog, topics, clock, logger, path, closing } = machine
  const db = await database()
  const log = rawLog()
  const needsKeys = await keysNeeded(settings, db)
  const gateway = await createGateway({
    ...served(machine),
    log,
    database: db,
    billing: closing.use(sqliteBillingView(path(FILES.pipeline), () => db.ads())),
    lane: () => generalLane(log),
    dataDir: settings.DATA_DIR,
    needsKeys,
  })
  closing.defer(() => gateway.close())
  await gateway.listen({ host: settings.HOST, port: Number(settings.GATEWAY_PORT) })
  return [closingAtStop(gateway), gateway.heartbeats, retainRaw(log, topics, clock, logger, path)]
}

async function startCatalog(machine: Machine): Promise<readonly Part[]> {
  const { settings, database, closing } = machine
  const catalog = await createCatalog({ ...served(machine), database: await database() })
  closing.defer(() => catalog.close())
  await catalog.listen({ host: settings.HOST, port: Number(settings.CATALOG_PORT) })
  return [closingAtStop(catalog)]
}

/** What every HTTP server is given. */
function served({ settings, clock, logger }: Machine) {
  return {
    clock,
    logger,
    version: VERSION,
    environment: settings.ENVIRONMENT,
    corsOrigins: settings.CORS_ORIGINS.split(','),
    rateLimit: Number(settings.RATE_LIMIT),
  }
}

/** At the signal; the machine closes it too, for where a role after it cannot start: a server that still listened would hold the process. */
function closingAtStop({ close }: { close: () => Promise<void> }): Part {
  return async (signal) => {
    await aborted(signal)
    await close()
  }
}

/** Whether writing needs a key here. Throws `keys_required` where it does and there is none: nobody could write. */
async function keysNeeded({ WRITE_KEYS, HOST }: Settings, database: Database): Promise<boolean> {
  if (WRITE_KEYS === 'off' || (WRITE_KEYS === 'auto' && isLoopback(HOST))) return false
  const usable = (await database.keys()).filter((key) => key.revokedAt === null)
  if (usable.length === 0) throw new FlowGuardError('keys_required', `HOST is ${HOST}, WRITE_KEYS ${WRITE_KEYS}, and there is no write key`)
  return true
}

/** Nothing works the general lane off yet, so all that it keeps is waiting. */
async function generalLane(log: EventLog) {
  const ends = await log.ends(GENERAL)
  const waiting = ends.reduce((sum, { start, end }) => sum + end - start, 0)
  return { queueLength: waiting, pendingMessages: 0, activeWorkers: 0 }
}

async function startStream(machine: Machine): Promise<readonly Part[]> {
  const { topics, clock, logger } = machine
  const { db, path, derived } = machine.pipeline()
  const log = await rawReader(machine)
  const handler = streamProcessor(db, derived, gateIn(db, 'stream', topics), logger)
  return [readerLoop({ name: 'stream', topics: TIMED_TOPICS, log, handler }, { db, path, derived, clock, logger }), retainDerived(machine)]
}

async function startBilling(machine: Machine): Promise<readonly Part[]> {
  const { settings, topics, clock, logger } = machine
  const { db, path, derived } = machine.pipeline()
  const log = await rawReader(machine)
  const database = await readingDatabase(machine)
  const { adOf, load, refresh } = adsInMemory(() => database.ads())
  await load()
  const budgets = budgetAlerts(derived, adOf, clock)
  const store = { db, path, derived, clock, logger }
  const gate = gateIn(db, 'billing', topics)
  const clicks = clickCharges({ db, gate, adOf, budgets, doubleClickMs: Number(settings.DOUBLE_CLICK_MS), logger })
  const orders = orderCharges({ db, topics, adOf, budgets, clock })
  return [
    refresh,
    readerLoop({ name: 'billing', topics: TIMED_TOPICS, log, handler: clicks }, store),
    readerLoop({ name: 'billing-orders', topics: [ATTRIBUTED], log: derived, handler: orders }, store),
  ]
}

async function startOps(machine: Machine): Promise<readonly Part[]> {
  const { settings, topics, clock, closing } = machine
  const { db } = machine.pipeline()
  const database = await readingDatabase(machine)
  const ops = await createOps({
    ...served(machine),
    stores: closing.use(openStores({ dataDir: settings.DATA_DIR, topics, clock })),
    ask: askInThreads(settings.DATA_DIR, topics, machine.signal),
    db,
    resend: resendTo(settings.GATEWAY_URL, settings.WRITE_KEY),
    needsKeys: await keysNeeded(settings, database),
    hasKey: (hash) => database.hasKey(hash),
  })
  closing.defer(() => ops.close())
  await ops.listen({ host: settings.HOST, port: Number(settings.OPS_PORT) })
  return [closingAtStop(ops)]
}

/** The operational tables as the pipeline sees them: written by the edge, perhaps not yet there. */
async function readingDatabase(machine: Machine): Promise<Database> {
  const { clock, closing, path } = machine
  return closing.use(await patiently(machine, () => openSqliteDatabaseReader({ path: path(FILES.edge), clock })))
}

/** The raw log as its readers see it: written by the edge, perhaps not yet there. */
async function rawReader(machine: Machine) {
  const { topics, clock, closing, path } = machine
  return closing.use(await patiently(machine, () => openSqliteLogReader({ path: path(FILES.raw), topics, clock })))
}

/** Waits for a store that another process is about to make. */
async function patiently<T>({ signal, logger }: Machine, open: () => T): Promise<T> {
  let said = false
  const opened = await retried(
    async () => ({ store: open() }),
    (error, tries) => {
      if (tries > 5 && !said) logger.warn({ err: error }, 'waiting for a store that the edge makes')
      said ||= tries > 5
      return hasCode(error, 'store_missing')
    },
    signal,
    { firstMs: 20, longestMs: 500, random: Math.random },
  )
  signal.throwIfAborted()
  return (opened as { store: T }).store
}

function retainRaw(log: EventLog, topics: TopicSpecs, clock: Clock, logger: Logger, path: (file: string) => string): Part {
  let db: DatabaseSync | undefined
  const places = () => {
    try {
      return (db ??= openReadOnly(path(FILES.pipeline)))
    } catch (error) {
      if (hasCode(error, 'store_missing')) return undefined
      throw error
    }
  }
  const passed = (topic: RawTopic) => () =>
    // The workers that are to read the general lane have not begun: nothing of it may go.
    topic === GENERAL ? new Map<number, number>() : passedIn(places(), topic, topics[topic].partitions)
  const part = retention({ log, topics, clock, logger, readBefore: Object.fromEntries(RAW_TOPICS.map((topic) => [topic, passed(topic)])) })
  return async (signal) => {
    try {
      await part(signal)
    } finally {
      db?.close()
    }
  }
}

function retainDerived({ pipeline, topics, clock, logger }: Machine): Part {
  const { db, derived } = pipeline()
  const derivedTopics = TOPICS.filter((topic) => !(RAW_TOPICS as readonly Topic[]).includes(topic))
  const readBefore = Object.fromEntries(derivedTopics.map((topic) => [topic, () => passedIn(db, topic, topics[topic].partitions)]))
  return retention({ log: derived, topics, clock, logger, readBefore })
}
