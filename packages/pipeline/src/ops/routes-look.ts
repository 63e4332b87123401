import type { FastifyInstance } from 'fastify'
import { groups } from './groups.ts'
import { rateMeter } from './rate-meter.ts'
import type { OpsDeps } from './deps.ts'
import { summary } from './summary.ts'

/** What there is to see: the state, topics, readers, one event's way, the books. */
export function lookRoutes(app: FastifyInstance, { stores, ask, clock }: Pick<OpsDeps, 'stores' | 'ask' | 'clock'>): void {
  const perSecond = rateMeter()
  let auditing: Promise<unknown> | undefined
  const described = (text: string) => ({ schema: { tags: ['pipeline'], summary: text } })
  const guarded = (text: string) => ({ config: { needsKey: true }, ...described(text) })

  app.get('/api/summary', described('The state of everything, in figures'), (_request, reply) => {
    const now = summary(stores)
    return reply.send({ ...now, events_per_s: perSecond(now.events_total, clock()) })
  })
  app.get('/api/groups', described('Where every reader stands'), (_request, reply) => reply.send(groups(stores)))
  app.get('/api/topics', described('What every topic holds'), async (_request, reply) => reply.send({ topics: await ask('topics') }))
  app.get('/api/trace/:id', guarded("One event's whole way, by its id or its order's"), async (request, reply) => {
    const trace = await ask('trace', (request.params as { id: string }).id)
    return reply.code(trace.found ? 200 : 404).send(trace)
  })
  app.get('/api/audit', guarded('The books; whoever asks meanwhile gets the same answer'), async (_request, reply) => {
    auditing ??= ask('audit').finally(() => (auditing = undefined))
    return reply.send(await auditing)
  })
}
