import { SECOND_MS } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import { sendProblem } from '../http/problems.ts'
import type { OpsDeps } from './deps.ts'
import { liveLook, pastOf } from './live-look.ts'
import { LISTENERS_MAX, liveFeed } from './live.ts'

const EVERY_MS = SECOND_MS

/** The state of everything, each second, to whoever listens. */
export function liveRoutes(
  app: FastifyInstance,
  deps: Pick<OpsDeps, 'stores' | 'etl' | 'clock' | 'version' | 'gatewayMetrics' | 'logger'>,
): void {
  const look = liveLook(deps)
  let timer: NodeJS.Timeout | undefined
  const feed = liveFeed({
    async look() {
      try {
        return await look()
      } catch (error) {
        deps.logger.warn({ err: error }, 'the live state cannot be read just now')
        throw error
      }
    },
    brief: pastOf,
    onBusy(isBusy) {
      clearInterval(timer)
      if (!isBusy) return
      timer = setInterval(() => void feed.tick(), EVERY_MS).unref()
      void feed.tick()
    },
  })
  // Before the server waits for its connections to end: these would not by themselves.
  app.addHook('preClose', async () => {
    clearInterval(timer)
    feed.close()
  })
  const options = {
    exposeHeadRoute: false,
    config: { needsKey: true },
    schema: { tags: ['pipeline'], summary: 'The state of everything each second, as server-sent events' },
  }
  app.get('/api/live', options, (request, reply) => {
    const events = feed.listen()
    if (!events) {
      const detail = `${LISTENERS_MAX} listen already, or the server is stopping`
      return sendProblem(request, reply, { status: 503, code: 'too_many_listeners', detail, headers: { 'retry-after': '5' } })
    }
    return reply.type('text/event-stream').header('cache-control', 'no-store').header('x-accel-buffering', 'no').send(events)
  })
}
