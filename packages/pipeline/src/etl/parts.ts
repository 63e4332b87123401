import { FlowGuardError } from '../kernel/errors.ts'
import type { Session } from '../warehouse/warehouse.ts'
import { daysOfTables, type Around, type Day } from './days.ts'
import { literal } from './dialect.ts'
import type { Model } from './model.ts'
import { COUNTED, type Counted } from './schema.ts'

export interface Part {
  /** The day that is made table by table. */
  date: Day
  runId: number
  around: Around
  /** As a text without a zone. */
  now: string
}

const day = (date: Day) => `date '${date}'`
const list = (items: readonly string[]) => items.join(', ')

/**
 * A day that is made table by table (`etl run --table`). `etl.parts` says what is yet to be made of it: at first every table, and after a table was made
 * whatever is made from that, with the days that hang on it. So it may be left anywhere: the day is level once nothing of it is in there, and until then it is due.
 * A day that no run had made before counts as made from then on: its `computed_at` is null until then.
 */
export function partOf(session: Session, models: readonly Model[], { date, runId, around, now }: Part) {
  const quoted = (text: string) => literal(text, session.dialect)

  async function leave(days: ReadonlyMap<string, readonly Day[]>) {
    const rows = [...days].flatMap(([model, of]) => of.map((each) => `(${day(date)}, ${quoted(model)}, ${day(each)})`))
    if (rows.length > 0) await session.run(`insert into etl.parts (date, model, day) values ${list(rows)}`)
  }

  /** The days of other tables that change with these of this one. */
  const readersOf = (table: string, days: readonly Day[]) =>
    daysOfTables(
      models,
      days.map((each) => ({ date: each, changed: [table] })),
      around,
    )

  /** The rows of bronze that the table was made from. Where another is made from the same, it had others. */
  async function count(model: Model, table: Counted) {
    const column = COUNTED[table]
    const [counted] = await session.rows<{ n: number; was: number }>(
      `select (select count(*) from ${table} where partition_date = ${day(date)}) as n, max(${column}) as was from etl.days where date = ${day(date)}`,
    )
    if (counted?.n === counted?.was) return
    await session.run(`update etl.days set ${column} = ${counted?.n ?? 0} where date = ${day(date)}`)
    const others = models.filter(({ name, reads }) => name !== model.name && reads.includes(table))
    await leave(new Map(others.map(({ name }) => [name, [date]])))
  }

  return {
    async begin() {
      const begun = await session.rows(`select 1 as found from etl.days where date = ${day(date)}`)
      if (begun.length > 0) return
      await session.run(
        `insert into etl.days (date, run_id, computed_at, orders_rows, clicks_rows, attributed_rows) values (${day(date)}, ${runId}, null, 0, 0, 0)`,
      )
      await leave(new Map(models.map(({ name }) => [name, [date]])))
    },
    /**
     * Of these tables: their own days, those that were left to them, and those that hang on what is made before them. Throws `etl_order` where what one is made
     * from is to be made first.
     */
    async daysOf(own: ReadonlyMap<string, readonly Day[]>, only: readonly string[]): Promise<Map<string, Day[]>> {
      const left = await session.rows<{ model: string; day: Day }>(`select distinct model, day from etl.parts where date = ${day(date)}`)
      const found = new Map<string, Set<Day>>()
      const add = (table: string, days: readonly Day[]) => found.set(table, new Set([...(found.get(table) ?? []), ...days]))
      for (const { model, day: each } of left) add(model, [each])
      const planned = new Map<string, Day[]>()
      for (const { name, reads } of models.filter((model) => only.includes(model.name))) {
        const missing = reads.filter((read) => !only.includes(read) && left.some(({ model }) => model === read))
        if (missing.length > 0) {
          const which = missing.map((each) => ` --table ${each}`).join('')
          throw new FlowGuardError(
            'etl_order',
            `${name} of ${date} is made from ${missing.join(' and ')}, to be made first: npx flowguard etl run --date ${date}${which}`,
          )
        }
        const days = [...new Set([...(own.get(name) ?? []), ...(found.get(name) ?? [])])].toSorted()
        planned.set(name, days)
        for (const [table, hanging] of await readersOf(name, days)) add(table, hanging)
      }
      return planned
    },
    async made(model: Model, days: readonly Day[]) {
      if (days.length > 0)
        await session.run(`delete from etl.parts where model = ${quoted(model.name)} and day in (${list(days.map(day))})`)
      for (const table of Object.keys(COUNTED) as Counted[]) if (model.reads.includes(table)) await count(model, table)
      await leave(await readersOf(model.name, days))
      await session.run(
        `update etl.days set computed_at = cast(${quoted(now)} as timestamp)
         where (date = ${day(date)} and computed_at is not null) or (computed_at is null and date not in (select day from etl.parts))`,
      )
    },
  }
}

/** Days of which every table was made: nothing of them is left. */
export async function madeWhole(session: Session, days: readonly Day[]): Promise<void> {
  if (days.length > 0) await session.run(`delete from etl.parts where day in (${list(days.map(day))})`)
}
