import { Compile, dayOf, Type } from '@flowguard/contract'
import type { Stretch } from '../etl/model.ts'
import { BadParameter, daysIn, invalidParameter } from '../http/parameters.ts'
import type { Fault } from '../http/problems.ts'

const day = (description: string) => Type.Optional(Type.String({ description }))

/** What figures and reports are asked for. */
export const DaysAsked = Type.Object(
  {
    from: day('a UTC day, 2026-01-31; the last where missing'),
    to: day('the last day, included; today where missing'),
    format: Type.Optional(Type.Enum(['json', 'csv'])),
    by: Type.Optional(Type.Enum(['dish', 'ad'], { description: 'of figures as CSV: which of the two' })),
  },
  { additionalProperties: false, title: 'Which days' },
)
const check = Compile(DaysAsked)

export interface Asked {
  days: Stretch
  isCsv: boolean
  by: 'dish' | 'ad'
}

/** Today where nothing is said; the last day alone where only it is. */
export function daysAsked(query: unknown, now: number, daysMax: number): Asked | Fault {
  if (!check.Check(query)) {
    const errors = check.Errors(query).map(({ instancePath, message }) => ({ field: instancePath.slice(1), message }))
    return {
      status: 422,
      code: 'invalid_parameter',
      detail: 'takes from, to and format (json or csv), and figures by (dish or ad)',
      errors,
    }
  }
  const { format, by = 'dish' } = query
  try {
    const [from, to] = daysIn(query, { today: dayOf(now), firstOf: (last) => last, daysMax })
    return { days: { from, to }, isCsv: format === 'csv', by }
  } catch (error) {
    if (!(error instanceof BadParameter)) throw error
    return invalidParameter({ field: error.field, message: error.message })
  }
}
