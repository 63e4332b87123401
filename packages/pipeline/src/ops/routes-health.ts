import { CLICKS } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import { healthRoutes, type Check, type HealthOptions } from '../http/health.ts'
import type { OpsDeps } from './deps.ts'
import { groups } from './groups.ts'
import type { opsMetrics } from './metrics.ts'

type Deps = Pick<OpsDeps, 'stores' | 'clock' | 'version' | 'environment'> & {
  metrics: ReturnType<typeof opsMetrics>
  page: NonNullable<HealthOptions<never>['page']>
}

const LINKS = Object.fromEntries(['summary', 'topics', 'groups', 'dead', 'audit'].map((name) => [name, `/api/${name}`]))

export function opsHealthRoutes(app: FastifyInstance, { stores, clock, version, environment, metrics, page }: Deps): void {
  healthRoutes(app, {
    service: 'flowguard-ops',
    version,
    environment,
    clock,
    page,
    links: { ...LINKS, trace: '/api/trace/{id}', metrics: '/metrics' },
    checks: {
      log: { check: answering(() => stores.raw?.log.ends(CLICKS)) },
      database: { check: answering(() => stores.edge?.prepare('select 1 from orders limit 1').all()) },
      pipeline: { check: answering(() => stores.pipeline?.db.prepare('select 1 from places limit 1').all()) },
    },
    shown: {
      kafka: { of: 'log', more: (trouble) => ({ connected: trouble === undefined }) },
      database: { of: 'database' },
      pipeline: { of: 'pipeline' },
    },
    // How far behind each reader is: being behind is no illness.
    besides: () => ({
      readers: Object.fromEntries(groups(stores).readers.map(({ name, lag, caught_up }) => [name, { lag, caught_up }])),
    }),
    services: { database: 'database', redis: 'pipeline' },
  })
  app.get('/metrics', { schema: { tags: ['operations'] } }, async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.scrape()),
  )
}

/** A store that does not answer throws. */
function answering(look: () => unknown): Check {
  return async () => (look() === undefined ? 'not there yet' : undefined)
}
