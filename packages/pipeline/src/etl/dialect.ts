import type { Session } from '../warehouse/warehouse.ts'

/** A run has two cores to itself at most: each thread takes memory of its own. */
const THREADS_MIN = 2

/**
 * What a database has its own words for. Models are plain SQL but for these; another database brings functions of the same names and meanings.
 * Theirs is money to the paisa, half up: never by way of a floating number.
 */
export const DUCKDB_FUNCTIONS = [
  'create or replace temp macro id_hash(id) as hash(id)',
  'create or replace temp macro compact(texts) as list_filter(texts, lambda each: each is not null)',
  'create or replace temp macro first_of(list) as list[1]',
  'create or replace temp macro first_known(list, most) as list_slice(list_filter(list, lambda each: each is not null), 1, most)',
  // Sorted when it is whole: an ordered aggregate took 1.5 s a million events instead of 0.3.
  `create or replace temp macro items_in_order(moment, kind, item) as
    list_transform(list_sort(list({'moment': moment, 'kind': kind, 'item': item})), lambda each: each.item)`,
  // A text without a zone is UTC, as the session is.
  'create or replace temp macro parsed_time(moment) as cast(try_cast(upper(moment) as timestamptz) as timestamp)',
  'create or replace temp macro ratio(part, whole) as case when whole = 0 then 0 else cast(part as double) / cast(whole as double) end',
  `create or replace temp macro money_avg(total, number_of) as
    cast((cast(total * 200 as hugeint) + number_of) // (2 * number_of) as decimal(18, 0)) * cast(0.01 as decimal(3, 2))`,
  `create or replace temp macro growth_pct(present, past) as
    case when past > 0 then 100 * (cast(present as double) - cast(past as double)) / cast(past as double) end`,
  "create or replace temp macro year_month(moment) as strftime(moment, '%Y-%m')",
] as const

/** Texts that hardly come again: there is nothing to gain by looking for what is the same in them. */
const UNLIKE = ['event_id', 'order_id', 'client_order_id', 'click_event_id', 'session_id']

/** Texts are compressed the way that costs the least to write: left to choose, DuckDB tries them all. */
export function createTable(name: string, columns: readonly { column_name: string; column_type: string }[]): string {
  const lines = columns.map(({ column_name: column, column_type: type }) => {
    const compression = UNLIKE.includes(column) ? 'uncompressed' : 'dict_fsst'
    return `${column} ${type}${type === 'VARCHAR' ? ` using compression ${compression}` : ''}`
  })
  return `create table ${name} (${lines.join(', ')})`
}

/** With two threads at least. The setting is the whole process's, which does small things with one: so it is set back. */
export async function withThreads<T>(session: Session, work: () => Promise<T>): Promise<T> {
  const [set] = await session.rows<{ threads: number }>(`select cast(current_setting('threads') as bigint) as threads`)
  const threads = set?.threads ?? 1
  await session.run(`set threads = ${Math.max(threads, THREADS_MIN)}`)
  try {
    return await work()
  } finally {
    // Fails only where the connection is dead: then the file is opened again, as it was.
    await session.run(`set threads = ${threads}`).catch(() => undefined)
  }
}
