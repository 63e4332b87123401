import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../kernel/lifecycle.ts'
import { shown, type Registry } from './prometheus.ts'

const RETRY_AFTER_SECONDS = 2

/** How long a check may take: what hangs is as good as broken. */
const CHECK_MS_MAX = 2_000

/** `undefined` where all is well, or what is to be said of it all the same; else what is not. */
export type Check = () => Promise<string | { well: string } | undefined>

interface Checked {
  check: Check
  /** Without the others nothing can be answered: unhealthy, and not ready. Without this one it is only degraded. */
  isMinor?: true
}

export type Checks = Readonly<Record<string, Checked>>

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
  besides?: () => Promise<object>
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
  probeRoutes(app, () => options.checks)
  app.get('/health', plain, async (_request, reply) => {
    const troubles = troublesOf(await ask(checks))
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
        ...(!isDegraded && (await besides?.())),
      },
      services: Object.fromEntries(Object.entries(services).map(([as, of]) => [as, status(of)])),
    })
  })
}

/** `/livez` and `/readyz`: what is vital decides, and what fails is named. */
export function probeRoutes(app: FastifyInstance, checks: () => Checks): void {
  const plain = { schema: { tags: ['operations'] } }
  app.get('/livez', plain, (_request, reply) => reply.send({ status: 'alive' }))
  app.get('/readyz', plain, async (_request, reply) => {
    const answers = await ask(Object.entries(checks()).filter(([, { isMinor }]) => !isMinor))
    const states = Object.fromEntries(
      [...answers].map(([name, answer]) => [name, typeof answer === 'object' ? answer.well : (answer ?? 'ok')]),
    )
    const failing = [...answers.keys()].filter((name) => typeof answers.get(name) === 'string')
    if (failing.length === 0) return reply.send({ status: 'ready', checks: states })
    return reply.code(503).header('retry-after', String(RETRY_AFTER_SECONDS)).send({ status: 'not_ready', failing, checks: states })
  })
}

/** The same for Prometheus: 1 where a check is well, 0 where not. */
export function checkMetrics(registry: Registry, checks: () => Checks): void {
  shown(registry, 'gauge', 'flowguard_check_ok', 'Whether what this process needs answers (1) or not (0), as in /readyz.', async () =>
    [...(await ask(Object.entries(checks())))].map(([check, answer]) => [{ check }, typeof answer === 'string' ? 0 : 1] as const),
  )
}

type Answer = Awaited<ReturnType<Check>>

/** What a store says about itself names paths, which are the operator's business: here only that it does not answer. */
async function ask<Name extends string>(checks: readonly (readonly [Name, Checked])[]): Promise<ReadonlyMap<Name, Answer>> {
  const inTime = async (check: Check): Promise<Answer> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('does not answer in time'), CHECK_MS_MAX)
    })
    try {
      return await Promise.race([check(), late])
    } catch {
      return 'does not answer'
    } finally {
      clearTimeout(timer)
    }
  }
  return new Map(await Promise.all(checks.map(async ([name, { check }]) => [name, await inTime(check)] as const)))
}

function troublesOf<Name extends string>(answers: ReadonlyMap<Name, Answer>): ReadonlyMap<Name, string | undefined> {
  return new Map([...answers].map(([name, answer]) => [name, typeof answer === 'string' ? answer : undefined]))
}
