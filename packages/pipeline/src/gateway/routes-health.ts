import type { FastifyInstance, FastifyReply } from 'fastify'
import { statfs } from 'node:fs/promises'
import { CLICKS, dayOf, GENERAL } from '@flowguard/contract'
import type { BillingView } from '../billing/billing-view.ts'
import type { Database } from '../database/database.ts'
import { checkMetrics, healthRoutes as serviceRoutes, type Checks } from '../http/health.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { AppendedLog } from '../log/event-log.ts'
import type { Ingest } from './ingest.ts'
import type { Lane } from '../workers/lane-view.ts'
import { processMetrics } from '../monitoring/process-metrics.ts'
import { workMetrics } from '../monitoring/work-metrics.ts'
import type { GatewayMetrics } from './metrics.ts'

/** Less than this free, and the disk is as good as full. */
const DISK_FREE_BYTES_MIN = 64 * 1024 * 1024
/** After a failure the log counts as broken for this long, unless something was written since: then clients may try again. */
const FAILURE_MS = 10_000

export interface HealthDeps {
  log: AppendedLog
  /** Whether general events lie in a log of their own. */
  hasEventsLog: boolean
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

export function healthRoutes(app: FastifyInstance, deps: HealthDeps): void {
  const { ingest, metrics, clock, version, environment } = deps
  const service = 'flowguard-gateway'
  const hidden = { schema: { tags: ['operations'] } }

  const producerStats = () => {
    const { events, delivered, failed } = ingest.stats
    return { messages_sent: delivered + failed + events, messages_delivered: delivered, messages_failed: failed }
  }
  const checks = checksOf(deps)
  checkMetrics(metrics.registry, () => checks)
  processMetrics(metrics.registry, deps)
  workMetrics(metrics.registry)
  serviceRoutes(app, {
    service,
    version,
    environment,
    clock,
    links: { metrics: '/metrics' },
    checks,
    shown: {
      kafka: { of: 'log', more: (trouble) => ({ connected: trouble === undefined, producer_stats: producerStats() }) },
      database: { of: 'database' },
      counters: { of: 'counters' },
      disk: { of: 'disk' },
      ...(deps.hasEventsLog && { events_log: { of: 'events log' } }),
    },
    services: { database: 'database', redis: 'counters' },
  })
  app.get('/metrics', hidden, async ({ headers }, reply) => {
    if (/text\/plain|openmetrics/i.test(headers.accept ?? '')) return prometheus(reply, metrics)
    const { events, bytes, duplicates, deliveredByTopic } = ingest.stats
    const { received, refused } = metrics.totals()
    const lane = await metrics.laneNow()
    return reply.send({
      service,
      version,
      environment,
      timestamp: new Date(clock()).toISOString(),
      kafka_producer: producerStats(),
      events: { received, refused, duplicates, appended: deliveredByTopic },
      queue: { events, bytes },
      general_lane: lane && {
        received: lane.received,
        processed: lane.processed,
        failed: lane.failed,
        duplicates: lane.duplicate,
        queue_length: lane.queueLength,
        pending_messages: lane.pendingMessages,
        active_workers: lane.workers,
      },
    })
  })
  app.get('/metrics/prometheus', hidden, (_request, reply) => prometheus(reply, metrics))
  app.get('/metrics/summary', hidden, async (_request, reply) => {
    const { queueLength, pendingMessages } = await deps.lane()
    return reply.send({ queue_length: queueLength, pending_messages: pendingMessages, timestamp: new Date(clock()).toISOString() })
  })
}

function checksOf({ log, hasEventsLog, database, billing, ingest, clock, dataDir }: HealthDeps): Checks {
  const logCheck = async () => {
    const { failedAt, deliveredAt } = ingest.stats
    if (failedAt > deliveredAt && performance.now() - failedAt < FAILURE_MS) return 'the last write failed'
    await log.ends(CLICKS)
    return undefined
  }
  const diskCheck = async () => {
    const { bavail, bsize } = await statfs(dataDir)
    return bavail * bsize < DISK_FREE_BYTES_MIN ? 'the disk is nearly full' : undefined
  }
  return {
    log: { check: logCheck },
    database: { check: async () => void (await database.order('')) },
    counters: { check: async () => void (await billing.itemDay(1, dayOf(clock()))), isMinor: true },
    disk: { check: diskCheck },
    // Without it orders and clicks go on.
    ...(hasEventsLog && { 'events log': { check: async () => void (await log.ends(GENERAL)), isMinor: true as const } }),
  }
}

async function prometheus(reply: FastifyReply, metrics: GatewayMetrics): Promise<FastifyReply> {
  return reply.type(metrics.registry.contentType).send(await metrics.text())
}
