import { ClickAnswer, EVENT_BYTES_MAX, EVENT_KINDS, EventAnswer, OrderAnswer, type EventKind, type OrderType } from '@flowguard/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { step } from '../kernel/crash.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { traceIdOf } from '../kernel/trace-context.ts'
import { admit, isFault, type AdmissionDeps, type Admitted, type Arrival } from './admission.ts'
import { parseJson } from '../http/body.ts'
import { answers } from '../http/docs.ts'
import type { Ingest, Taken } from './ingest.ts'
import type { GatewayMetrics } from './metrics.ts'
import { sendProblem, type Fault } from '../http/problems.ts'

export interface EventRoutesDeps {
  admission: AdmissionDeps
  ingest: Ingest
  metrics: GatewayMetrics
  clock: Clock
  logger: Logger
}

const PROBLEMS = [400, 401, 413, 415, 422, 429, 503]
const ONE_EVENT = { bytesMax: EVENT_BYTES_MAX, wrappers: 0 }

const MESSAGES: Record<OrderType, string> = {
  placed: 'Order received',
  confirmed: 'Order confirmed',
  cancelled: 'Order cancelled',
  delivered: 'Order delivered',
}

/** What became of an event the database knows better about, as a client is told. */
export function refusalOf(taken: Taken): Fault | undefined {
  if (taken.kind === 'conflict') {
    const message = 'is known with another content'
    return { status: 409, code: 'id_conflict', detail: `event_id ${message}`, errors: [{ field: '/event_id', message }] }
  }
  if (taken.kind === 'unknown_order') {
    return {
      status: 404,
      code: 'unknown_order',
      detail: 'this user has no such order',
      errors: [{ field: '/order_id', message: 'is not known' }],
    }
  }
  return undefined
}

/** What a request brings to every event in it. */
export function arrivalOf(request: FastifyRequest, clock: Clock): Arrival {
  return { receivedAt: clock(), traceparent: request.id }
}

/** The lines about one event: rejected ones always, accepted ones where somebody wants to see them all. */
export function eventLog({ logger, metrics }: Pick<EventRoutesDeps, 'logger' | 'metrics'>) {
  return {
    rejected(request: FastifyRequest, eventId: string | null, { code, detail }: Fault) {
      metrics.refused(code)
      logger.info({ trace_id: traceIdOf(request.id), event_id: eventId, code }, `event rejected: ${detail}`)
    },
    taken(request: FastifyRequest, { eventId, topic }: Admitted, { kind }: Taken) {
      if (logger.isLevelEnabled('debug')) logger.debug({ trace_id: traceIdOf(request.id), event_id: eventId, topic }, `event ${kind}`)
    },
  }
}

/** The id that a client gave to what may be no event at all. */
export function givenId(value: unknown): string | null {
  const id = (value as { event_id?: unknown } | null | undefined)?.event_id
  return typeof id === 'string' && id !== '' ? id.slice(0, 128) : null
}

type Answer = (admitted: Admitted, taken: Taken) => object

/** The routes that take one event each. */
export function eventRoutes(app: FastifyInstance, deps: EventRoutesDeps): void {
  const { admission, ingest, metrics, clock } = deps
  const log = eventLog(deps)

  function takeOne(kind: EventKind, status: number, answer: Answer, isImpression = false) {
    return async (request: FastifyRequest, reply: FastifyReply) => {
      const startedAt = performance.now()
      metrics.received(1)
      const parsed = parseJson(request.body as Buffer | undefined, ONE_EVENT)
      const idempotencyKey = request.headers['idempotency-key'] as string | undefined
      const admitted =
        'value' in parsed
          ? admit(kind, parsed.value, { receivedAt: clock(), traceparent: request.id, idempotencyKey, isImpression }, admission)
          : parsed
      if (isFault(admitted)) {
        log.rejected(request, 'value' in parsed ? givenId(parsed.value) : null, admitted)
        return sendProblem(request, reply, admitted)
      }
      const [taken] = (await ingest.take([admitted])) as [Taken]
      metrics.written((performance.now() - startedAt) / 1_000)
      const refusal = refusalOf(taken)
      if (refusal) {
        log.rejected(request, admitted.eventId, refusal)
        return sendProblem(request, reply, refusal)
      }
      log.taken(request, admitted, taken)
      step('gateway.before-answer')
      return reply
        .code(status)
        .header('content-type', 'application/json; charset=utf-8')
        .send(JSON.stringify(answer(admitted, taken)))
    }
  }

  const config = { needsKey: true, takesEvents: true }
  const click: Answer = ({ eventId, event }) => ({
    success: true,
    message: event['event_type'] === 'click' ? 'Click received' : 'Impression received',
    event_id: eventId,
  })

  app.post(
    '/api/v1/orders',
    {
      config,
      schema: {
        tags: ['events'],
        summary: 'Place an order, or change its status',
        headers: IDEMPOTENCY,
        body: withExample('order'),
        response: answers({ status: 201, schema: OrderAnswer, description: 'Durable, and on its way' }, [...PROBLEMS, 404, 409]),
      },
    },
    takeOne('order', 201, ({ eventId, draft }, taken) => ({
      success: true,
      order_id: (taken as { orderId: string }).orderId,
      event_id: eventId,
      status: 'confirmed',
      message: MESSAGES[draft?.orderType ?? 'placed'],
    })),
  )
  const clickSchema = (summary: string) => ({
    tags: ['events'],
    summary,
    headers: IDEMPOTENCY,
    body: withExample('click'),
    response: answers({ status: 202, schema: ClickAnswer, description: 'Durable' }, PROBLEMS),
  })
  app.post(
    '/api/v1/clicks',
    { config, schema: clickSchema('A click, or an impression with is_click: false') },
    takeOne('click', 202, click),
  )
  app.post(
    '/api/v1/clicks/impression',
    { config, schema: clickSchema('An impression, whatever is_click says') },
    takeOne('click', 202, click, true),
  )
  app.post(
    '/events',
    {
      config,
      schema: {
        tags: ['events'],
        summary: 'A general event',
        headers: IDEMPOTENCY,
        body: withExample('general'),
        response: answers({ status: 202, schema: EventAnswer, description: 'Durable' }, PROBLEMS),
      },
    },
    takeOne('general', 202, ({ eventId, event }) => ({
      event_id: eventId,
      status: 'accepted',
      message: 'Event received',
      received_at: event['received_at'],
    })),
  )
}

const IDEMPOTENCY = {
  type: 'object',
  properties: { 'idempotency-key': { type: 'string', description: 'another way to give the event_id' } },
}

const EXAMPLES: Record<EventKind, object> = {
  order: { user_id: 42, item_id: 7, quantity: 2, order_type: 'placed', timestamp: '2026-01-31T19:30:00Z' },
  click: { user_id: 42, ad_id: 'ad_crispy_burger_match_night', is_click: true, device_type: 'mobile' },
  general: { event_type: 'purchase', user_id: 'user_42', properties: { amount: 249.5, currency: 'INR' } },
}

export function withExample(kind: EventKind): object {
  return { ...EVENT_KINDS[kind].input, examples: [EXAMPLES[kind]] }
}
