import { rendered } from '../etl/dialect.ts'
import type { Stretch } from '../etl/model.ts'
import type { Value, Warehouse } from '../warehouse/warehouse.ts'
import { shared } from './shared.ts'
import { REPORTS, type ReportColumn, type ReportName } from './report-sql.ts'

/** More days than that are no report. */
export const REPORT_DAYS_MAX = 1_100
export const REPORT_ROWS_MAX = 10_000
const TIMEOUT_MS = 20_000

/** How far gold has come, of the days asked for. Times are UTC. */
export interface Fresh {
  /** When the latest of these days was made; null where none was. */
  made_at: string | null
  /** The latest event in it. */
  loaded_through: string | null
  days_made: number
  /** Days of which bronze holds events that gold was not made from: the first, the last, and how many. */
  behind: (Stretch & { days: number }) | null
}

export interface Report extends Stretch {
  name: ReportName
  title: string
  grain: string
  columns: readonly ReportColumn[]
  rows: readonly (readonly Value[])[]
  /** There were more rows than may be told. */
  truncated: boolean
  fresh: Fresh
}

/** Asks gold, over UTC days, both ends included. Where a run has yet to make the tables there are no rows. Rejects as the warehouse does. */
export function reportsOf({ query, dialect }: Pick<Warehouse, 'query' | 'dialect'>) {
  const ask = (sql: string, rowsMax: number) => query(rendered(sql, dialect), { rowsMax, timeoutMs: TIMEOUT_MS })
  const share = shared()

  async function made(): Promise<ReadonlySet<Value>> {
    const { rows } = await ask(`select lower(table_schema) || '.' || lower(table_name) from information_schema.tables`, REPORT_ROWS_MAX)
    return new Set(rows.map(([name]) => name!))
  }

  async function freshness(days: Stretch, isMade: boolean): Promise<Fresh> {
    const [row = []] = (await ask(freshSql(days, isMade), 1)).rows
    const [madeAt, through, daysMade, from, to, daysBehind] = row as [string | null, string | null, number, string, string, number]
    const behind = daysBehind > 0 ? { from, to, days: daysBehind } : null
    return { made_at: madeAt, loaded_through: through, days_made: daysMade, behind }
  }

  return (name: ReportName, { from, to }: Stretch): Promise<Report> =>
    share(`${name} ${from} ${to}`, async () => {
      const { title, grain, reads, columns, sql } = REPORTS[name]
      const tables = await share('tables', made)
      const isMade = [...SILVER, reads].every((table) => tables.has(table))
      // Before the rows: they are never older than they are said to be.
      const fresh = await share(`${from} ${to} ${isMade}`, () => freshness({ from, to }, isMade))
      const { rows, truncated } = isMade ? await ask(sql(from, to), REPORT_ROWS_MAX) : { rows: [], truncated: false }
      return { name, title, grain, from, to, columns, rows, truncated, fresh }
    })
}

/** What a report's age is read from, and its rows are made of. */
const SILVER = ['etl.days', 'etl.parts', 'silver.orders_clean', 'silver.clicks_clean']

/** Days are made of so many rows of bronze: where it holds others, the day is behind; and so it is while some of its tables are yet to be made (etl/parts.ts). */
function freshSql({ from, to }: Stretch, isMade: boolean): string {
  const during = `between date '${from}' and date '${to}'`
  const made = isMade
    ? `select date, computed_at, orders_rows + clicks_rows + attributed_rows as made_from from etl.days where date ${during} and computed_at is not null`
    : 'select null::date as date, null::timestamp as computed_at, 0 as made_from where false'
  const inPart = isMade ? 'or b.date in (select day from etl.parts)' : ''
  const events = (table: string) => `select event_timestamp from silver.${table} where is_valid and date ${during}`
  const through = isMade ? `(select max(event_timestamp) from (${events('orders_clean')} union all ${events('clicks_clean')}))` : 'null'
  const rowsOf = (table: string) => `select partition_date as date from bronze.${table} where partition_date ${during}`
  return `
    with days as (${made}),
    bronze as (
      select date, count(*) as held from (${['orders_raw', 'clicks_raw', 'attributed_raw'].map(rowsOf).join(' union all ')}) group by date
    ),
    behind as (
      select b.date from bronze b left join days d on d.date = b.date where coalesce(d.made_from <> b.held, true) ${inPart}
    )
    select (select max(computed_at) from days), ${through}, (select count(*) from days), min(date), max(date), count(*) from behind`
}
