import { Compile, Type, type Static } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import { parseJson } from '../http/body.ts'
import { sendProblem, type Fault } from '../http/problems.ts'
import { hasCode } from '../kernel/errors.ts'
import { dropDead, PAGE_COUNT_MAX, retryDead, type DeadFilter, type DeadState } from './dead.ts'
import type { OpsDeps } from './deps.ts'

const PAGE_COUNT = 50
const CHOICE_BYTES_MAX = 16 * 1024
const STATES: readonly string[] = ['waiting', 'retried', 'dropped'] satisfies DeadState[]
const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 512, description }))

/** Which letters: those that fit all that is named, or `all`. */
const Choice = Type.Object(
  {
    dead_id: text('one letter'),
    reason: text('those that died of this'),
    reader: text('those that this reader buried'),
    topic: text('those from this topic'),
    all: Type.Optional(Type.Literal(true)),
    note: text('why; kept with what was done'),
  },
  { additionalProperties: false, title: 'Dead letters to settle' },
)
const checkChoice = Compile(Choice)

/** Dead letters: listed, shown, sent again, given up. */
export function deadRoutes(app: FastifyInstance, { ask, db, clock, resend }: Pick<OpsDeps, 'ask' | 'db' | 'clock' | 'resend'>): void {
  const guarded = (summary: string, more: object = {}) => ({
    config: { needsKey: true },
    schema: { tags: ['dead letters'], summary, ...more },
  })
  const round = (filter: DeadFilter, except: ReadonlySet<string>) => ask('deadRound', filter, except)

  app.get('/api/dead', guarded('Dead letters by reason, and a page of them, the newest first'), async (request, reply) => {
    const { after, limit, state, ...filter } = request.query as Record<string, string | undefined>
    const count = limit === undefined ? PAGE_COUNT : Number(limit)
    if (!Number.isInteger(count) || count < 1 || count > PAGE_COUNT_MAX) {
      return sendProblem(request, reply, invalid('limit', `must be a whole number from 1 to ${PAGE_COUNT_MAX}`))
    }
    if (state !== undefined && !STATES.includes(state))
      return sendProblem(request, reply, invalid('state', `must be one of ${STATES.join(', ')}`))
    const { reason, reader, topic } = filter
    return reply.send(await ask('deadLetters', { reason, reader, topic, state: state as DeadState | undefined }, { after, limit: count }))
  })
  // An id has a slash in it.
  app.get('/api/dead/*', guarded('One dead letter with its bytes'), async (request, reply) => {
    const shown = await ask('deadLetter', (request.params as { '*': string })['*'])
    return shown
      ? reply.send(shown)
      : sendProblem(request, reply, { status: 404, code: 'not_found', detail: 'there is no such dead letter' })
  })
  app.post('/api/dead/retry', guarded('Send dead letters again, as they were', { body: Choice }), async (request, reply) => {
    const choice = choiceOf(request.body as Buffer | undefined)
    if ('code' in choice) return sendProblem(request, reply, choice)
    const { note = '', all: _all, ...filter } = choice
    try {
      const settled = await retryDead(filter, note, { db, clock, round, send: resend })
      return await reply.send(settled)
    } catch (error) {
      if (!hasCode(error, 'unreachable')) throw error
      const headers = { 'retry-after': '2' }
      return sendProblem(request, reply, {
        status: 503,
        code: 'gateway_unreachable',
        detail: 'the gateway, which is to append them again, does not answer',
        headers,
      })
    }
  })
  app.post('/api/dead/drop', guarded('Give dead letters up', { body: Choice }), async (request, reply) => {
    const choice = choiceOf(request.body as Buffer | undefined)
    if ('code' in choice) return sendProblem(request, reply, choice)
    const { note = '', all: _all, ...filter } = choice
    return reply.send(await dropDead(filter, note, { db, clock, round }))
  })
}

function choiceOf(body: Buffer | undefined): Static<typeof Choice> | Fault {
  const parsed = parseJson(body, { bytesMax: CHOICE_BYTES_MAX, wrappers: 0 })
  if (!('value' in parsed)) return parsed
  if (!checkChoice.Check(parsed.value)) {
    const errors = checkChoice.Errors(parsed.value).map(({ instancePath, message }) => ({ field: instancePath, message }))
    return { status: 422, code: 'invalid_choice', detail: 'does not say which dead letters', errors }
  }
  const choice = parsed.value
  const names = [choice.dead_id, choice.reason, choice.reader, choice.topic, choice.all]
  return names.some((name) => name !== undefined)
    ? choice
    : { status: 422, code: 'invalid_choice', detail: 'name dead_id, reason, reader or topic, or say "all": true' }
}

function invalid(field: string, message: string): Fault {
  return { status: 422, code: 'invalid_parameter', detail: `${field} ${message}`, errors: [{ field, message }] }
}
