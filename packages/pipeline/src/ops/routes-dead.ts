import { Compile, Type, type Static } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import { parseJson } from '../http/body.ts'
import { sendProblem, type Fault } from '../http/problems.ts'
import { hasCode } from '../kernel/errors.ts'
import { EDITED_BYTES_MAX } from './dead-edit.ts'
import { dropDead, retryDead } from './dead-settle.ts'
import { PAGE_COUNT_MAX, type DeadFilter, type DeadState } from './dead.ts'
import type { OpsDeps } from './deps.ts'

const PAGE_COUNT = 50
const CHOICE_BYTES_MAX = 16 * 1024
/** With an event as text, each character of which may be an escape of six. */
const EDIT_BYTES_MAX = CHOICE_BYTES_MAX + 6 * EDITED_BYTES_MAX
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
    note: text('why; kept with what was done; a drop needs it'),
  },
  { additionalProperties: false, title: 'Dead letters to settle' },
)
const Retry = Type.Object(
  {
    ...Choice.properties,
    value: Type.Optional(Type.String({ description: 'with dead_id alone: the event to send in its place, as text' })),
  },
  { additionalProperties: false, title: 'Dead letters to send again' },
)
const checkRetry = Compile(Retry)

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
  app.post(
    '/api/dead/retry',
    guarded('Send dead letters again, as they were, or one as it was edited', { body: Retry }),
    async (request, reply) => {
      const choice = choiceOf(request.body as Buffer | undefined)
      if ('code' in choice) return sendProblem(request, reply, choice)
      const { note = '', all: _all, value, ...filter } = choice
      try {
        const edit = filter.dead_id !== undefined && value !== undefined ? await ask('deadEdit', filter.dead_id, value) : undefined
        if (edit && 'errors' in edit) {
          const [{ field, message } = { field: '', message: '' }] = edit.errors
          const detail = `${field} ${message}`.trim()
          return await sendProblem(request, reply, { status: 422, code: 'invalid_event', detail, errors: edit.errors })
        }
        const settled = await retryDead(filter, note, { db, clock, round, send: resend }, edit?.edited)
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
    },
  )
  app.post('/api/dead/drop', guarded('Give dead letters up', { body: Choice }), async (request, reply) => {
    const choice = choiceOf(request.body as Buffer | undefined)
    if ('code' in choice) return sendProblem(request, reply, choice)
    const { note = '', all: _all, value, ...filter } = choice
    if (value !== undefined) return sendProblem(request, reply, wrongChoice('/value', 'is for a retry'))
    if (note.trim() === '') return sendProblem(request, reply, wrongChoice('/note', 'is required: why nobody wants them'))
    return reply.send(await dropDead(filter, note, { db, clock, round }))
  })
}

function choiceOf(body: Buffer | undefined): Static<typeof Retry> | Fault {
  const parsed = parseJson(body, { bytesMax: EDIT_BYTES_MAX, wrappers: 0 })
  if (!('value' in parsed)) return parsed
  if (!checkRetry.Check(parsed.value)) {
    const errors = checkRetry.Errors(parsed.value).map(({ instancePath, message }) => ({ field: instancePath, message }))
    return { status: 422, code: 'invalid_choice', detail: 'does not say which dead letters', errors }
  }
  const choice = parsed.value
  const others = [choice.reason, choice.reader, choice.topic, choice.all]
  if (choice.value !== undefined && (choice.dead_id === undefined || others.some((name) => name !== undefined)))
    return wrongChoice('/value', 'goes with dead_id alone')
  const names = [choice.dead_id, ...others]
  return names.some((name) => name !== undefined)
    ? choice
    : { status: 422, code: 'invalid_choice', detail: 'name dead_id, reason, reader or topic, or say "all": true' }
}

function wrongChoice(field: string, message: string): Fault {
  return { status: 422, code: 'invalid_choice', detail: `${field.slice(1)} ${message}`, errors: [{ field, message }] }
}

function invalid(field: string, message: string): Fault {
  return { status: 422, code: 'invalid_parameter', detail: `${field} ${message}`, errors: [{ field, message }] }
}
