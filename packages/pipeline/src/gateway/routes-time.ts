import { isUtf8 } from 'node:buffer'
import { Compile, parseLogged, RAW_TOPICS, Type } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../kernel/lifecycle.ts'
import type { AppendedLog } from '../log/event-log.ts'
import { parseJson } from '../http/body.ts'
import { answers } from '../http/docs.ts'
import type { EventTime } from './event-time.ts'
import { sendProblem } from '../http/problems.ts'

const RETRY_BYTES = { bytesMax: 1024 * 1024, wrappers: 0 }

const DeadRetry = Type.Object({
  topic: Type.Union(RAW_TOPICS.map((topic) => Type.Literal(topic))),
  key: Type.Union([Type.String({ maxLength: 1024 }), Type.Null()]),
  headers: Type.Record(Type.String(), Type.String()),
  value_base64: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', description: "the dead letter's bytes" }),
})
const checkRetry = Compile(DeadRetry)

const Instant = Type.Union([Type.Integer(), Type.Null()])
const TimeAnswer = Type.Object(
  { highest_ts: Instant, highest: Type.Union([Type.String(), Type.Null()]), live: Type.Boolean(), log_id: Type.String() },
  { title: 'Time' },
)
const CloseAnswer = Type.Object({ closed_to: Instant, live: Type.Boolean() }, { title: 'Time closed' })
const RetryAnswer = Type.Object({ topic: Type.String(), partition: Type.Integer(), offset: Type.Integer() }, { title: 'Appended again' })

/** What replays and operators need: event time, and a dead letter's second chance. */
export function timeRoutes(app: FastifyInstance, { time, log, clock }: { time: EventTime; log: AppendedLog; clock: Clock }): void {
  app.get(
    '/api/v1/time',
    {
      schema: {
        tags: ['operations'],
        summary: 'The highest event time accepted',
        response: answers({ status: 200, schema: TimeAnswer, description: 'Time' }, []),
      },
    },
    (_request, reply) => {
      const { highest, isLive } = time.now()
      return reply.send({
        highest_ts: highest ?? null,
        highest: highest === undefined ? null : new Date(highest).toISOString(),
        live: isLive,
        log_id: log.id,
      })
    },
  )
  app.post(
    '/api/v1/time/close',
    {
      config: { needsKey: true },
      schema: {
        tags: ['operations'],
        summary: 'Let time pass the last event, so that everything before it is settled',
        response: answers({ status: 202, schema: CloseAnswer, description: 'Heartbeats are on their way' }, [401, 503]),
      },
    },
    async (_request, reply) => {
      const { closedTo, isLive } = await time.close()
      return reply.code(202).send({ closed_to: closedTo ?? null, live: isLive })
    },
  )
  app.post(
    '/api/v1/dead/retry',
    {
      config: { needsKey: true },
      schema: {
        tags: ['operations'],
        summary: "Append a dead letter's bytes to its raw topic again",
        body: DeadRetry,
        response: answers({ status: 202, schema: RetryAnswer, description: 'Appended' }, [400, 401, 413, 415, 422, 503]),
      },
    },
    async (request, reply) => {
      const parsed = parseJson(request.body as Buffer | undefined, RETRY_BYTES)
      if (!('value' in parsed)) return sendProblem(request, reply, parsed)
      if (!checkRetry.Check(parsed.value)) {
        const errors = checkRetry.Errors(parsed.value).map(({ instancePath, message }) => ({ field: instancePath, message }))
        return sendProblem(request, reply, { status: 422, code: 'invalid_dead_letter', detail: 'not a dead letter of a raw topic', errors })
      }
      const { topic, key, headers, value_base64: base64 } = parsed.value
      const value = Buffer.from(base64, 'base64')
      // What moves time for everybody is nobody's to send: a heartbeat never dies, and no event is of a time to come.
      const event = parseLogged(value.toString())
      if ('ts' in event && (event.event_type === 'heartbeat' || event.ts > clock())) {
        const errors = [{ field: '/value_base64', message: 'must not move time ahead' }]
        return sendProblem(request, reply, { status: 422, code: 'invalid_dead_letter', detail: 'it would move time ahead', errors })
      }
      // As text, where it is text: so it lies in the log as any event does, and is found there.
      const [position] = await log.append(topic, [{ key: key ?? '', value: isUtf8(value) ? value.toString() : value, headers }])
      return reply.code(202).send({ topic, partition: position?.partition, offset: position?.offset })
    },
  )
}
