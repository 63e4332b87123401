import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequestSpan, Tracing } from '../kernel/telemetry.ts'
import { traceparentOf, validTraceparent } from '../kernel/trace-context.ts'

/** A span for each request that changes something; looking, and being scraped and probed, makes none. What the request leads to goes by its span. */
export function traceRequests(traces: Tracing) {
  const spans = new WeakMap<IncomingMessage, RequestSpan>()
  return {
    traceparent: (request: IncomingMessage): string => {
      const given = validTraceparent(request.headers['traceparent'] as string | undefined)
      if (request.method !== 'POST') return given ?? traceparentOf(undefined)
      const span = traces.request(given)
      spans.set(request, span)
      return span.traceparent
    },
    end: (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
      spans.get(request.raw)?.end(`${request.method} ${request.routeOptions.url ?? 'unknown'}`, reply.statusCode)
      done()
    },
  }
}
