import { Compile, Type, type Static } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import { parseJson } from '../http/body.ts'
import { invalidParameter } from '../http/parameters.ts'
import { sendProblem, type Fault } from '../http/problems.ts'
import { hasCode } from '../kernel/errors.ts'
import { EDITED_BYTES_MAX } from './dead-edit.ts'
import { dropDead, retryDead, type Settled } from './dead-settle.ts'
import { ROUND_COUNT_MAX, type RoundAsked } from './dead-round.ts'
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
    died_by: text('RFC 3339: only those that had died by then, as `as_of` of the list says it'),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: ROUND_COUNT_MAX, description: 'only a round of so many records; the answer says what is left' }),
    ),
    after: Type.Optional(Type.String({ pattern: '^\\d{1,4}:\\d{1,15}$', description: 'with limit: `next_after` of the round before' })),
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
  const round = (filter: DeadFilter, asked: RoundAsked) => ask('deadRound', filter, asked)
  const inTurn = oneAtATime()

  app.get('/api/dead', guarded('Dead letters by reason, and a page of them, the newest first'), async (request, reply) => {
    const { after, limit, state, ...filter } = request.query as Record<string, string | undefined>
    const count = limit === undefined ? PAGE_COUNT : Number(limit)
    if (!Number.isInteger(count) || count < 1 || count > PAGE_COUNT_MAX) {
      return sendProblem(
        request,
        reply,
        invalidParameter({ field: 'limit', message: `must be a whole number from 1 to ${PAGE_COUNT_MAX}` }),
      )
    }
    if (state !== undefined && !STATES.includes(state))
      return sendProblem(request, reply, invalidParameter({ field: 'state', message: `must be one of ${STATES.join(', ')}` }))
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
      const { note = '', value } = choice
      const { filter, only } = askedOf(choice)
      const settling = { db, clock, round, only, send: resend }
      try {
        const settled = await inTurn(() => (value === undefined ? retryDead(filter, note, settling) : retryEdited(filter, value, note)))
        return await ('status' in settled ? sendProblem(request, reply, settled) : reply.send(settled))
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

  async function retryEdited(filter: DeadFilter, value: string, note: string): Promise<Settled | Fault> {
    const edit = await ask('deadEdit', filter.dead_id ?? '', value)
    if (!edit)
      return {
        status: 404,
        code: 'not_found',
        detail: 'no such dead letter waits: it was retried or dropped, or never was; nothing was sent',
      }
    if ('errors' in edit) {
      const [{ field, message } = { field: '', message: '' }] = edit.errors
      return { status: 422, code: 'invalid_event', detail: `${field} ${message}`.trim(), errors: edit.errors }
    }
    return retryDead(filter, note, { db, clock, round, send: resend }, edit.edited)
  }
  app.post('/api/dead/drop', guarded('Give dead letters up', { body: Choice }), async (request, reply) => {
    const choice = choiceOf(request.body as Buffer | undefined)
    if ('code' in choice) return sendProblem(request, reply, choice)
    const { note = '', value } = choice
    if (value !== undefined) return sendProblem(request, reply, wrongChoice('/value', 'is for a retry'))
    if (note.trim() === '') return sendProblem(request, reply, wrongChoice('/note', 'is required: why nobody wants them'))
    const { filter, only } = askedOf(choice)
    return reply.send(await inTurn(() => dropDead(filter, note, { db, clock, round, only })))
  })
}

/** Whether a letter waits is known only once what was asked before is done: else two who retry one letter would both send it. */
function oneAtATime() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work)
    last = done.catch(() => undefined)
    return done
  }
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
  if (choice.dead_id !== undefined)
    for (const name of ['died_by', 'limit', 'after'] as const)
      if (choice[name] !== undefined) return wrongChoice(`/${name}`, 'is for many letters: not with dead_id')
  if (choice.died_by !== undefined && !isInstant(choice.died_by)) return wrongChoice('/died_by', 'must be RFC 3339')
  if (choice.after !== undefined && choice.limit === undefined) return wrongChoice('/after', 'goes with limit')
  const names = [choice.dead_id, ...others]
  return names.some((name) => name !== undefined)
    ? choice
    : { status: 422, code: 'invalid_choice', detail: 'name dead_id, reason, reader or topic, or say "all": true' }
}

const isInstant = (text: string) => /^\d{4}-\d{2}-\d{2}T/.test(text) && !Number.isNaN(Date.parse(text))

/** Of what was chosen: which letters, and whether a round of them. */
function askedOf({ dead_id, reason, reader, topic, died_by: diedBy, limit, after }: Static<typeof Choice>) {
  const filter: DeadFilter = { dead_id, reason, reader, topic, diedBy: diedBy === undefined ? undefined : Date.parse(diedBy) }
  return { filter, only: limit === undefined ? undefined : { after, limit } }
}

function wrongChoice(field: string, message: string): Fault {
  return { status: 422, code: 'invalid_choice', detail: `${field.slice(1)} ${message}`, errors: [{ field, message }] }
}
