import type { FastifyInstance, FastifyReply } from 'fastify'
import { statfs } from 'node:fs/promises'
import { CLICKS, dayOf } from '@flowguard/contract'
import type { BillingView } from '../billing/billing-view.ts'
import type { Database } from '../database/database.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { EventLog } from '../log/event-log.ts'
import type { Ingest } from './ingest.ts'
import type { GatewayMetrics, Lane } from './metrics.ts'

/** Less than this free, and the disk is as good as full. */
const DISK_FREE_BYTES_MIN = 64 * 1024 * 1024
/** After a failure the log counts as broken for this long, unless something was written since: then clients may try again. */
const FAILURE_MS = 10_000

export interface HealthDeps {
  log: EventLog
  database: Pick<Database, 'order'>
  billing: BillingView
  ingest: Ingest
  metrics: GatewayMetrics
  lane: () => Promise<Lane>
  clock: Clock
  version: string
  environment: string
  /** The folder whose disk must have room. */
  dataDir: string
}

/** `undefined` where all is well, else what is not. */
type Check = () => Promise<string | undefined>

export function healthRoutes(app: FastifyInstance, deps: HealthDeps): void {
  const { ingest, metrics, clock, version, environment } = deps
  const checks = checksOf(deps)
  const service = 'flowguard-gateway'
  const hidden = { schema: { tags: ['operations'] } }

  const producerStats = () => {
    const { events, delivered, failed } = ingest.stats
    return { messages_sent: delivered + failed + events, messages_delivered: delivered, messages_failed: failed }
  }
  const header = () => ({ version, environment, timestamp: new Date(clock()).toISOString() })

  app.get('/', hidden, (_request, reply) =>
    reply.send({
      service,
      version,
      environment,
      links: { docs: '/docs', redoc: '/redoc', openapi: '/openapi.json', health: '/health', metrics: '/metrics' },
    }),
  )
  app.get('/livez', hidden, (_request, reply) => reply.send({ status: 'alive' }))
  app.get('/readyz', hidden, async (_request, reply) => {
    const [log, database, disk] = await Promise.all([checks.log(), checks.database(), checks.disk()])
    const failing = Object.entries({ log, database, disk }).filter(([, trouble]) => trouble !== undefined)
    if (failing.length === 0) return reply.send({ status: 'ready', checks: { log: 'ok', database: 'ok', disk: 'ok' } })
    const states = Object.fromEntries(Object.entries({ log, database, disk }).map(([name, trouble]) => [name, trouble ?? 'ok']))
    return reply
      .code(503)
      .header('retry-after', '2')
      .send({ status: 'not_ready', failing: failing.map(([name]) => name), checks: states })
  })
  app.get('/health', hidden, async (_request, reply) => {
    const [log, database, disk, counters] = await Promise.all([checks.log(), checks.database(), checks.disk(), checks.counters()])
    const isUnhealthy = log !== undefined || database !== undefined || disk !== undefined
    const state = (trouble: string | undefined, worst: string) => (trouble === undefined ? 'healthy' : worst)
    return reply.code(isUnhealthy ? 503 : 200).send({
      service,
      status: isUnhealthy ? 'unhealthy' : counters === undefined ? 'healthy' : 'degraded',
      ...header(),
      checks: {
        kafka: {
          status: state(log, 'unhealthy'),
          connected: log === undefined,
          producer_stats: producerStats(),
          ...(log && { detail: log }),
        },
        database: { status: state(database, 'unhealthy'), ...(database && { detail: database }) },
        counters: { status: state(counters, 'degraded'), ...(counters && { detail: counters }) },
        disk: { status: state(disk, 'unhealthy'), ...(disk && { detail: disk }) },
      },
      services: { database: state(database, 'unhealthy'), redis: state(counters, 'degraded') },
    })
  })
  app.get('/metrics', hidden, async ({ headers }, reply) => {
    if (/text\/plain|openmetrics/i.test(headers.accept ?? '')) return prometheus(reply, metrics)
    const { events, bytes, duplicates, deliveredByTopic } = ingest.stats
    const { received, refused } = metrics.totals()
    return reply.send({
      service,
      ...header(),
      kafka_producer: producerStats(),
      events: { received, refused, duplicates, appended: deliveredByTopic },
      queue: { events, bytes },
    })
  })
  app.get('/metrics/prometheus', hidden, (_request, reply) => prometheus(reply, metrics))
  app.get('/metrics/summary', hidden, async (_request, reply) => {
    const { queueLength, pendingMessages } = await deps.lane()
    return reply.send({ queue_length: queueLength, pending_messages: pendingMessages, timestamp: new Date(clock()).toISOString() })
  })
}

function checksOf({ log, database, billing, ingest, clock, dataDir }: HealthDeps): Record<'log' | 'database' | 'counters' | 'disk', Check> {
  return {
    log: checked(async () => {
      const { failedAt, deliveredAt } = ingest.stats
      if (failedAt > deliveredAt && performance.now() - failedAt < FAILURE_MS) return 'the last write failed'
      await log.ends(CLICKS)
      return undefined
    }),
    database: checked(async () => void (await database.order(''))),
    counters: checked(async () => void (await billing.itemDay(1, dayOf(clock())))),
    disk: checked(async () => {
      const { bavail, bsize } = await statfs(dataDir)
      return bavail * bsize < DISK_FREE_BYTES_MIN ? 'the disk is nearly full' : undefined
    }),
  }
}

/** What a store says about itself names paths, which are the operator's business: here only that it does not answer. */
function checked(check: Check): Check {
  return async () => {
    try {
      return await check()
    } catch {
      return 'does not answer'
    }
  }
}

async function prometheus(reply: FastifyReply, { registry }: GatewayMetrics): Promise<FastifyReply> {
  return reply.type(registry.contentType).send(await registry.metrics())
}
