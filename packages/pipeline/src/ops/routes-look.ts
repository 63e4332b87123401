import type { FastifyInstance } from 'fastify'
import { loaderStandings } from '../loader/mirror.ts'
import { journeyRoute } from '../stream/routes.ts'
import type { Audit } from './audit.ts'
import { withBronze } from './audit-bronze.ts'
import { groups } from './groups.ts'
import type { OpsMetrics } from './metrics.ts'
import { rateMeter } from './rate-meter.ts'
import type { OpsDeps } from './deps.ts'
import { shared } from './shared.ts'
import { summary } from './summary.ts'
import { withLoaded } from './trace-loaded.ts'

/** What there is to see: the state, readers, one event's way, the books. */
export function lookRoutes(
  app: FastifyInstance,
  { stores, ask, db, warehouse, clock, metrics }: Pick<OpsDeps, 'stores' | 'ask' | 'db' | 'warehouse' | 'clock'> & { metrics: OpsMetrics },
): void {
  const perSecond = rateMeter()
  const once = shared<Audit>()
  const guarded = (text: string) => ({ config: { needsKey: true }, schema: { tags: ['pipeline'], summary: text } })

  async function audited(): Promise<Audit> {
    const books = await ask('audit')
    const whole = await withBronze(books, loaderStandings(db), warehouse.query)
    metrics.audited(whole, clock())
    return whole
  }

  app.get('/api/summary', guarded('The state of everything, in figures'), async (_request, reply) => {
    const now = await summary(stores)
    return reply.send({ ...now, events_per_s: perSecond(now.events_total, clock()) })
  })
  app.get('/api/groups', guarded('Where every reader stands'), async (_request, reply) => reply.send(await groups(stores)))
  app.get('/api/trace/:id', guarded("One event's whole way, by its id or its order's"), async (request, reply) => {
    const trace = await withLoaded(await ask('trace', (request.params as { id: string }).id), warehouse.query)
    return reply.code(trace.found ? 200 : 404).send(trace)
  })
  journeyRoute(app, '/api', { of: (userId, page) => ask('journey', userId, page) })
  app.get('/api/audit', guarded('The books; whoever asks meanwhile gets the same answer'), async (_request, reply) => {
    return reply.send(await once('audit', audited))
  })
}
