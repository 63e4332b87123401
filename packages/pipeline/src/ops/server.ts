import type { FastifyInstance } from 'fastify'
import { billingRoutes } from '../billing/routes.ts'
import { serveDocs } from '../http/docs.ts'
import { createHttpServer, listen } from '../http/server.ts'
import { requireKeys } from '../http/keys.ts'
import { measureRequests } from '../http/request-metrics.ts'
import { serveConsole } from './console.ts'
import type { OpsDeps } from './deps.ts'
import { opsMetrics } from './metrics.ts'
import { alertRoutes } from './routes-alerts.ts'
import { channelRoutes } from './routes-channels.ts'
import { businessRoutes } from './routes-business.ts'
import { counterRoutes } from './routes-counters.ts'
import { deadRoutes } from './routes-dead.ts'
import { etlRoutes } from './routes-etl.ts'
import { exportRoutes } from './routes-export.ts'
import { opsHealthRoutes } from './routes-health.ts'
import { liveRoutes } from './routes-live.ts'
import { lookRoutes } from './routes-look.ts'
import { reconcileRoutes } from './routes-reconcile.ts'
import { sqlRoutes } from './routes-sql.ts'
import { topicRoutes } from './routes-topics.ts'

export interface Ops {
  /** The server itself: tests ask it without a socket. */
  app: FastifyInstance
  /** Resolves to the port. Throws `port_taken`. */
  listen(address: { host: string; port: number }): Promise<number>
  close(): Promise<void>
}

const NAME = 'operations API'
const ABOUT = 'The live pipeline: topics, readers, dead letters, the way of one event, and the books. Errors are RFC 9457 problems.'

/** The operations API over the stores of one data folder. */
export async function createOps(deps: OpsDeps): Promise<Ops> {
  const { logger, version, keyed, hasKey, corsOrigins, rateLimit } = deps
  const app = await createHttpServer({ name: NAME, logger, corsOrigins, rateLimit })
  requireKeys(app, { keyed, hasKey })
  const metrics = opsMetrics(deps.stores)
  measureRequests(app, metrics.registry)
  serveDocs(app, { title: 'FlowGuard operations API', description: ABOUT, version })
  lookRoutes(app, { ...deps, metrics })
  deadRoutes(app, deps)
  sqlRoutes(app, deps)
  etlRoutes(app, deps)
  exportRoutes(app, deps)
  reconcileRoutes(app, deps)
  businessRoutes(app, deps)
  topicRoutes(app, deps)
  liveRoutes(app, deps)
  alertRoutes(app, deps)
  channelRoutes(app, deps)
  billingRoutes(app, deps)
  counterRoutes(app, deps)
  opsHealthRoutes(app, { ...deps, metrics, page: await serveConsole(app, deps.consoleDir) })
  await app.ready()
  return { app, listen: (address) => listen(app, NAME, address), close: () => app.close() }
}
