import { BATCH_COUNT_MAX, BatchResult, BODY_BYTES_MAX, EVENT_BYTES_MAX, Type, type EventKind } from '@flowguard/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { step } from '../kernel/crash.ts'
import { admitAny, isFault, type Admission, type Admitted } from './admission.ts'
import { linesOf, parseJson } from '../http/body.ts'
import { answers } from '../http/docs.ts'
import { acceptBodies } from '../http/server.ts'
import type { Taken } from './ingest.ts'
import { sendProblem, type Fault } from '../http/problems.ts'
import { arrivalOf, eventLog, givenId, refusalOf, withExample, type EventRoutesDeps } from './routes-events.ts'

const NDJSON = /^application\/(?:x-ndjson|ndjson|jsonl)(?:\s*;|$)/i
const ARRAY = { bytesMax: BODY_BYTES_MAX, wrappers: 1 }
const LINE = { bytesMax: EVENT_BYTES_MAX, wrappers: 0 }

type Parsed = { value: unknown } | Fault

/** `POST /api/v1/batch`: up to 500 events of any kind. */
export async function batchRoute(app: FastifyInstance, deps: EventRoutesDeps): Promise<void> {
  const { admission, ingest, metrics, clock } = deps
  const log = eventLog(deps)

  async function take(request: FastifyRequest, reply: FastifyReply) {
    const startedAt = performance.now()
    const parsed = eventsOf(request)
    if (!Array.isArray(parsed)) {
      log.rejected(request, null, parsed)
      return sendProblem(request, reply, parsed)
    }
    metrics.received(parsed.length)
    const arrival = arrivalOf(request, clock)
    const ids = parsed.map((each) => ('value' in each ? givenId(each.value) : null))
    const admissions = parsed.map((each): Admission => ('value' in each ? admitAny(each.value, arrival, admission) : each))
    const admitted = admissions.filter((each): each is Admitted => !isFault(each))
    const taken = admitted.length > 0 ? await ingest.take(admitted) : []
    metrics.written((performance.now() - startedAt) / 1_000)
    let next = 0
    const results = admissions.map((each, index): BatchResult => {
      const outcome = isFault(each) ? undefined : (taken[next++] as Taken)
      const fault = isFault(each) ? each : refusalOf(outcome as Taken)
      if (fault) {
        const eventId = isFault(each) ? (ids[index] ?? null) : each.eventId
        log.rejected(request, eventId, fault)
        return rejected(index, eventId, fault)
      }
      log.taken(request, each as Admitted, outcome as Taken)
      return answered(index, each as Admitted, outcome as Taken)
    })
    step('gateway.before-answer')
    return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(results))
  }

  await app.register(async (scope) => {
    acceptBodies(scope, NDJSON)
    scope.post('/api/v1/batch', { config: { needsKey: true, takesEvents: true }, schema: SCHEMA }, take)
  })
}

/** Each event by itself, or what is wrong with all of them. */
function eventsOf({ headers, body }: FastifyRequest): Parsed[] | Fault {
  if (NDJSON.test(headers['content-type'] ?? '')) {
    const lines = linesOf((body as Buffer | undefined) ?? Buffer.alloc(0))
    return countFault(lines.length) ?? lines.map((line) => parseJson(line, LINE))
  }
  const parsed = parseJson(body as Buffer | undefined, ARRAY)
  if (!('value' in parsed)) return parsed
  const { value } = parsed
  if (!Array.isArray(value)) {
    const message = 'must be a JSON array, or NDJSON as application/x-ndjson'
    return { status: 422, code: 'invalid_batch', detail: message, errors: [{ field: '', message }] }
  }
  return countFault(value.length) ?? value.map((each: unknown) => ({ value: each }))
}

function countFault(count: number): Fault | undefined {
  if (count > BATCH_COUNT_MAX)
    return { status: 413, code: 'too_many_events', detail: `over ${BATCH_COUNT_MAX} events: send them in several batches` }
  if (count > 0) return undefined
  return {
    status: 422,
    code: 'invalid_batch',
    detail: 'there is no event in it',
    errors: [{ field: '', message: 'must hold at least one event' }],
  }
}

function rejected(index: number, eventId: string | null, { code, detail, errors }: Fault): BatchResult {
  return { index, status: 'rejected', event_id: eventId, error: { code, detail, ...(errors && { errors }) } }
}

function answered(index: number, { eventId }: Admitted, taken: Taken): BatchResult {
  const status = taken.kind === 'duplicate' ? 'duplicate' : 'accepted'
  return 'orderId' in taken ? { index, status, event_id: eventId, order_id: taken.orderId } : { index, status, event_id: eventId }
}

const SCHEMA = {
  tags: ['events'],
  summary: 'Up to 500 events of any kind, told apart by event_type',
  description: 'A JSON array, or NDJSON (application/x-ndjson): an event a line. The results are in the order of the events.',
  body: {
    type: 'array',
    maxItems: BATCH_COUNT_MAX,
    items: { anyOf: (['order', 'click', 'general'] satisfies EventKind[]).map(withExample) },
  },
  response: answers(
    { status: 200, schema: Type.Array(BatchResult), description: 'What became of each event' },
    [400, 401, 413, 415, 422, 429, 503],
  ),
}
