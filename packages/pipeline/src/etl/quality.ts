import type { Row, Session } from '../warehouse/warehouse.ts'
import type { Check, Scope, Severity, Unjudged } from './checks.ts'
import type { Day } from './days.ts'
import type { Model, Stretch } from './model.ts'

/** Of the rows that fail a check, as many are kept for looking at, and of each as much. */
export const FAILED_ROWS_MAX = 100
const ROW_CHARS_MAX = 4_000

export type CheckState = 'passed' | 'failed' | Unjudged

/** What came of a check over days that lie in a row. */
export interface Checked {
  model: string
  name: string
  severity: Severity
  stretch: Stretch
  days: number
  /** Of them, those of which nothing could be said; `why`. */
  unjudgedDays: number
  why: Unjudged | undefined
  failing: number
  /** The days of what fails. */
  badDays: readonly Day[]
  kept: readonly string[]
}

export async function checked(session: Session, model: Model, check: Check, days: number, scope: Scope): Promise<Checked> {
  const { name, severity, failing: failingOf, unjudged } = check
  const { from, to } = scope
  const found = { model: model.name, name, severity, stretch: { from, to }, days, why: unjudged?.why }
  const select = failingOf(model.name, scope)
  const [counted] = await session.rows<{ n: number | null }>(`select sum(failing) as n from (${select}) as failed`)
  const failing = counted?.n ?? 0
  const [open] = unjudged ? await session.rows<{ n: number }>(unjudged.select(model.name, scope)) : []
  const unjudgedDays = Math.min(days, open?.n ?? 0)
  if (failing === 0) return { ...found, unjudgedDays, failing, badDays: [], kept: [] }
  const bad = await session.rows<{ date: Day }>(`select distinct date from (${select}) as failed where date is not null order by date`)
  const kept = await session.rows<Row>(`select * exclude (failing) from (${select}) as failed order by date limit ${FAILED_ROWS_MAX}`)
  return {
    ...found,
    unjudgedDays,
    failing,
    badDays: bad.map(({ date }) => date),
    kept: kept.map(shortened),
  }
}

/** Still JSON where it is too long: the first fields, as many as fit. */
function shortened(row: Row): string {
  const whole = JSON.stringify(row)
  if (whole.length <= ROW_CHARS_MAX) return whole
  let chars = 0
  const short = Object.entries(row).filter(([name, value]) => (chars += name.length + JSON.stringify(value).length + 4) <= ROW_CHARS_MAX)
  return JSON.stringify(Object.fromEntries(short))
}

export const isStopping = ({ severity, failing }: Checked) => severity === 'stop' && failing > 0

/** Ends a chunk's transaction, of which then nothing remains. */
export class KeptOut extends Error {
  readonly by: readonly Checked[]
  constructor(by: readonly Checked[]) {
    super(`${by.map(({ model, name }) => `${model}: ${name}`).join('; ')} failed`)
    this.by = by
  }
}

/** A day that a check kept out. */
export interface KeptOutDay {
  date: Day
  model: string
  name: string
}

const REASONS_SHOWN = 3

/** For the operator: which days, by what, and what to do. Undefined where none was kept out. */
export function keptOutMessage(runId: number, days: readonly KeptOutDay[]): string | undefined {
  const dates = [...new Set(days.map(({ date }) => date))].toSorted()
  if (dates.length === 0) return undefined
  const reasons = [...new Set(days.map(({ model, name }) => `${model} (${name})`))]
  const more = reasons.length > REASONS_SHOWN ? ` and ${reasons.length - REASONS_SHOWN} more` : ''
  const which = dates.length === 1 ? `${dates[0]} was` : `${dates.length} days from ${dates[0]} to ${dates.at(-1)} were`
  return `${which} kept out of silver and gold, for what fails ${reasons.slice(0, REASONS_SHOWN).join(', ')}${more}. They have what they had before; all other days are done. \`npx flowguard etl runs ${runId}\` shows the rows. Mend them or the check, then \`npx flowguard etl backfill --resume\`.`
}
