import type { FastifyInstance } from 'fastify'
import { loaderStandings } from '../loader/mirror.ts'
import type { Audit } from './audit.ts'
import { withBronze } from './audit-bronze.ts'
import { groups } from './groups.ts'
import { rateMeter } from './rate-meter.ts'
import type { OpsDeps } from './deps.ts'
import { shared } from './shared.ts'
import { summary } from './summary.ts'
import { withLoaded } from './trace-loaded.ts'

/** What there is to see: the state, readers, one event's way, the books. */
export function lookRoutes(
  app: FastifyInstance,
  { stores, ask, db, warehouse, clock }: Pick<OpsDeps, 'stores' | 'ask' | 'db' | 'warehouse' | 'clock'>,
): void {
  const perSecond = rateMeter()
  const once = shared<Audit>()
  const guarded = (text: string) => ({ config: { needsKey: true }, schema: { tags: ['pipeline'], summary: text } })

  async function audited(): Promise<Audit> {
    const books = await ask('audit')
    return withBronze(books, loaderStandings(db), warehouse.query)
  }

  app.get('/api/summary', guarded('The state of everything, in figures'), (_request, reply) => {
    const now = summary(stores)
    return reply.send({ ...now, events_per_s: perSecond(now.events_total, clock()) })
  })
  app.get('/api/groups', guarded('Where every reader stands'), (_request, reply) => reply.send(groups(stores)))
  app.get('/api/trace/:id', guarded("One event's whole way, by its id or its order's"), async (request, reply) => {
    const trace = await withLoaded(await ask('trace', (request.params as { id: string }).id), warehouse.query)
    return reply.code(trace.found ? 200 : 404).send(trace)
  })
  app.get('/api/audit', guarded('The books; whoever asks meanwhile gets the same answer'), async (_request, reply) => {
    return reply.send(await once('audit', audited))
  })
}
