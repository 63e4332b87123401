import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../kernel/lifecycle.ts'

const RETRY_AFTER_SECONDS = 2

/** `undefined` where all is well, else what is not. */
export type Check = () => Promise<string | undefined>

interface Checked {
  check: Check
  /** Without the others nothing can be answered: unhealthy, and not ready. Without this one it is only degraded. */
  isMinor?: true
}

export interface HealthOptions<Name extends string> {
  service: string
  version: string
  environment: string
  clock: Clock
  /** What `/` answers to a browser; undefined: the same as to everybody. */
  page?: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>
  /** What `/` points to besides the documentation. */
  links: Readonly<Record<string, string>>
  checks: Readonly<Record<Name, Checked>>
  /** Under `checks` of `/health`: which check stands there, and what is said besides. */
  shown: Readonly<Record<string, { of: Name; more?: (trouble: string | undefined) => object }>>
  /** Under `checks` of `/health` besides, where all is well: for what is no illness. */
  besides?: () => object
  /** Under `services` of `/health`. */
  services: Readonly<Record<string, Name>>
}

/** `/`, `/livez`, `/readyz` and `/health`: the same on each server. */
export function healthRoutes<Name extends string>(app: FastifyInstance, options: HealthOptions<Name>): void {
  const { service, version, environment, clock, page, links, shown, besides, services } = options
  const checks = Object.entries(options.checks) as [Name, Checked][]
  const vital = checks.filter(([, { isMinor }]) => !isMinor)
  const plain = { schema: { tags: ['operations'] } }

  app.get('/', plain, (request, reply) => {
    if (page && /text\/html/i.test(request.headers.accept ?? '')) return page(request, reply)
    if (page) reply.header('vary', 'accept')
    return reply.send({
      service,
      version,
      environment,
      links: { ...links, docs: '/docs', redoc: '/redoc', openapi: '/openapi.json', health: '/health' },
    })
  })
  app.get('/livez', plain, (_request, reply) => reply.send({ status: 'alive' }))
  app.get('/readyz', plain, async (_request, reply) => {
    const troubles = await ask(vital)
    const states = Object.fromEntries([...troubles].map(([name, trouble]) => [name, trouble ?? 'ok']))
    const failing = vital.map(([name]) => name).filter((name) => troubles.get(name) !== undefined)
    if (failing.length === 0) return reply.send({ status: 'ready', checks: states })
    return reply.code(503).header('retry-after', String(RETRY_AFTER_SECONDS)).send({ status: 'not_ready', failing, checks: states })
  })
  app.get('/health', plain, async (_request, reply) => {
    const troubles = await ask(checks)
    const isUnhealthy = vital.some(([name]) => troubles.get(name) !== undefined)
    const isDegraded = checks.some(([name]) => troubles.get(name) !== undefined)
    const status = (name: Name) => (troubles.get(name) === undefined ? 'healthy' : options.checks[name].isMinor ? 'degraded' : 'unhealthy')
    return reply.code(isUnhealthy ? 503 : 200).send({
      service,
      status: isUnhealthy ? 'unhealthy' : isDegraded ? 'degraded' : 'healthy',
      version,
      environment,
      timestamp: new Date(clock()).toISOString(),
      checks: {
        ...Object.fromEntries(
          Object.entries(shown).map(([as, { of, more }]) => {
            const trouble = troubles.get(of)
            return [as, { status: status(of), ...more?.(trouble), ...(trouble !== undefined && { detail: trouble }) }]
          }),
        ),
        ...(!isDegraded && besides?.()),
      },
      services: Object.fromEntries(Object.entries(services).map(([as, of]) => [as, status(of)])),
    })
  })
}

/** What a store says about itself names paths, which are the operator's business: here only that it does not answer. */
async function ask<Name extends string>(checks: readonly [Name, Checked][]): Promise<ReadonlyMap<Name, string | undefined>> {
  return new Map(await Promise.all(checks.map(async ([name, { check }]) => [name, await check().catch(() => 'does not answer')] as const)))
}
