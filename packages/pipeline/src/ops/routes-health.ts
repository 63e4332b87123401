import { CLICKS } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import { checkMetrics, healthRoutes, type Check, type HealthOptions } from '../http/health.ts'
import type { OpsDeps } from './deps.ts'
import { groups } from './groups.ts'
import { processMetrics } from '../monitoring/process-metrics.ts'
import { workMetrics } from '../monitoring/work-metrics.ts'
import type { OpsMetrics } from './metrics.ts'

type Deps = Pick<OpsDeps, 'stores' | 'clock' | 'version' | 'environment'> & {
  metrics: OpsMetrics
  page: NonNullable<HealthOptions<never>['page']>
}

const LINKS = Object.fromEntries(['summary', 'topics', 'groups', 'dead', 'audit'].map((name) => [name, `/api/${name}`]))

export function opsHealthRoutes(app: FastifyInstance, { stores, clock, version, environment, metrics, page }: Deps): void {
  const checks = {
    log: { check: answering(async () => (await stores.look('raw')).raw?.ends(CLICKS)) },
    database: { check: answering(async () => (await stores.look('edge')).edge?.outboxOrders()) },
    pipeline: { check: answering(async () => stores.pipeline?.db.prepare('select 1 from places limit 1').all()) },
  }
  checkMetrics(metrics.registry, () => checks)
  processMetrics(metrics.registry, { version, dataDir: stores.dataDir })
  workMetrics(metrics.registry)
  healthRoutes(app, {
    service: 'flowguard-ops',
    version,
    environment,
    clock,
    page,
    links: { ...LINKS, trace: '/api/trace/{id}', metrics: '/metrics' },
    checks,
    shown: {
      kafka: { of: 'log', more: (trouble) => ({ connected: trouble === undefined }) },
      database: { of: 'database' },
      pipeline: { of: 'pipeline' },
    },
    // How far behind each reader is: being behind is no illness.
    besides: async () => ({
      readers: Object.fromEntries((await groups(stores)).readers.map(({ name, lag, caught_up }) => [name, { lag, caught_up }])),
    }),
    services: { database: 'database', redis: 'pipeline' },
  })
  for (const path of ['/metrics', '/metrics/prometheus']) {
    app.get(path, { schema: { tags: ['operations'] } }, async (_request, reply) =>
      reply.type(metrics.registry.contentType).send(await metrics.scrape()),
    )
  }
}

/** A store that does not answer rejects. */
function answering(look: () => Promise<unknown>): Check {
  return async () => ((await look()) === undefined ? 'not there yet' : undefined)
}
