import type { Session } from '../warehouse/warehouse.ts'

/**
 * What databases have their own words for: the functions that the models, and reconciliation, may use besides plain SQL, and what else differs. The same model
 * files run on all of them; dialect.fixture.ts holds that each function means the same everywhere.
 */
export type Dialect = Session['dialect'] | 'spark'

type Meaning = Readonly<Record<Dialect, (...args: readonly string[]) => string>>

const same = (text: (...args: readonly string[]) => string): Meaning => ({ duckdb: text, snowflake: text, spark: text })
const share = (part: string, whole: string) => `case when ${whole} = 0 then 0 else cast(${part} as double) / cast(${whole} as double) end`
/** Twice the paise and the number more, by twice the number: whole numbers, so that half a paisa goes up. */
const halves = (total: string, count: string) => `(cast(${total} * 200 as decimal(38, 0)) + ${count})`
const paise = (quotient: string) => `cast(${quotient} as decimal(18, 0)) * cast(0.01 as decimal(3, 2))`
/** Behind every item there is: where an item is not known it comes last of those of its moment and kind. */
const LAST = '9223372036854775807'

/** The vocabulary of the models. Money is exact: never by way of a floating number. */
const FUNCTIONS: Readonly<Record<string, Meaning>> = {
  /** `id_hash(id)`: 64 bits to tell ids apart by; another number in each database. */
  id_hash: { duckdb: (id) => `hash(${id})`, snowflake: (id) => `hash(${id})`, spark: (id) => `xxhash64(${id})` },
  /** `texts(a, b, …)`: a list of those that are not null; of none, an empty one. */
  texts: {
    duckdb: (...all) => (all.length === 0 ? 'cast([] as varchar[])' : `list_filter([${all.join(', ')}], lambda each: each is not null)`),
    snowflake: (...all) => `cast(${all.length === 0 ? 'array_construct()' : `array_construct_compact(${all.join(', ')})`} as array)`,
    spark: (...all) => (all.length === 0 ? 'cast(array() as array<string>)' : `filter(array(${all.join(', ')}), each -> each is not null)`),
  },
  /**
   * `items_in_order(moment, kind, item)`: an aggregate, for first_item and first_items alone. Sorted when it is whole: on DuckDB an ordered aggregate took 1.5 s a
   * million events instead of 0.3. Snowflake's lists forget what is null, so that its are text.
   */
  items_in_order: {
    duckdb: (moment, kind, item) =>
      `list_transform(list_sort(list({'moment': ${moment}, 'kind': ${kind}, 'place': coalesce(${item}, ${LAST}), 'item': ${item}})), lambda each: each.item)`,
    snowflake: (moment, kind, item) =>
      `listagg(coalesce(cast(${item} as varchar), ''), ',') within group (order by ${moment}, ${kind}, coalesce(${item}, ${LAST}))`,
    spark: (moment, kind, item) =>
      `transform(array_sort(collect_list(struct(${moment} as moment, ${kind} as kind, coalesce(${item}, ${LAST}) as place, ${item} as item))), each -> each.item)`,
  },
  /** `first_item(items)`: null where it is not known. */
  first_item: {
    duckdb: (items) => `${items}[1]`,
    snowflake: (items) => `cast(nullif(split_part(${items}, ',', 1), '') as bigint)`,
    spark: (items) => `get(${items}, 0)`,
  },
  /** `first_items(items, most)`: a list of those that are known. */
  first_items: {
    duckdb: (items, most) => `list_slice(list_filter(${items}, lambda each: each is not null), 1, ${most})`,
    snowflake: (items, most) =>
      `cast(parse_json('[' || coalesce(regexp_substr(regexp_replace(${items}, ',+', ','), '([^,]+,){0,${Number(most) - 1}}[^,]+'), '') || ']') as array)`,
    spark: (items, most) => `slice(filter(${items}, each -> each is not null), 1, ${most})`,
  },
  /** `parsed_time(text)`: UTC, null where it is no time. A text without a zone is UTC, as every session is. */
  parsed_time: {
    duckdb: (text) => `cast(try_cast(upper(${text}) as timestamptz) as timestamp)`,
    snowflake: (text) => `cast(convert_timezone('UTC', try_cast(upper(${text}) as timestamp_tz)) as timestamp_ntz)`,
    spark: (text) => `cast(try_cast(upper(${text}) as timestamp_ltz) as timestamp_ntz)`,
  },
  /** `unix_ms(moment)`: since 1970. */
  unix_ms: {
    duckdb: (moment) => `epoch_ms(${moment})`,
    snowflake: (moment) => `date_part(epoch_millisecond, ${moment})`,
    spark: (moment) => `unix_millis(cast(${moment} as timestamp_ltz))`,
  },
  /** `json_text(json, 'a.b')`: a field of a field, as text; null where it is not there. */
  json_text: {
    duckdb: (json, path) => `json_extract_string(${json}, '$.${path.slice(1)})`,
    snowflake: (json, path) => `cast(get_path(try_parse_json(${json}), ${path}) as varchar)`,
    spark: (json, path) => `get_json_object(${json}, '$.${path.slice(1)})`,
  },
  /** `days_between(from, to)`: of dates. */
  days_between: {
    duckdb: (from, to) => `(${to} - ${from})`,
    snowflake: (from, to) => `datediff('day', ${from}, ${to})`,
    spark: (from, to) => `datediff(${to}, ${from})`,
  },
  /** `year_month(date)`: 2026-01. */
  year_month: same((date) => `concat(extract(year from ${date}), '-', lpad(cast(extract(month from ${date}) as varchar(2)), 2, '0'))`),
  /** `ratio(part, whole)`: 0 where the whole is 0. */
  ratio: same((part, whole) => share(part, whole)),
  /** `growth_pct(present, past)`: null where there was nothing. */
  growth_pct: same(
    (present, past) =>
      `case when ${past} > 0 then 100 * (cast(${present} as double) - cast(${past} as double)) / cast(${past} as double) end`,
  ),
  /** `money_avg(total, number_of)`: to the paisa, half up. */
  money_avg: {
    duckdb: (total, count) => paise(`cast(cast(${total} * 200 as hugeint) + ${count} as hugeint) // (2 * ${count})`),
    snowflake: (total, count) => paise(`round((${halves(total, count)} - mod(${halves(total, count)}, 2 * ${count})) / (2 * ${count}), 0)`),
    spark: (total, count) => paise(`${halves(total, count)} div (2 * ${count})`),
  },
}

