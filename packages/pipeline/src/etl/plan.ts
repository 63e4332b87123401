import type { Session } from '../warehouse/warehouse.ts'
import { between, keyOf } from './checks.ts'
import { daysOfTables, stretchesOf, type Around, type Day, type DueDay, type KnownDay, type Why } from './days.ts'
import { selectOf, type Model, type Stretch } from './model.ts'
import { COUNTED, type Counted } from './schema.ts'

/** What takes longer to count is told without figures: the run itself says what it did. */
const COUNT_MS_MAX = 20_000

export interface Plan {
  days: readonly PlannedDay[]
  tables: readonly PlannedTable[]
  /** Whether rows were counted: by making them all, beside the tables, and comparing. Not where that takes too long, nor on a warehouse that cannot. */
  is_counted: boolean
}

interface PlannedDay {
  date: Day
  why: string
  /** In words: what has come since it was made. */
  because: string
  bronze_rows: number
}

export interface RowChanges {
  /** By the key that the table's first `unique` names. */
  added: number
  removed: number
  changed: number
}

export interface PlannedTable {
  table: string
  days: number
  /** Days that are not due themselves, but hang on days that are. */
  hanging: number
  from: Day
  to: Day
  /** In its days, as they are. */
  rows_now: number
  /** Null where nothing was counted. */
  rows: RowChanges | null
}

export interface Planning {
  session: Session
  models: readonly Model[]
  /** Fills tables of that schema with the catalogue and the ads as they are now. */
  copyReference: (schema: string) => Promise<void>
  known: readonly KnownDay[]
  due: readonly DueDay[]
  openSince: Around['openSince']
  countMsMax?: number
}

/** What a run would do. It writes nothing but tables of its own session, which go with it: no reader and no run notices. */
export async function planOf(planning: Planning): Promise<Plan> {
  const { session, models, known, due, openSince } = planning
  const days = knownDays(known, due)
  const isDue = new Set(due.map(({ date }) => date))
  const computed = days.filter((day) => isDue.has(day) || known.some((each) => each.date === day && each.computed))
  const tables = await daysOfTables(models, due, { known: days, computed, openSince })
  // Elsewhere a table of a session's own is no part of a transaction, and lists of rows cannot be compared.
  const isCountable = session.dialect === 'duckdb'
  const counted = isCountable
    ? await withinTime(session, planning.countMsMax ?? COUNT_MS_MAX, (tick) => changes(planning, tables, days, tick))
    : undefined
  const planned: PlannedTable[] = []
  for (const [table, of] of tables) {
    const stretches = stretchesOf(of, days)
    const [now] = await session.rows<{ n: number }>(`select count(*) as n from ${table} where ${anyOf(stretches)}`)
    planned.push({
      table,
      days: of.length,
      hanging: of.filter((day) => !isDue.has(day)).length,
      from: of[0] as Day,
      to: of.at(-1) as Day,
      rows_now: now?.n ?? 0,
      rows: counted?.get(table) ?? null,
    })
  }
  return { days: due.toReversed().map((day) => plannedDay(day, known)), tables: planned, is_counted: counted !== undefined }
}

export const knownDays = (known: readonly KnownDay[], due: readonly DueDay[]): Day[] =>
  [...new Set([...known.map(({ date }) => date), ...due.map(({ date }) => date)])].toSorted()

function plannedDay({ date, why, bronzeRows }: DueDay, known: readonly KnownDay[]): PlannedDay {
  return {
    date,
    why,
    because: becauseOf(
      why,
      known.find((day) => day.date === date),
    ),
    bronze_rows: bronzeRows,
  }
}

function becauseOf(why: Why, day: KnownDay | undefined): string {
  if (!day?.computed) return 'never made'
  if (why === 'made in part') return 'what some of its tables are made from was made, and they were not'
  const { rows, computed } = day
  const grown = (Object.keys(COUNTED) as Counted[]).flatMap((table) => {
    const more = rows[table] - computed[table]
    return more === 0 ? [] : [`${Math.abs(more)} ${more > 0 ? 'more' : 'fewer'} in ${table}`]
  })
  return grown.length === 0 ? 'nothing has come since it was made' : `${grown.join(', ')} since it was made`
}

const LATE_MS = 100

/** Undefined where the time is up: the statement that runs is ended. `tick` throws where that was between two. */
async function withinTime<T>(session: Session, msMax: number, work: (tick: () => void) => Promise<T>): Promise<T | undefined> {
  let isLate = false
  const until = performance.now() + msMax
  // Again and again: what comes between two statements is lost.
  const timer = setInterval(() => {
    if (performance.now() < until) return
    isLate = true
    session.interrupt()
  }, LATE_MS)
  try {
    return await work(() => {
      if (isLate) throw new Error('the time is up')
    })
  } catch (error) {
    if (isLate) return undefined
    throw error
  } finally {
    clearInterval(timer)
  }
}

const SHADOWED = /\b(?:silver|gold|ref|etl)\.[a-z_]+/g
const shadowOf = (table: string) => `planned_${table.replace('.', '_')}`

/** Makes every table's days anew, each from those before it as they would be, and compares them with what is there. */
async function changes(
  { session, models, due, copyReference }: Planning,
  tables: ReadonlyMap<string, readonly Day[]>,
  known: readonly Day[],
  tick: () => void,
): Promise<Map<string, RowChanges>> {
  const found = new Map<string, RowChanges>()
  const shadows = new Set<string>(['etl.days', 'ref.foods', 'ref.ads'])
  const shadowed = (sql: string) => sql.replaceAll(SHADOWED, (table) => (shadows.has(table) ? shadowOf(table) : table))
  await session.transaction(async () => {
    await session.run(
      `create temp table ${shadowOf('etl.days')} as select date from etl.days union select unnest($1::varchar[])::date as date`,
      [due.map(({ date }) => date)],
    )
    for (const table of ['ref.foods', 'ref.ads'])
      await session.run(`create temp table ${shadowOf(table)} as select * from ${table} limit 0`)
    await copyReference('planned_ref_')
    for (const model of models) {
      const days = tables.get(model.name)
      if (!days) continue
      const stretches = stretchesOf(days, known)
      const made = `${shadowOf(model.name)}_made`
      await session.run(`create temp table ${made} as select * from ${model.name} limit 0`)
      for (const stretch of stretches) {
        tick()
        await session.run(`insert into ${made} ${shadowed(selectOf(model, stretch, session.dialect))}`)
      }
      tick()
      await session.run(
        `create temp view ${shadowOf(model.name)} as select * from ${model.name} where not (${anyOf(stretches)}) union all select * from ${made}`,
      )
      shadows.add(model.name)
      found.set(model.name, await compared(session, model, made, stretches))
    }
  })
  return found
}

async function compared(session: Session, model: Model, made: string, stretches: readonly Stretch[]): Promise<RowChanges> {
  const there = `select * from ${model.name} where ${anyOf(stretches)}`
  const keys = keyOf(model.checks).join(', ') || '*'
  const [row] = await session.rows<{ come: number; gone: number; changed: number }>(
    `with gone as materialized (${there} except all select * from ${made}), come as materialized (select * from ${made} except all ${there})
     select (select count(*) from come) as come, (select count(*) from gone) as gone,
       (select count(*) from (select ${keys} from come intersect all select ${keys} from gone)) as changed`,
  )
  const { come, gone, changed } = row ?? { come: 0, gone: 0, changed: 0 }
  return { added: come - changed, removed: gone - changed, changed }
}

const anyOf = (stretches: readonly Stretch[]) => stretches.map((stretch) => `(${between('date', stretch)})`).join(' or ')
