import { Compile, Type } from '@flowguard/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { invalidParameter } from '../http/parameters.ts'
import { sendProblem, type Fault } from '../http/problems.ts'
import { isTopic, RECORDS_COUNT_MAX, type RecordsAsked } from './browse.ts'
import type { OpsDeps } from './deps.ts'

const PAGE_COUNT = 100
const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 512, description }))

const Asked = Type.Object(
  {
    order: Type.Optional(Type.Enum(['newest', 'oldest'], { description: 'newest where nothing is said' })),
    partition: Type.Optional(Type.String({ pattern: '^\\d{1,4}$' })),
    from: Type.Optional(
      Type.String({
        pattern: '^\\d{1,4}:-?\\d{1,15}(,\\d{1,4}:-?\\d{1,15}){0,999}$',
        description: 'partition:offset,… to go on from: `next`, or `ends`, of a page',
      }),
    ),
    time: text('RFC 3339: from there on, or back from there'),
    key: text('the whole key'),
    type: text('the event_type'),
    text: text('anywhere in the value'),
    heartbeats: Type.Optional(Type.Enum(['0', '1'])),
    limit: Type.Optional(Type.String({ pattern: '^\\d{1,4}$', description: `at most ${RECORDS_COUNT_MAX}` })),
  },
  { additionalProperties: false, title: 'Which records' },
)
const checkAsked = Compile(Asked)

/** What lies in a topic. */
export function topicRoutes(app: FastifyInstance, { ask }: Pick<OpsDeps, 'ask'>): void {
  const guarded = (summary: string, more: object = {}) => ({ config: { needsKey: true }, schema: { tags: ['pipeline'], summary, ...more } })
  app.get('/api/topics', guarded('What every topic holds'), async (_request, reply) => reply.send({ topics: await ask('topics') }))
  app.get(
    '/api/topics/:topic/records',
    guarded('A page of records, by time or offset, filtered', { querystring: Asked }),
    async (request, reply) => {
      const { topic } = request.params as { topic: string }
      if (!isTopic(topic)) return noSuch(request, reply, 'topic')
      const asked = askedOf(request.query)
      return 'code' in asked ? sendProblem(request, reply, asked) : reply.send(await ask('records', topic, asked))
    },
  )
  app.get('/api/topics/:topic/records/:partition/:offset', guarded('One record, whole'), async (request, reply) => {
    const { topic, partition, offset } = request.params as { topic: string; partition: string; offset: string }
    if (!isTopic(topic)) return noSuch(request, reply, 'topic')
    const isPlace = /^\d{1,4}$/.test(partition) && /^\d{1,15}$/.test(offset)
    const record = isPlace ? await ask('recordAt', topic, Number(partition), Number(offset)) : undefined
    return record ? reply.send(record) : noSuch(request, reply, 'record')
  })
}

function noSuch(request: FastifyRequest, reply: FastifyReply, what: string) {
  return sendProblem(request, reply, { status: 404, code: 'not_found', detail: `there is no such ${what}` })
}

function askedOf(query: unknown): RecordsAsked | Fault {
  if (!checkAsked.Check(query)) {
    const errors = checkAsked.Errors(query).map(({ instancePath, message }) => ({ field: instancePath.slice(1), message }))
    return { status: 422, code: 'invalid_parameter', detail: 'this is no question for records', errors }
  }
  const { order = 'newest', partition, from, time, key, type, text: wanted, heartbeats, limit = String(PAGE_COUNT) } = query
  const at = time === undefined ? undefined : Date.parse(time)
  if (Number.isNaN(at)) return invalidParameter({ field: 'time', message: 'must be RFC 3339' })
  if (Number(limit) < 1 || Number(limit) > RECORDS_COUNT_MAX)
    return invalidParameter({ field: 'limit', message: `must be from 1 to ${RECORDS_COUNT_MAX}` })
  return {
    order,
    partition: partition === undefined ? undefined : Number(partition),
    from:
      from === undefined ? undefined : Object.fromEntries(from.split(',').map((each) => each.split(':').map(Number) as [number, number])),
    time: at,
    key,
    type,
    text: wanted,
    heartbeats: heartbeats === '1',
    limit: Number(limit),
  }
}