const CALL = new RegExp(`\\b(${Object.keys(FUNCTIONS).join('|')})\\(`)

/** The statement as the database understands it. Throws where a function of the vocabulary has not the arguments that it takes. */
export function rendered(sql: string, dialect: Dialect): string {
  return SYNTAX[dialect].reduce((text, [what, to]) => text.replaceAll(what, to), expanded(sql, dialect))
}

/** Where a plan may say that a table is not to be made of a part, and how long a time is. */
const SYNTAX: Readonly<Record<Dialect, readonly (readonly [RegExp, string])[]>> = {
  duckdb: [],
  snowflake: [
    [/\bnot materialized \(/g, '('],
    [/\binterval (\d+) (\w+)/g, "interval '$1 $2'"],
  ],
  spark: [[/\bnot materialized \(/g, '(']],
}

function expanded(sql: string, dialect: Dialect): string {
  const call = CALL.exec(sql)
  if (!call) return sql
  const [start, open] = [call.index, call.index + call[0].length]
  const { args, end } = argumentsFrom(sql, open)
  const name = call[1] as string
  const meaning = (FUNCTIONS[name] as Meaning)[dialect]
  if (meaning.length > 0 && meaning.length !== args.length) throw new Error(`${name} takes ${meaning.length} arguments, not ${args.length}`)
  return sql.slice(0, start) + meaning(...args.map((arg) => expanded(arg, dialect))) + expanded(sql.slice(end), dialect)
}

/** From behind the opening bracket to behind the one that closes it. */
function argumentsFrom(sql: string, open: number): { args: string[]; end: number } {
  const args: string[] = []
  let [depth, from] = [0, open]
  for (const { 0: token, index } of sql.slice(open).matchAll(/'[^']*'|[()[\]{},]/g)) {
    const at = open + index
    if (depth === 0 && (token === ',' || token === ')')) {
      const arg = sql.slice(from, at).trim()
      if (arg !== '' || args.length > 0) args.push(arg)
      from = at + 1
      if (token === ')') return { args, end: from }
    }
    if ('([{'.includes(token)) depth += 1
    if (')]}'.includes(token)) depth -= 1
  }
  throw new Error(`a bracket is not closed: ${sql.slice(open - 20, open + 40)}`)
}

/** A text as it stands in a statement. */
export function literal(text: string, dialect: Dialect): string {
  const quoted = text.replaceAll("'", "''")
  // To the others a backslash is an escape.
  return `'${dialect === 'duckdb' ? quoted : quoted.replaceAll('\\', '\\\\')}'`
}

/** Rows to select from: `(values ('a', 1)) as t(name, n)`; null is null, whatever the column. Texts want a cast where they are none. */
export function valuesOf(
  name: string,
  columns: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
  dialect: Dialect,
): string {
  const one = (value: string | number | null) => (typeof value === 'string' ? literal(value, dialect) : String(value))
  return `(values ${rows.map((row) => `(${row.map(one).join(', ')})`).join(', ')}) as ${name}(${columns.join(', ')})`
}

/** Texts that hardly come again: there is nothing to gain by looking for what is the same in them. */
const UNLIKE = ['event_id', 'order_id', 'client_order_id', 'click_event_id', 'session_id']

export interface Column {
  column_name: string
  /** In the database's own words. */
  column_type: string
}

let shapes = 0

/** The columns that a statement gives. */
export async function columnsOf(session: Session, select: string): Promise<Column[]> {
  if (session.dialect === 'duckdb') return session.rows(`select column_name, column_type from (describe ${select})`)
  // Others may be asking for columns too. Nothing is computed for a view.
  shapes += 1
  const name = `shape_${process.pid}_${shapes}`
  await session.run(`create or replace view etl.${name} as ${select}`)
  try {
    return await session.rows(
      `select lower(column_name) as column_name, data_type || coalesce('(' || numeric_precision || ', ' || numeric_scale || ')', '') as column_type
       from information_schema.columns
       where lower(table_schema) = 'etl' and lower(table_name) = '${name}' order by ordinal_position`,
    )
  } finally {
    await session.run(`drop view if exists etl.${name}`)
  }
}

/** A table without rows, of the columns that the statement gives. */
export async function createTable(session: Session, name: string, select: string): Promise<void> {
  if (session.dialect === 'duckdb') await session.run(duckdbTable(name, await columnsOf(session, select)))
  else await session.run(`create table ${name} as select * from (${select}) as shape limit 0`)
}

/** Texts are compressed the way that costs the least to write: left to choose, DuckDB tries them all. */
function duckdbTable(name: string, columns: readonly Column[]): string {
  const lines = columns.map(({ column_name: column, column_type: type }) => {
    const compression = UNLIKE.includes(column) ? 'uncompressed' : 'dict_fsst'
    return `${column} ${type}${type === 'VARCHAR' ? ` using compression ${compression}` : ''}`
  })
  return `create table ${name} (${lines.join(', ')})`
}

/**
 * Within a transaction, before bronze is looked at: it stays as it is until the end, so that what is counted is what is read. DuckDB's transactions see one moment anyway. On
 * Snowflake each statement sees what was committed before it: the loader is held off, whose every load begins with the places. (https://docs.snowflake.com/en/sql-reference/transactions)
 */
export async function holdBronze(session: Session): Promise<void> {
  if (session.dialect === 'snowflake') await session.run('update bronze.places set "next" = "next", skipped = skipped')
}

/** A run has two cores to itself at most: each thread takes memory of its own. */
const THREADS_MIN = 2

/** With two threads at least, where they are this process's. The setting is the whole process's, which does small things with one: so it is set back. */
export async function withThreads<T>(session: Session, work: () => Promise<T>): Promise<T> {
  if (session.dialect !== 'duckdb') return work()
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
