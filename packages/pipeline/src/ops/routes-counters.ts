import type { FastifyInstance } from 'fastify'
import { sendProblem } from '../http/problems.ts'
import type { OpsDeps } from './deps.ts'

const URL_PATH = '/api/billing/rebuild'

/** The counters of billing, where they are kept elsewhere too: filled anew from the ledger by whoever tells them, once they are asked to be. */
export function counterRoutes(app: FastifyInstance, { counters }: Pick<OpsDeps, 'counters'>): void {
  const guarded = (summary: string) => ({ config: { needsKey: true }, schema: { tags: ['billing'], summary } })
  const here = { status: 409, code: 'counters_here', detail: 'the counters are kept with the ledger, and always are its sums' }
  /** `epoch` null while they are being filled. */
  const state = (of: NonNullable<OpsDeps['counters']>) => ({ epoch: of.epoch() ?? null, changes: of.latest() })

  app.get(URL_PATH, guarded('What the counters were last filled as'), async (request, reply) =>
    counters ? reply.send(state(counters)) : sendProblem(request, reply, here),
  )
  app.post(URL_PATH, guarded('Fill the counters anew from the ledger'), async (request, reply) => {
    if (!counters) return sendProblem(request, reply, here)
    counters.askForFilling()
    return reply.code(202).send(state(counters))
  })
}
