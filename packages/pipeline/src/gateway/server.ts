import type { ErasedPeople } from '../erasure/erased-list.ts'
import type { FastifyInstance } from 'fastify'
import type { BillingView } from '../billing/billing-view.ts'
import { billingRoutes } from '../billing/routes.ts'
import type { Database } from '../database/database.ts'
import type { Clock, Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import type { AppendedLog, EventLog } from '../log/event-log.ts'
import { createBotCheck } from './bots.ts'
import { serveDocs } from '../http/docs.ts'
import { openEventTime } from './event-time.ts'
import { createHttpServer, drain, listen } from '../http/server.ts'
import { createIngest } from './ingest.ts'
import { requireKeys, type Keyed } from '../http/keys.ts'
import type { JourneyView } from '../stream/journey-view.ts'
import type { Lane } from '../workers/lane-view.ts'
import type { NotesView } from '../notify/customers/notes.ts'
import { createMetrics } from './metrics.ts'
import { measureRequests } from '../http/request-metrics.ts'
import { createIdSource } from './new-id.ts'
import { loadReference } from './reference.ts'
import { batchRoute } from './routes-batch.ts'
import { eventRoutes } from './routes-events.ts'
import { healthRoutes } from './routes-health.ts'
import { readRoutes } from './routes-read.ts'
import { timeRoutes } from './routes-time.ts'

export interface GatewayDeps {
  log: AppendedLog
  /** Of these, that in which orders and clicks lie: what was appended last tells the time. */
  timedLog: EventLog
  /** Whether general events lie in a log of their own, which may fail without the other. */
  hasEventsLog: boolean
  /** With its foods and ads loaded: they are read once, here. */
  database: Database
  billing: BillingView
  journeys: JourneyView
  /** What customers are told. */
  notes: NotesView
  lane: () => Promise<Lane>
  clock: Clock
  logger: Logger
  version: string
  environment: string
  dataDir: string
  /** Whether what writes, and what shows business data, needs a write key. */
  keyed: Keyed
  /** Who was erased; undefined where it is nobody. */
  erased?: ErasedPeople | undefined
  corsOrigins: readonly string[]
  /** Requests a minute and client; 0 is no limit. */
  rateLimit: number
}

export interface Gateway {
  /** The server itself: tests ask it without a socket. */
  app: FastifyInstance
  /** Resolves to the port. Throws `port_taken`. */
  listen(address: { host: string; port: number }): Promise<number>
  /** Answers what is on its way, then stops. */
  close(): Promise<void>
  /** Tells the time to every partition, each second. */
  heartbeats: Part
}

const NAME = 'events gateway'
const ABOUT = `Food-delivery events: orders, ad clicks and impressions, and anything else that happened.
An accepted answer means that the event is on the disk. Errors are RFC 9457 problems.`

/** The events gateway over a log and a database. Reads the highest event time that an earlier process left behind. */
export async function createGateway(deps: GatewayDeps): Promise<Gateway> {
  const { log, timedLog, database, clock, logger, version, keyed, corsOrigins, rateLimit } = deps
  const time = await openEventTime({ log: timedLog, database, clock, logger })
  const ingest = createIngest({ log, database, time })
  const metrics = createMetrics(ingest, deps.lane, logger)
  const reference = await loadReference(database)
  const app = await createHttpServer({ name: NAME, logger, corsOrigins, rateLimit })
  requireKeys(app, { keyed, hasKey: (hash, use) => database.hasKey(hash, use) })
  measureRequests(app, metrics.registry)
  serveDocs(app, { title: 'FlowGuard events gateway', description: ABOUT, version })
  const events = {
    admission: { reference, newId: createIdSource(clock), isBot: createBotCheck(), pseudonymOf: deps.erased?.pseudonymOf },
    ingest,
    metrics,
    clock,
    logger,
  }
  eventRoutes(app, events)
  await batchRoute(app, events)
  readRoutes(app, deps)
  billingRoutes(app, deps)
  timeRoutes(app, { time, log, clock })
  healthRoutes(app, { ...deps, ingest, metrics })
  await app.ready()
  return { app, listen: (address) => listen(app, NAME, address), close: () => drain(app), heartbeats: time.heartbeats }
}
