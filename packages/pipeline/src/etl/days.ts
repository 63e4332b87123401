import { DAY_MS, dayOf } from '@flowguard/contract'
import type { Model, Reopening, Stretch } from './model.ts'
import { COUNTED, type Counted } from './schema.ts'

/** A UTC day, `2026-01-31`: as texts they have the order of time. */
export type Day = string
export type Why = 'asked for' | 'stale' | 'interrupted'

/** A day of which bronze has rows, or which was computed: the rows of each table now, and as they were when it was computed. */
export interface KnownDay {
  date: Day
  rows: Readonly<Record<Counted, number>>
  computed: Readonly<Record<Counted, number>> | undefined
}

/** A day that is to be made anew, for these tables of bronze have changed, or it was asked for. */
export interface DueDay {
  date: Day
  why: Why
  changed: readonly Counted[]
  bronzeRows: number
}

/** A chunk is committed as one: about a quarter, so that a long backfill shows how far it is, and does not begin again from the start. */
const CHUNK_DAYS_MAX = 92
const CHUNK_ROWS_MAX = 12_000_000

const ALL = Object.keys(COUNTED) as Counted[]
const rowsOf = ({ rows }: KnownDay) => ALL.reduce((sum, table) => sum + rows[table], 0)

export const nextDay = (day: Day): Day => dayOf(Date.parse(day) + DAY_MS)

/** The days asked for, from the first that holds anything on, and those before `today` whose bronze rows are not those that they were made from. */
export function dueDays(known: readonly KnownDay[], asked: Stretch | undefined, interrupted: ReadonlySet<Day>, today: Day): DueDay[] {
  const byDate = new Map(known.map((each) => [each.date, each]))
  const addEmpty = (date: Day) => {
    if (!byDate.has(date)) byDate.set(date, { date, rows: noRows(), computed: undefined })
  }
  // Days without a row of bronze that a run did not come to.
  for (const day of interrupted) addEmpty(day)
  const first = known[0]?.date
  if (asked && first !== undefined) {
    const from = asked.from > first ? asked.from : first
    for (let day = from; day <= asked.to; day = nextDay(day)) addEmpty(day)
  }
  return [...byDate.values()]
    .toSorted((a, b) => (a.date < b.date ? -1 : 1))
    .flatMap((day) => {
      const due = (why: Why, changed: readonly Counted[]) => [{ date: day.date, why, changed, bronzeRows: rowsOf(day) }]
      if (asked && asked.from <= day.date && day.date <= asked.to) return due('asked for', ALL)
      if (interrupted.has(day.date)) return due('interrupted', ALL)
      if (day.date >= today) return []
      const { computed } = day
      const changed = computed ? ALL.filter((table) => day.rows[table] !== computed[table]) : ALL
      return changed.length > 0 ? due('stale', changed) : []
    })
}

const noRows = (): Record<Counted, number> => ({ 'bronze.orders_raw': 0, 'bronze.clicks_raw': 0, 'bronze.attributed_raw': 0 })

export function chunksOf(due: readonly DueDay[]): DueDay[][] {
  const chunks: DueDay[][] = []
  let rows = 0
  for (const day of due) {
    const last = chunks.at(-1)
    if (last && last.length < CHUNK_DAYS_MAX && rows + day.bronzeRows <= CHUNK_ROWS_MAX) {
      last.push(day)
      rows += day.bronzeRows
    } else {
      chunks.push([day])
      rows = day.bronzeRows
    }
  }
  return chunks
}

/** What a chunk's days are worked out from. */
export interface Around {
  /** Every day that bronze or silver knows, in order. */
  known: readonly Day[]
  /** Those of them that have been computed, the chunk's own included. */
  computed: readonly Day[]
  /** The first day of the chunks that follow: they make anew whatever hangs on theirs. */
  laterFrom: Day | undefined
  /** The day on which the earliest session began that was still open when this day began. */
  openSince: (day: Day) => Promise<Day | undefined>
}

/** The days of each table that change with the chunk's: its own, and those that hang on them. Tables without any are left out. */
export async function daysOfTables(models: readonly Model[], chunk: readonly DueDay[], around: Around): Promise<Map<string, Day[]>> {
  const found = new Map<string, Day[]>()
  for (const { name, reads, reopens } of models) {
    const own = new Set(
      reads.flatMap((read) => found.get(read) ?? chunk.filter(({ changed }) => isIn(changed, read)).map(({ date }) => date)),
    )
    if (own.size === 0) continue
    const all = new Set(own)
    for (const rule of reopens) for (const day of await RULES[rule](sorted(own), around)) all.add(day)
    found.set(name, sorted(all))
  }
  return found
}

const sorted = (days: Iterable<Day>) => [...days].toSorted()
const isIn = (tables: readonly string[], table: string) => tables.includes(table)

const RULES: Readonly<Record<Reopening, (own: readonly Day[], around: Around) => Promise<readonly Day[]>>> = {
  'same day': async () => [],
  'next day': async (own, { computed }) => own.map(nextDay).filter((day) => computed.includes(day)),
  'later days': async ([first = ''], { computed, laterFrom }) =>
    computed.filter((day) => day > first && !(laterFrom !== undefined && day >= laterFrom)),
  async 'open sessions'(own, { known, computed, openSince }) {
    const since = await Promise.all(stretchesOf(own, known).map(async ({ from }) => ({ from, opened: await openSince(from) })))
    return since.flatMap(({ from, opened }) => (opened === undefined ? [] : computed.filter((day) => opened <= day && day < from)))
  },
}

/** Days that follow each other among all that are known, taken together: each is one statement. */
export function stretchesOf(days: readonly Day[], known: readonly Day[]): Stretch[] {
  const at = new Map(known.map((day, index) => [day, index]))
  const stretches: Stretch[] = []
  for (const day of days) {
    const last = stretches.at(-1)
    if (last && at.get(day) === at.get(last.to)! + 1) last.to = day
    else stretches.push({ from: day, to: day })
  }
  return stretches
}
