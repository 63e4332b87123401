import type { Topic } from '@flowguard/contract'
import type { LogRecord, Place } from '../log/event-log.ts'
import type { Expired } from '../reader/expired.ts'

/**
 * A value as answers carry it. Whole numbers and decimals are numbers where a number holds them exactly, else text; times are RFC 3339 in UTC
 * (`2026-01-31T19:30:00.000Z`), days `2026-01-31`.
 */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value }
export type Row = Readonly<Record<string, Value>>
/** What stands for a `?` or `$1`. A whole number is a BIGINT, any other a DOUBLE; texts are a list, where there is none (Snowflake) a text of JSON. */
export type Param = string | number | boolean | null | readonly string[]

export type Dialect = 'duckdb' | 'snowflake'

/** One connection of its own: what it does in a transaction nobody else sees before the commit. One statement at a time. */
export interface Session extends Disposable {
  /** Whose words its statements are in, where databases differ. */
  readonly dialect: Dialect
  /** Resolves to the number of rows changed. */
  run(sql: string, params?: readonly Param[]): Promise<number>
  rows<T = Row>(sql: string, params?: readonly Param[]): Promise<T[]>
  /** Commits what the work did, or, where it throws, nothing of it. */
  transaction<T>(work: () => Promise<T>): Promise<T>
  /** Ends the statement that runs: it rejects with `query_stopped`. */
  interrupt(): void
}

export interface Answer {
  columns: readonly { name: string; type: string }[]
  rows: readonly (readonly Value[])[]
  /** There were more rows than were asked for. */
  truncated: boolean
}

export interface Limits {
  rowsMax: number
  timeoutMs: number
}

/** As much as anybody may ask for at once. */
export const QUERY_LIMITS: Limits = { rowsMax: 100_000, timeoutMs: 600_000 }

/** Where the loader stands in one partition: `read` = `applied` + `skipped`, counted record by record. `expired` are offsets that it never read: `Standing`. */
export interface LoadPlace extends Place {
  logId: string
  began: number
  expired: number
  read: number
  applied: number
  skipped: number
}

/** Records on their way in: what is slow about them is done as they are added, and where they lead is known. */
export interface Batch extends Disposable {
  /** Behind what was added before. */
  add(records: readonly LogRecord[]): void
  /** Records added. */
  readonly count: number
  /** One for each partition that has records among them. */
  readonly steps: readonly LoadStep[]
}

/** One step of the loader in one partition: from where it stood to behind the last record, and what became of those between. */
export interface LoadStep {
  topic: Topic
  partition: number
  from: number
  next: number
  read: number
  applied: number
  skipped: number
}

/** The database's own way to take many records at once. One loader uses it; it may fill the next batch while the last is loaded. */
export interface Bronze {
  places(): Promise<readonly LoadPlace[]>
  /** A partition that was never loaded begins at its place; one that was goes on where it stands. */
  begin(places: readonly (Place & { logId: string })[]): Promise<readonly LoadPlace[]>
  /** One transaction: places behind what the log deleted unread, and that is booked. Throws `place_moved` as `load` does. Resolves to all places. */
  expire(stretches: readonly Expired[]): Promise<readonly LoadPlace[]>
  batch(logIdOf: (topic: Topic) => string): Promise<Batch>
  /**
   * Rows and places in one transaction; a row whose `ingestion_id` is there already is left out. Throws `place_moved` where a partition no longer
   * stands where the step begins. Nothing of it happened where it throws, unless the very commit failed: then the places tell.
   */
  load(batch: Batch, loadedAt: number): Promise<void>
}

/** A table of a copy, and the statement that it is made of. */
export interface CopiedTable {
  name: string
  select: string
}

export interface Copied {
  bytes: number
  tables: readonly { name: string; rows: number }[]
}

/**
 * The warehouse that this process owns. It is opened at the first use, and again at the next one where that failed: `warehouse_held` (another process has it),
 * `warehouse_corrupt`, `warehouse_missing` (something was loaded once; on Snowflake: not made yet), `warehouse_denied`, `disk_full`, `warehouse_failed`.
 */
export interface Warehouse extends AsyncDisposable {
  readonly dialect: Dialect
  session(): Promise<Session>
  /** One statement that only reads, as people type it. Throws `query_refused` for any other, `query_failed`, `query_stopped` beyond the time given. */
  readonly query: (sql: string, limits: Limits) => Promise<Answer>
  readonly bronze: Bronze
  /**
   * A database of its own at `file`, with these tables as of one moment; whoever opens it finds all of it, or all of the one before. One at a time. Undefined
   * where other programs can ask the warehouse itself. Throws as the warehouse does, and `disk_full`.
   */
  readonly copyTo?: ((file: string, tables: readonly CopiedTable[]) => Promise<Copied>) | undefined
}
