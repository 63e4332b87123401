import { checkMetrics, probeRoutes, type Checks } from '../http/health.ts'
import { Registry } from '../http/prometheus.ts'
import { createHttpServer, listen } from '../http/server.ts'
import type { Logger } from '../kernel/logging.ts'
import { processMetrics, type ProcessOptions } from './process-metrics.ts'
import { workMetrics } from './work-metrics.ts'

export interface MonitoringServer {
  /** Resolves to the port. Throws `port_taken`. */
  listen(address: { host: string; port: number }): Promise<number>
  close(): Promise<void>
}

/** `/livez`, `/readyz` and metrics for a process that serves nothing else. */
export async function createMonitoring({
  logger,
  checks,
  ...about
}: ProcessOptions & { logger: Logger; checks: () => Checks }): Promise<MonitoringServer> {
  const name = 'metrics server'
  const app = await createHttpServer({ name, logger, corsOrigins: [], rateLimit: 0 })
  const registry = new Registry()
  processMetrics(registry, about)
  workMetrics(registry)
  checkMetrics(registry, checks)
  probeRoutes(app, checks)
  for (const path of ['/metrics', '/metrics/prometheus']) {
    app.get(path, async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
  }
  await app.ready()
  return { listen: (address) => listen(app, name, address), close: () => app.close() }
}
