import { DAY_MS, ID_CHARS_MAX, isDay, parseTimestamp, type FieldError, type TSchema } from '@flowguard/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { answers } from './docs.ts'
import { sendProblem, type Fault } from './problems.ts'

const RANGE_DAYS_MAX = 366

export type Params = Record<string, string>
export type Query = Record<string, string | string[] | undefined>

export const TEXT = { type: 'string', maxLength: ID_CHARS_MAX }
export const WHOLE = { type: 'integer', minimum: 0 }
export const DATE = { type: 'string', format: 'date', description: 'a UTC day; today where it is missing' }
export const RANGE = {
  from: { type: 'string', format: 'date', description: "the first UTC day; the month's first where it is missing" },
  to: {
    type: 'string',
    format: 'date',
    description: `the last UTC day; at most ${RANGE_DAYS_MAX} days with the first; today where it is missing`,
  },
}

/** A part of an address that is not what it must be. */
export class BadParameter extends Error {
  readonly field: string

  constructor(field: string, message: string) {
    super(message)
    this.field = field
  }
}

interface Reading<T> {
  url: string
  summary: string
  answer: TSchema & { title?: string }
  params?: object
  query?: object
  /** Undefined is a 404, and a `BadParameter` a 422. */
  find: (params: Params, query: Query) => Promise<T | undefined>
  /** Sends what was found in another way than as JSON; undefined where JSON was asked for. */
  send?: (found: T, query: Query, reply: FastifyReply) => Promise<FastifyReply> | undefined
}

/** A route that answers from its address alone, and shows business data: it needs a key where keys are needed. */
export function readingRoute<T extends object>(
  app: FastifyInstance,
  { url, summary, answer, params, query, find, send }: Reading<T>,
): void {
  const schema = {
    tags: ['figures'],
    summary,
    ...(params && { params: { type: 'object', properties: params } }),
    ...(query && { querystring: { type: 'object', properties: query } }),
    response: answers({ status: 200, schema: answer, description: answer.title ?? '' }, [401, 404, 422, 503]),
  }
  app.get(url, { config: { needsKey: true }, schema }, async (request: FastifyRequest, reply: FastifyReply) => {
    const asked = request.query as Query
    try {
      const found = await find(request.params as Params, asked)
      if (found) return await (send?.(found, asked, reply) ?? reply.send(found))
    } catch (error) {
      if (!(error instanceof BadParameter)) throw error
      return sendProblem(request, reply, invalidParameter({ field: error.field, message: error.message }))
    }
    return sendProblem(request, reply, { status: 404, code: 'not_found', detail: 'there is no such thing' })
  })
}

/** The first is told in a sentence, all of them by field. */
export function invalidParameter(...errors: FieldError[]): Fault {
  const [first] = errors
  return { status: 422, code: 'invalid_parameter', detail: `${first?.field} ${first?.message}`, errors }
}

export function idOf(field: string, text: string): string {
  if (text.length > ID_CHARS_MAX) throw new BadParameter(field, `must be 1 to ${ID_CHARS_MAX} characters`)
  if (text.includes('\0')) throw new BadParameter(field, 'must not hold the character U+0000')
  return text
}

export function wholeOf(field: string, text: string | string[], min: number, max: number): number {
  const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) throw new BadParameter(field, `must be a whole number from ${min} to ${max}`)
  return value
}

/** An instant, in ms since 1970. */
export function instantOf(field: string, text: string | string[]): number {
  const ms = typeof text === 'string' ? parseTimestamp(text) : undefined
  if (ms === undefined) throw new BadParameter(field, 'must be an instant, 2026-11-21T10:12:00.000Z')
  return ms
}

export function oneOf<T extends string>(field: string, text: string | string[] | undefined, names: readonly T[]): T {
  const found = names.find((each) => each === text)
  if (found === undefined) throw new BadParameter(field, `must be one of ${names.join(', ')}`)
  return found
}

export function dayIn(field: string, text: string | string[] | undefined, fallback: string): string {
  if (text === undefined) return fallback
  if (typeof text !== 'string' || !isDay(text)) throw new BadParameter(field, 'must be a day, YYYY-MM-DD')
  return text
}

/** The month to date where nothing is said. */
export function rangeIn(query: Query, today: string): [string, string] {
  return daysIn(query, { today, firstOf: (last) => `${last.slice(0, 7)}-01`, daysMax: RANGE_DAYS_MAX })
}

interface DaysRule {
  today: string
  /** The first day where only the last is said. */
  firstOf: (last: string) => string
  /** Both ends included. */
  daysMax: number
}

/** The first and the last day that are asked for. Throws a `BadParameter`. */
export function daysIn({ from, to }: Query, { today, firstOf, daysMax }: DaysRule): [string, string] {
  const last = dayIn('to', to, today)
  const first = dayIn('from', from, firstOf(last))
  const days = (Date.parse(last) - Date.parse(first)) / DAY_MS + 1
  if (days < 1) throw new BadParameter('from', to === undefined ? `must not be after today, ${last}` : 'must not be after to')
  if (days > daysMax) throw new BadParameter('from', `and to may span at most ${daysMax} days, both included; these are ${days}`)
  return [first, last]
}
