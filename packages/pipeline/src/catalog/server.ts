import { Food, Type } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import type { Database } from '../database/database.ts'
import { answers, serveDocs } from '../http/docs.ts'
import { checkMetrics, healthRoutes } from '../http/health.ts'
import { Registry } from '../http/prometheus.ts'
import { measureRequests } from '../http/request-metrics.ts'
import { createHttpServer, drain, listen } from '../http/server.ts'
import { sendProblem } from '../http/problems.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { processMetrics } from '../monitoring/process-metrics.ts'

export interface CatalogDeps {
  database: Pick<Database, 'foods' | 'food'>
  clock: Clock
  logger: Logger
  version: string
  environment: string
  dataDir: string
  corsOrigins: readonly string[]
  rateLimit: number
}

export interface Catalog {
  app: FastifyInstance
  /** Resolves to the port. Throws `port_taken`. */
  listen(address: { host: string; port: number }): Promise<number>
  close(): Promise<void>
}

const NAME = 'food catalogue'
const NOTHING_SENT = { messages_sent: 0, messages_delivered: 0, messages_failed: 0 }
const FoodList = Type.Object({ total: Type.Integer(), items: Type.Array(Food) }, { title: 'Foods' })

/** The dishes, for anybody to read. */
export async function createCatalog({
  database,
  clock,
  logger,
  version,
  environment,
  dataDir,
  corsOrigins,
  rateLimit,
}: CatalogDeps): Promise<Catalog> {
  const app = await createHttpServer({ name: NAME, logger, corsOrigins, rateLimit })
  const registry = new Registry()
  measureRequests(app, registry)
  serveDocs(app, { title: 'FlowGuard food catalogue', description: 'The dishes that can be ordered.', version })
  foodRoutes(app, database)

  const checks = { database: { check: async () => void (await database.foods()) } }
  checkMetrics(registry, () => checks)
  processMetrics(registry, { version, dataDir })
  for (const path of ['/metrics', '/metrics/prometheus']) {
    app.get(path, { schema: { tags: ['operations'] } }, async (_request, reply) =>
      reply.type(registry.contentType).send(await registry.metrics()),
    )
  }
  healthRoutes(app, {
    service: 'flowguard-catalog',
    version,
    environment,
    clock,
    links: { foods: '/api/foods', metrics: '/metrics' },
    checks,
    shown: {
      // The names that clients look for. It sends nothing, and all that it has is in the database.
      kafka: { of: 'database', more: (trouble) => ({ connected: trouble === undefined, producer_stats: NOTHING_SENT }) },
      database: { of: 'database' },
    },
    services: { database: 'database', redis: 'database' },
  })
  await app.ready()
  return { app, listen: (address) => listen(app, NAME, address), close: () => drain(app) }
}

function foodRoutes(app: FastifyInstance, database: Pick<Database, 'foods' | 'food'>): void {
  app.get(
    '/api/foods',
    {
      schema: {
        tags: ['foods'],
        summary: 'All dishes, or those of a category',
        querystring: { type: 'object', properties: { category: { type: 'string' }, available_only: { type: 'boolean' } } },
        response: answers({ status: 200, schema: FoodList, description: 'Foods' }, [503]),
      },
    },
    async ({ query }, reply) => {
      const { category, available_only: availableOnly } = query as { category?: string | string[]; available_only?: string }
      const wanted = category === undefined || category === '' ? undefined : String(category).toLowerCase()
      const items = (await database.foods()).filter(
        (food) => (wanted === undefined || food.category.toLowerCase() === wanted) && (!isTrue(availableOnly) || food.is_available),
      )
      return reply.send({ total: items.length, items })
    },
  )
  app.get(
    '/api/foods/categories/list',
    {
      schema: {
        tags: ['foods'],
        summary: 'The names of the categories, sorted',
        response: answers({ status: 200, schema: Type.Array(Type.String()), description: 'Categories' }, [503]),
      },
    },
    async (_request, reply) => reply.send([...new Set((await database.foods()).map(({ category }) => category))].sort()),
  )
  app.get(
    '/api/foods/:id',
    {
      schema: {
        tags: ['foods'],
        summary: 'One dish',
        params: { type: 'object', properties: { id: { type: 'integer' } } },
        response: answers({ status: 200, schema: Food, description: 'Food' }, [404, 422, 503]),
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string }
      if (!/^\d{1,15}$/.test(id)) {
        const message = 'must be a whole number'
        return sendProblem(request, reply, {
          status: 422,
          code: 'invalid_parameter',
          detail: `id ${message}`,
          errors: [{ field: 'id', message }],
        })
      }
      const food = await database.food(Number(id))
      return food ? reply.send(food) : sendProblem(request, reply, { status: 404, code: 'not_found', detail: 'there is no such dish' })
    },
  )
}

const isTrue = (text: string | undefined) => text !== undefined && ['true', '1', 'yes', 'on'].includes(String(text).toLowerCase())
