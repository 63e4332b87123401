import { ALERT_SEVERITIES, ALERT_STATES, Compile, Type } from '@flowguard/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { parseJson } from '../http/body.ts'
import { invalidParameter } from '../http/parameters.ts'
import { sendProblem, type Fault } from '../http/problems.ts'
import { guarded, transaction } from '../kernel/sqlite.ts'
import { PAGE_COUNT_MAX } from './alerts.ts'
import type { OpsDeps } from './deps.ts'

const PAGE_COUNT = 50
const NOTE_CHARS_MAX = 500
const BODY_BYTES_MAX = 4 * 1024

const Asked = Type.Object(
  {
    kind: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    severity: Type.Optional(Type.Enum(ALERT_SEVERITIES)),
    state: Type.Optional(Type.Enum(ALERT_STATES)),
    after: Type.Optional(Type.String({ pattern: '^\\d{1,15}$', description: '`next_after` of a page: what is older' })),
    limit: Type.Optional(Type.String({ pattern: '^\\d{1,4}$', description: `at most ${PAGE_COUNT_MAX}` })),
  },
  { additionalProperties: false, title: 'Which alerts' },
)
const checkAsked = Compile(Asked)

const Act = Type.Object(
  { note: Type.Optional(Type.String({ maxLength: NOTE_CHARS_MAX, description: 'kept with it' })) },
  { additionalProperties: false, title: 'What an operator says of it' },
)
const checkAct = Compile(Act)
const ACTS = {
  acknowledge: 'Somebody has seen it, and sees to it',
  resolve: 'It is over; what it is about may raise it again',
} as const

/** What somebody should know of. */
export function alertRoutes(app: FastifyInstance, deps: Pick<OpsDeps, 'ask' | 'db' | 'alerts'>): void {
  const { ask } = deps
  const options = {
    config: { needsKey: true },
    schema: { tags: ['pipeline'], summary: 'Alerts, the newest first, by kind and severity', querystring: Asked },
  }
  app.get('/api/alerts', options, async (request, reply) => {
    const { query } = request
    if (!checkAsked.Check(query)) {
      const errors = checkAsked.Errors(query).map(({ instancePath, message }) => ({ field: instancePath.slice(1), message }))
      return sendProblem(request, reply, invalidParameter(...errors))
    }
    const { kind, severity, state, after, limit = String(PAGE_COUNT) } = query
    const count = Number(limit)
    if (count < 1 || count > PAGE_COUNT_MAX)
      return sendProblem(request, reply, invalidParameter({ field: 'limit', message: `must be from 1 to ${PAGE_COUNT_MAX}` }))
    return reply.send(
      await ask('alerts', { kind, severity, state }, { after: after === undefined ? undefined : Number(after), limit: count }),
    )
  })
  const withKey = (summary: string, more: object = {}) => ({ config: { needsKey: true }, schema: { tags: ['pipeline'], summary, ...more } })
  app.get('/api/alerts/:id', withKey('One alert, as it is now'), async (request, reply) => {
    const shown = await ask('alert', idOf(request))
    return shown ? reply.send(shown) : notFound(request, reply)
  })
  for (const [act, summary] of Object.entries(ACTS) as [keyof typeof ACTS, string][]) {
    app.post(`/api/alerts/:id/${act}`, withKey(summary, { body: Act }), (request, reply) => acted(deps, act, request, reply))
  }
}

const idOf = ({ params }: FastifyRequest) => (params as { id: string }).id

const notFound = (request: FastifyRequest, reply: FastifyReply) =>
  sendProblem(request, reply, { status: 404, code: 'not_found', detail: 'there is no such alert' })

async function acted(
  { ask, db, alerts }: Pick<OpsDeps, 'ask' | 'db' | 'alerts'>,
  act: keyof typeof ACTS,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const note = noteOf(request.body as Buffer | undefined)
  if (typeof note === 'object') return sendProblem(request, reply, note)
  const id = idOf(request)
  const isDone = guarded(db.location() ?? 'the book of alerts', () => transaction(db, () => alerts[act](id, note)))
  const shown = await ask('alert', id)
  if (!shown) return notFound(request, reply)
  if (isDone) return reply.send(shown)
  const detail = shown.alert.state === undefined ? 'it was told once, and has no end' : 'it is over already'
  return sendProblem(request, reply, { status: 409, code: 'not_open', detail })
}

/** A request without a body says nothing. */
function noteOf(body: Buffer | undefined): string | undefined | Fault {
  if (!body || body.length === 0) return undefined
  const parsed = parseJson(body, { bytesMax: BODY_BYTES_MAX, wrappers: 0 })
  if (!('value' in parsed)) return parsed
  if (checkAct.Check(parsed.value)) return parsed.value.note
  const errors = checkAct.Errors(parsed.value).map(({ instancePath, message }) => ({ field: instancePath, message }))
  return { status: 422, code: 'invalid_act', detail: 'says more than a note', errors }
}
