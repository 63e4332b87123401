/**
 * What a database has its own words for. Models are plain SQL but for these; another database brings functions of the same names and meanings.
 * Theirs is money to the paisa, half up: never by way of a floating number.
 */
export const DUCKDB_FUNCTIONS = [
  'create or replace temp macro id_hash(id) as hash(id)',
  'create or replace temp macro compact(texts) as list_filter(texts, lambda each: each is not null)',
  // A text without a zone is UTC, as the session is.
  'create or replace temp macro parsed_time(moment) as cast(try_cast(upper(moment) as timestamptz) as timestamp)',
  'create or replace temp macro ratio(part, whole) as case when whole = 0 then 0 else cast(part as double) / cast(whole as double) end',
  `create or replace temp macro money_avg(total, number_of) as
    cast((cast(total * 200 as hugeint) + number_of) // (2 * number_of) as decimal(18, 0)) * cast(0.01 as decimal(3, 2))`,
  `create or replace temp macro growth_pct(present, past) as
    case when past > 0 then 100 * (cast(present as double) - cast(past as double)) / cast(past as double) end`,
  "create or replace temp macro year_month(moment) as strftime(moment, '%Y-%m')",
] as const

/** Texts are compressed the way that costs the least to write: left to choose, DuckDB tries them all, at three times the time. */
export function createTable(name: string, columns: readonly { column_name: string; column_type: string }[]): string {
  const lines = columns.map(
    ({ column_name: column, column_type: type }) => `${column} ${type}${type === 'VARCHAR' ? ' using compression zstd' : ''}`,
  )
  return `create table ${name} (${lines.join(', ')})`
}
