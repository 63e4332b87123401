import { DAY_MS, dayOf } from '@flowguard/contract'
import type { Model, Reopening, Stretch } from './model.ts'
import { COUNTED, type Counted } from './schema.ts'

/** A UTC day, `2026-01-31`: as texts they have the order of time. */
export type Day = string
export type Why = 'asked for' | 'stale' | 'interrupted' | 'kept out' | 'made in part'

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
  /** As many more rows bronze has of it than it was made from; undefined where it has never been made. */
  newRows: number | undefined
}

/**
 * A chunk is committed as one. The newest days come first and soon, a week of them; each chunk after that is four times as long, up to about a quarter: so a run
 * that is cut off has lost little, and one over years does not make what hangs on its days too often.
 */
export const CHUNK_DAYS_FIRST = 7
export const CHUNK_DAYS_MAX = 92
const CHUNK_GROWTH = 4
const CHUNK_ROWS_MAX = 12_000_000

const ALL = Object.keys(COUNTED) as Counted[]
const sum = (rows: Readonly<Record<Counted, number>>) => ALL.reduce((total, table) => total + rows[table], 0)

export const nextDay = (day: Day): Day => dayOf(Date.parse(day) + DAY_MS)

/** The days asked for, from the first that holds anything on, and those before `today` whose bronze rows are not those that they were made from. */
export function dueDays(known: readonly KnownDay[], asked: Stretch | undefined, left: ReadonlyMap<Day, Why>, today: Day): DueDay[] {
  const byDate = new Map(known.map((each) => [each.date, each]))
  const addEmpty = (date: Day) => {
    if (!byDate.has(date)) byDate.set(date, { date, rows: noRows(), computed: undefined })
  }
  // Days without a row of bronze that a run did not come to.
  for (const day of left.keys()) addEmpty(day)
  const first = known[0]?.date
  if (asked && first !== undefined) {
    const from = asked.from > first ? asked.from : first
    for (let day = from; day <= asked.to; day = nextDay(day)) addEmpty(day)
  }
  return [...byDate.values()]
    .toSorted((a, b) => (a.date < b.date ? -1 : 1))
    .flatMap((day) => {
      const { computed } = day
      const due = (why: Why, changed: readonly Counted[]) => {
        const bronzeRows = sum(day.rows)
        return [{ date: day.date, why, changed, bronzeRows, newRows: computed && bronzeRows - sum(computed) }]
      }
      if (asked && asked.from <= day.date && day.date <= asked.to) return due('asked for', ALL)
      const whyLeft = left.get(day.date)
      if (whyLeft) return due(whyLeft, ALL)
      if (day.date >= today) return []
      const changed = computed ? ALL.filter((table) => day.rows[table] !== computed[table]) : ALL
      return changed.length > 0 ? due('stale', changed) : []
    })
}

const noRows = (): Record<Counted, number> => ({ 'bronze.orders_raw': 0, 'bronze.clicks_raw': 0, 'bronze.attributed_raw': 0 })

/** Newest first; the days of a chunk in the order of time. */
export function chunksOf(due: readonly DueDay[], daysFirst = CHUNK_DAYS_FIRST): DueDay[][] {
  const chunks: DueDay[][] = []
  let [rows, daysMax] = [0, daysFirst]
  for (const day of due.toReversed()) {
    const last = chunks.at(-1)
    if (last && last.length < daysMax && rows + day.bronzeRows <= CHUNK_ROWS_MAX) {
      last.unshift(day)
      rows += day.bronzeRows
    } else {
      if (last) daysMax = Math.min(CHUNK_GROWTH * daysMax, CHUNK_DAYS_MAX)
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
  /** The day on which the earliest session began that was still open when this day began. */
  openSince: (day: Day) => Promise<Day | undefined>
}

/** Tables that have changed on a day. */
export interface ChangedDay {
  date: Day
  changed: readonly string[]
}

/** The days of each table that change with the chunk's: its own, and those that hang on them. Tables without any are left out. */
export async function daysOfTables(models: readonly Model[], chunk: readonly ChangedDay[], around: Around): Promise<Map<string, Day[]>> {
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
  'later days': async ([first = ''], { computed }) => computed.filter((day) => day > first),
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
