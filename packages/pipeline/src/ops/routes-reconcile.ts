import { Compile, dayOf, RECON_CAUSES, Type } from '@flowguard/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { parseJson } from '../http/body.ts'
import { BadParameter, daysIn, idOf, invalidParameter, oneOf, wholeOf } from '../http/parameters.ts'
import { sendProblem } from '../http/problems.ts'
import { DAYS_COUNT_MAX, flagClick, planDays, reconcileDays, type Days } from '../reconcile/outcome.ts'
import { DIFFERENCES_COUNT_MAX } from '../reconcile/view.ts'
import type { OpsDeps } from './deps.ts'
import { warehouseFault } from './warehouse-faults.ts'

const BODY_BYTES_MAX = 4 * 1024
const RUNS_COUNT = 20
const RUNS_COUNT_MAX = 500
/** So many days are looked back on at once. */
const LOOK_DAYS_MAX = 366
const REASON_CHARS_MAX = 500

const id = Type.String({ minLength: 1, maxLength: 128 })
const Choice = Type.Object(
  {
    from: Type.String({ description: 'a UTC day, 2026-01-31' }),
    to: Type.String({ description: `the last day, included; ${DAYS_COUNT_MAX} days at most` }),
  },
  { additionalProperties: false, title: 'Days to reconcile' },
)
const checkChoice = Compile(Choice)
const Flag = Type.Object(
  { user_id: id, event_id: id, reason: Type.String({ minLength: 1, maxLength: REASON_CHARS_MAX }) },
  { additionalProperties: false, title: 'A click that is to earn nothing' },
)
const checkFlag = Compile(Flag)
const Unflag = Type.Object({ user_id: id, event_id: id }, { additionalProperties: false, title: 'A click that may earn again' })
const checkUnflag = Compile(Unflag)

/** Stream against batch: gone through, planned, looked at; clicks found invalid. */
export function reconcileRoutes(app: FastifyInstance, { reconciling, clock }: Pick<OpsDeps, 'reconciling' | 'clock'>): void {
  const { view, book } = reconciling
  const guarded = (summary: string, more: object = {}) => ({
    config: { needsKey: true },
    schema: { tags: ['reconcile'], summary, ...more },
  })
  const daysAsked = (query: unknown, daysMax: number): Days => {
    const [from, to] = daysIn(query as Partial<Days>, { today: dayOf(clock()), firstOf: (last) => last, daysMax })
    return { from, to }
  }

  app.get('/api/reconcile/hours', guarded('The hours of some days, with what was found in each'), (request, reply) =>
    answer(request, reply, async () => {
      const days = daysAsked(request.query, LOOK_DAYS_MAX)
      const { causes, total } = view.differences({ ...days, limit: 0 })
      return { ...days, hours: view.hours(days.from, days.to), causes, differences_total: total, waiting: view.waiting() }
    }),
  )
  app.get('/api/reconcile/differences', guarded('Differences of some days, or of a run, by cause'), (request, reply) =>
    answer(request, reply, async () => {
      const { cause, limit = '100', event_id: eventId, run_id: run } = request.query as Record<string, string | undefined>
      const asked = {
        cause: cause === undefined ? undefined : oneOf('cause', cause, RECON_CAUSES),
        limit: wholeOf('limit', limit, 1, DIFFERENCES_COUNT_MAX),
      }
      if (eventId !== undefined) return view.differences({ ...asked, eventId: idOf('event_id', eventId) })
      if (run !== undefined) return view.differences({ ...asked, runId: wholeOf('run_id', run, 1, Number.MAX_SAFE_INTEGER) })
      return view.differences({ ...asked, ...daysAsked(request.query, LOOK_DAYS_MAX) })
    }),
  )
  app.get('/api/reconcile/runs', guarded('The latest runs'), (request, reply) =>
    answer(request, reply, async () => {
      const { limit = String(RUNS_COUNT) } = request.query as { limit?: string }
      return { runs: view.runs(wholeOf('limit', limit, 1, RUNS_COUNT_MAX)) }
    }),
  )
  app.get('/api/reconcile/plan', guarded('What a run would find'), (request, reply) =>
    answer(request, reply, () => planDays(reconciling, daysAsked(request.query, DAYS_COUNT_MAX))),
  )
  app.post('/api/reconcile/runs', guarded('Go through some days, and put right what differs', { body: Choice }), (request, reply) =>
    answer(request, reply, async () => {
      const days = bodyOf(request, checkChoice, 'from', 'and to must be days, 2026-01-31')
      return reconcileDays(reconciling, daysAsked(days, DAYS_COUNT_MAX))
    }),
  )
  app.get('/api/reconcile/flags', guarded('Clicks that were found invalid'), (request, reply) =>
    answer(request, reply, async () => ({ flags: view.flags() })),
  )
  app.post('/api/reconcile/flags', guarded('A click is to earn nothing any more', { body: Flag }), (request, reply) =>
    answer(request, reply, async () => {
      await flagClick(reconciling, bodyOf(request, checkFlag, 'event_id', ', user_id and reason must be texts'))
      return { flags: view.flags() }
    }),
  )
  app.post('/api/reconcile/flags/remove', guarded('A click may earn again', { body: Unflag }), (request, reply) =>
    answer(request, reply, async () => {
      const { user_id: user, event_id: event } = bodyOf(request, checkUnflag, 'event_id', 'and user_id must be texts')
      return { removed: book.unflag(user, event) }
    }),
  )
}

async function answer(request: FastifyRequest, reply: FastifyReply, find: () => Promise<object>) {
  try {
    return await reply.send(await find())
  } catch (error) {
    const fault = error instanceof BadParameter ? invalidParameter({ field: error.field, message: error.message }) : warehouseFault(error)
    if (!fault) throw error
    return sendProblem(request, reply, fault)
  }
}

function bodyOf<T>({ body }: FastifyRequest, check: { Check(value: unknown): value is T }, field: string, message: string): T {
  const parsed = parseJson(body as Buffer | undefined, { bytesMax: BODY_BYTES_MAX, wrappers: 0 })
  if (!('value' in parsed) || !check.Check(parsed.value)) throw new BadParameter(field, message)
  return parsed.value
}
