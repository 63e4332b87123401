import type { FastifyInstance } from 'fastify'
import { channelStates } from './channels.ts'
import type { OpsDeps } from './deps.ts'

/** How alerts get to people. */
export function channelRoutes(app: FastifyInstance, { stores }: Pick<OpsDeps, 'stores'>): void {
  const options = {
    config: { needsKey: true },
    schema: { tags: ['pipeline'], summary: 'The channels of alerts: what waits, what was sent last, and what is wrong' },
  }
  app.get('/api/alerts/channels', options, async (_request, reply) => reply.send({ channels: channelStates(stores) }))
}
