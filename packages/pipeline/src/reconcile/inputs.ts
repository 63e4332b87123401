import type { Dialect, Param, Session } from '../warehouse/warehouse.ts'

/** So many rows go to the warehouse with one statement. */
const ROWS_MAX = 10_000

/** What the batch is told besides the events, and what it is compared with: temporary tables of one session. Amounts in milli-paise, times in milliseconds. */
const TABLES = {
  /** Where the readers had come to when the ledger was looked at. */
  recon_places: { topic: 'varchar', number: 'integer', next: 'bigint' },
  recon_terms: { ad_id: 'varchar', since: 'timestamp', until: 'timestamp', pricing: 'varchar', amount: 'bigint' },
  /** What the stream noted as late. */
  recon_late: { topic: 'varchar', number: 'integer', position: 'bigint', behind_ms: 'bigint' },
  recon_flags: { user_id: 'varchar', event_id: 'varchar' },
  /** Without what reconciliation itself has put there. `one`: the amount of one of its rows. */
  recon_ledger: { kind: 'varchar', event_id: 'varchar', ad_id: 'varchar', day: 'date', charges: 'bigint', amount: 'bigint', one: 'bigint' },
  /** What was settled before: `amount` with what was `waived`, and what the batch said last. */
  recon_settled: {
    kind: 'varchar',
    event_id: 'varchar',
    ad_id: 'varchar',
    day: 'date',
    order_id: 'varchar',
    amount: 'bigint',
    waived: 'bigint',
    cause: 'varchar',
    batch_count: 'bigint',
    batch_amount: 'bigint',
    batch_click: 'varchar',
    batch_ad: 'varchar',
  },
} as const

export type InputTable = keyof typeof TABLES
export type InputRow = readonly (string | number | null)[]

/** Makes the tables anew, and empty. */
export async function makeInputs(session: Session): Promise<void> {
  for (const [name, columns] of Object.entries(TABLES)) {
    const lines = Object.entries(columns).map(([column, type]) => `${column} ${type}`)
    await session.run(`create or replace temp table ${name} (${lines.join(', ')})`)
  }
}

/** Adds rows, each with a value for every column, in their order. */
export async function fillInput(session: Session, name: InputTable, rows: Iterable<InputRow>): Promise<void> {
  let some: InputRow[] = []
  const flush = async () => {
    if (some.length === 0) return
    const { sql, params } = FILLED[session.dialect](name, some)
    await session.run(sql, params)
    some = []
  }
  for (const row of rows) {
    some.push(row)
    if (some.length >= ROWS_MAX) await flush()
  }
  await flush()
}

interface Filled {
  sql: string
  params: Param[]
}

/** Many rows with one statement: each database has its own way. */
const FILLED: Readonly<Record<Dialect, (name: InputTable, rows: readonly InputRow[]) => Filled>> = {
  duckdb(name, rows) {
    const types = Object.values(TABLES[name])
    // The lists hold texts alone: one more character tells an empty one from null.
    const params = types.map((_, at) => rows.map((row) => (row[at] === null ? '' : `=${String(row[at])}`)))
    const given = types.map((_, at) => `unnest($${at + 1}::varchar[]) as c${at}`)
    const values = types.map((type, at) => `case when c${at} = '' then null else ${castOf(`substr(c${at}, 2)`, type)} end`)
    return { sql: `insert into ${name} select ${values.join(', ')} from (select ${given.join(', ')}) as given`, params }
  },
  /** As the loader loads: a text of JSON, which takes 16 MB. */
  snowflake(name, rows) {
    const types = Object.values(TABLES[name])
    const values = types.map((type, at) => `cast(r.value[${at}] as ${type === 'timestamp' ? 'timestamp_ntz' : type})`)
    const cells = rows.map((row) => row.map((cell, at) => (types[at] === 'timestamp' && cell !== null ? timeOf(Number(cell)) : cell)))
    return {
      sql: `insert into ${name} select ${values.join(', ')} from (select parse_json($1) as given) as j, lateral flatten(input => j.given) as r`,
      params: [JSON.stringify(cells)],
    }
  },
}

const castOf = (text: string, type: string) =>
  type === 'timestamp' ? `make_timestamp(cast(${text} as bigint) * 1000)` : `cast(${text} as ${type})`
/** UTC, without the zone's letter. */
const timeOf = (ms: number) => new Date(ms).toISOString().slice(0, -1)
