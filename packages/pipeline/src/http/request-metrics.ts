import type { FastifyInstance } from 'fastify'
import { distribution, SECONDS_BUCKETS, type Distribution } from '../kernel/distribution.ts'
import { shown, shownSpread, type Registry } from './prometheus.ts'

interface RouteMeasures {
  byStatus: Map<number, number>
  seconds: Distribution
}

/** Requests by route and status, and how long they took. The labels are ours: a client cannot make new ones. */
export function measureRequests(app: FastifyInstance, registry: Registry): void {
  const routes = new Map<string, RouteMeasures>()
  shown(registry, 'counter', 'flowguard_http_requests_total', 'Requests.', () =>
    [...routes].flatMap(([route, { byStatus }]) => [...byStatus].map(([status, count]) => [{ route, status }, count] as const)),
  )
  shownSpread(registry, 'flowguard_http_request_duration_seconds', 'From the head of a request to the end of its answer.', () =>
    [...routes].map(([route, { seconds }]) => [{ route }, seconds] as const),
  )
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown'
    let own = routes.get(route)
    if (!own) routes.set(route, (own = { byStatus: new Map(), seconds: distribution(SECONDS_BUCKETS) }))
    own.byStatus.set(reply.statusCode, (own.byStatus.get(reply.statusCode) ?? 0) + 1)
    own.seconds.observe(reply.elapsedTime / 1_000)
    done()
  })
}
