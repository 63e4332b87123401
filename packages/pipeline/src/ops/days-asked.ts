import { Compile, DAY_MS, dayOf, isDay, Type } from '@flowguard/contract'
import type { Stretch } from '../etl/model.ts'
import type { Fault } from '../http/problems.ts'

const day = (description: string) => Type.Optional(Type.String({ description }))

/** What figures and reports are asked for. */
export const DaysAsked = Type.Object(
  {
    from: day('a UTC day, 2026-01-31; today where missing'),
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

/** Today where nothing is said. */
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
  const { from = dayOf(now), to = dayOf(now), format, by = 'dish' } = query
  for (const [field, value] of Object.entries({ from, to })) if (!isDay(value)) return invalid(field, 'must be a day, 2026-01-31')
  if (from > to) return invalid('from', 'must not be after to')
  if ((Date.parse(to) - Date.parse(from)) / DAY_MS >= daysMax) return invalid('from', `must be at most ${daysMax} days before to`)
  return { days: { from, to }, isCsv: format === 'csv', by }
}

function invalid(field: string, message: string): Fault {
  return { status: 422, code: 'invalid_parameter', detail: `${field} ${message}`, errors: [{ field, message }] }
}
