import type { FastifyInstance } from 'fastify'
import { sendProblem } from '../http/problems.ts'
import type { OpsDeps } from './deps.ts'
import { warehouseFault } from './warehouse-faults.ts'

/** What other programs make charts of, brought up to date. */
export function exportRoutes(app: FastifyInstance, { exporting }: Pick<OpsDeps, 'exporting'>): void {
  const options = {
    config: { needsKey: true },
    schema: { tags: ['warehouse'], summary: 'Bring what BI tools look at to what the warehouse holds now' },
  }

  app.post('/api/warehouse/export', options, async (request, reply) => {
    try {
      return await reply.send(await exporting())
    } catch (error) {
      const fault = warehouseFault(error)
      if (!fault) throw error
      return sendProblem(request, reply, fault)
    }
  })
}
