import {
  AdBill,
  AdMetrics,
  CHARGE_KINDS,
  DAY_MS,
  dayOf,
  ID_CHARS_MAX,
  isDay,
  Order,
  Statement,
  StatementEvents,
  type ChargeKind,
  type TSchema,
} from '@flowguard/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { BillingView } from '../billing/billing-view.ts'
import type { Database } from '../database/database.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import { answers } from '../http/docs.ts'
import { sendProblem } from '../http/problems.ts'

const RANGE_DAYS_MAX = 366
const PAGE_COUNT = 100
const PAGE_COUNT_MAX = 1_000

interface ReadDeps {
  database: Pick<Database, 'order'>
  billing: BillingView
  clock: Clock
}

type Params = Record<string, string>
type Query = Record<string, string | string[] | undefined>

/** A part of an address that is not what it must be. */
class BadParameter extends Error {
  readonly field: string

  constructor(field: string, message: string) {
    super(message)
    this.field = field
  }
}

/** Orders, the ads' figures and bills, as the database and the ledger have them. */
export function readRoutes(app: FastifyInstance, { database, billing, clock }: ReadDeps): void {
  const today = () => dayOf(clock())

  function get(
    url: string,
    doc: { summary: string; answer: TSchema & { title?: string }; params: object; query?: object },
    find: (params: Params, query: Query) => Promise<object | undefined>,
  ) {
    const { summary, answer, params, query } = doc
    const schema = {
      tags: ['figures'],
      summary,
      params: { type: 'object', properties: params },
      ...(query && { querystring: { type: 'object', properties: query } }),
      response: answers({ status: 200, schema: answer, description: answer.title ?? '' }, [401, 404, 422, 503]),
    }
    app.get(url, { config: { needsKey: true }, schema }, async (request: FastifyRequest, reply: FastifyReply) => {
      let found: object | undefined
      try {
        found = await find(request.params as Params, request.query as Query)
      } catch (error) {
        if (!(error instanceof BadParameter)) throw error
        const { field, message } = error
        return sendProblem(request, reply, {
          status: 422,
          code: 'invalid_parameter',
          detail: `${field} ${message}`,
          errors: [{ field, message }],
        })
      }
      return found ? reply.send(found) : sendProblem(request, reply, { status: 404, code: 'not_found', detail: 'there is no such thing' })
    })
  }

  get(
    '/api/v1/orders/:order_id',
    { summary: 'An order as the database has it', answer: Order, params: { order_id: TEXT } },
    ({ order_id: id = '' }) => database.order(idOf('order_id', id)),
  )
  get(
    '/api/v1/ads/metrics/:item_id',
    { summary: "A dish's figures of one day", answer: AdMetrics, params: { item_id: WHOLE }, query: { date: DATE } },
    ({ item_id: item = '' }, { date }) =>
      billing.itemDay(wholeOf('item_id', item, 1, Number.MAX_SAFE_INTEGER), dayIn('date', date, today())),
  )
  get(
    '/api/v1/billing/ads/:ad_id',
    { summary: "An ad's charges", answer: AdBill, params: { ad_id: TEXT }, query: RANGE },
    async ({ ad_id: ad = '' }, query) => billing.adBill(idOf('ad_id', ad), ...rangeIn(query, today())),
  )
  get(
    '/api/v1/billing/advertisers/:id',
    { summary: "An advertiser's statement", answer: Statement, params: { id: TEXT }, query: RANGE },
    async ({ id = '' }, query) => billing.statement(idOf('id', id), ...rangeIn(query, today())),
  )
  get(
    '/api/v1/billing/ads/:ad_id/events',
    {
      summary: 'The event ids behind a line of a statement',
      answer: StatementEvents,
      params: { ad_id: TEXT },
      query: { date: DATE, kind: { type: 'string', enum: CHARGE_KINDS }, after: WHOLE, limit: { ...WHOLE, maximum: PAGE_COUNT_MAX } },
    },
    async ({ ad_id: ad = '' }, { date, kind, after = '0', limit = String(PAGE_COUNT) }) => {
      if (!CHARGE_KINDS.includes(kind as ChargeKind)) throw new BadParameter('kind', `must be one of ${CHARGE_KINDS.join(', ')}`)
      return billing.events({
        adId: idOf('ad_id', ad),
        day: dayIn('date', date, today()),
        kind: kind as ChargeKind,
        after: wholeOf('after', after, 0, Number.MAX_SAFE_INTEGER),
        limit: wholeOf('limit', limit, 1, PAGE_COUNT_MAX),
      })
    },
  )
}

const TEXT = { type: 'string', maxLength: ID_CHARS_MAX }
const WHOLE = { type: 'integer', minimum: 0 }
const DATE = { type: 'string', format: 'date', description: 'a UTC day; today where it is missing' }
const RANGE = {
  from: { type: 'string', format: 'date', description: "the first UTC day; the month's first where it is missing" },
  to: { type: 'string', format: 'date', description: `the last UTC day, at most ${RANGE_DAYS_MAX} days on; today where it is missing` },
}

function idOf(field: string, text: string): string {
  if (text.length > ID_CHARS_MAX || text.includes('\0')) throw new BadParameter(field, `must be 1 to ${ID_CHARS_MAX} characters`)
  return text
}

function wholeOf(field: string, text: string | string[], min: number, max: number): number {
  const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) throw new BadParameter(field, `must be a whole number from ${min} to ${max}`)
  return value
}

function dayIn(field: string, text: string | string[] | undefined, fallback: string): string {
  if (text === undefined) return fallback
  if (typeof text !== 'string' || !isDay(text)) throw new BadParameter(field, 'must be a day, YYYY-MM-DD')
  return text
}

function rangeIn({ from, to }: Query, today: string): [string, string] {
  const last = dayIn('to', to, today)
  const first = dayIn('from', from, `${last.slice(0, 7)}-01`)
  const days = (Date.parse(last) - Date.parse(first)) / DAY_MS + 1
  if (days < 1) throw new BadParameter('from', 'must not be after to')
  if (days > RANGE_DAYS_MAX) throw new BadParameter('from', `must be at most ${RANGE_DAYS_MAX} days before to`)
  return [first, last]
}
