import type { FastifyInstance } from 'fastify'
import { groups } from './groups.ts'
import type { opsMetrics } from './metrics.ts'
import type { OpsDeps } from './deps.ts'

type Deps = Pick<OpsDeps, 'stores' | 'clock' | 'version' | 'environment'> & { metrics: ReturnType<typeof opsMetrics> }

const LINKS = ['summary', 'topics', 'groups', 'dead', 'audit'].map((name) => [name, `/api/${name}`])

export function healthRoutes(app: FastifyInstance, { stores, clock, version, environment, metrics }: Deps): void {
  const service = 'flowguard-ops'
  const plain = { schema: { tags: ['operations'] } }

  app.get('/', plain, (_request, reply) =>
    reply.send({
      service,
      version,
      environment,
      links: {
        ...Object.fromEntries(LINKS),
        trace: '/api/trace/{id}',
        docs: '/docs',
        redoc: '/redoc',
        openapi: '/openapi.json',
        health: '/health',
        metrics: '/metrics',
      },
    }),
  )
  app.get('/livez', plain, (_request, reply) => reply.send({ status: 'alive' }))
  app.get('/readyz', plain, (_request, reply) => {
    const states = checks()
    const failing = Object.keys(states).filter((name) => states[name] !== 'ok')
    if (failing.length === 0) return reply.send({ status: 'ready', checks: states })
    return reply.code(503).header('retry-after', '2').send({ status: 'not_ready', failing, checks: states })
  })
  app.get('/health', plain, (_request, reply) => {
    const states = checks()
    const isHealthy = Object.values(states).every((state) => state === 'ok')
    const status = isHealthy ? 'healthy' : 'unhealthy'
    const state = (name: string) => (states[name] === 'ok' ? 'healthy' : 'unhealthy')
    return reply.code(isHealthy ? 200 : 503).send({
      service,
      status,
      version,
      environment,
      timestamp: new Date(clock()).toISOString(),
      checks: {
        kafka: { status: state('log'), connected: states['log'] === 'ok' },
        database: { status: state('database') },
        pipeline: { status: state('pipeline') },
        ...(isHealthy && { readers: readers() }),
      },
      services: { database: state('database'), redis: state('pipeline') },
    })
  })
  app.get('/metrics', plain, async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.scrape()))

  /** How far behind each reader is: being behind is no illness. */
  const readers = () => Object.fromEntries(groups(stores).readers.map(({ name, lag, caught_up }) => [name, { lag, caught_up }]))

  function checks(): Record<string, string> {
    return {
      log: checked(() => stores.raw?.log.ends('raw.clicks.v1')),
      database: checked(() => stores.edge?.prepare('select 1 from orders limit 1').all()),
      pipeline: checked(() => stores.pipeline?.db.prepare('select 1 from places limit 1').all()),
    }
  }
}

/** What a store says about itself names paths, which are the operator's business: here only whether it answers. */
function checked(look: () => unknown): string {
  try {
    return look() === undefined ? 'not there yet' : 'ok'
  } catch {
    return 'does not answer'
  }
}
