import type { FastifyInstance } from 'fastify'
import { Counter, Histogram, type Registry } from './prometheus.ts'

export const SECONDS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Requests by route and status, and how long they took. The labels are ours: a client cannot make new ones. */
export function measureRequests(app: FastifyInstance, registry: Registry): void {
  const registers = [registry]
  const requests = new Counter({ name: 'flowguard_http_requests_total', help: 'Requests.', labelNames: ['route', 'status'], registers })
  const duration = new Histogram({
    name: 'flowguard_http_request_duration_seconds',
    help: 'From the head of a request to the end of its answer.',
    labelNames: ['route'],
    registers,
    buckets: SECONDS_BUCKETS,
  })
  // Looking a child up by its labels costs more than counting: each is looked up once.
  const known = new Map<string, Map<number, { inc(): void }>>()
  const timers = new Map<string, { observe(seconds: number): void }>()
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown'
    let statuses = known.get(route)
    if (!statuses) known.set(route, (statuses = new Map()))
    let child = statuses.get(reply.statusCode)
    if (!child) statuses.set(reply.statusCode, (child = requests.labels(route, String(reply.statusCode))))
    child.inc()
    let timer = timers.get(route)
    if (!timer) timers.set(route, (timer = duration.labels(route)))
    timer.observe(reply.elapsedTime / 1_000)
    done()
  })
}
