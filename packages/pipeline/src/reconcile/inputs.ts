import type { Session } from '../warehouse/warehouse.ts'

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
  recon_ledger: { kind: 'varchar', event_id: 'varchar', ad_id: 'varchar', day: 'date', rows: 'bigint', amount: 'bigint', one: 'bigint' },
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
  const types = Object.values(TABLES[name])
  let some: InputRow[] = []
  const flush = async () => {
    if (some.length === 0) return
    // The lists hold texts alone: one more character tells an empty one from null.
    const lists = types.map((_, at) => some.map((row) => (row[at] === null ? '' : `=${String(row[at])}`)))
    const given = types.map((_, at) => `unnest($${at + 1}::varchar[]) as c${at}`)
    const values = types.map((type, at) => `case when c${at} = '' then null else ${castOf(`substr(c${at}, 2)`, type)} end`)
    await session.run(`insert into ${name} select ${values.join(', ')} from (select ${given.join(', ')}) as given`, lists)
    some = []
  }
  for (const row of rows) {
    some.push(row)
    if (some.length >= ROWS_MAX) await flush()
  }
  await flush()
}

const castOf = (text: string, type: string) =>
  type === 'timestamp' ? `make_timestamp(cast(${text} as bigint) * 1000)` : `cast(${text} as ${type})`
