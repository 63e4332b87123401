import { Pool, types, type PoolClient } from 'pg'
import { FlowGuardError } from './errors.ts'
import { pause } from './lifecycle.ts'

const CONNECT_MS_MAX = 5_000
/** Longer than anything asked here takes: a server that says nothing more is given up. */
const STATEMENT_MS_MAX = 30_000
/** A process that stands still inside a transaction would hold up who waits for its rows. */
const IDLE_IN_TRANSACTION_MS_MAX = 10_000
/** How often a transaction that lost against another is done again. */
const TRIES_MAX = 8
const CONNECTIONS_MAX = 8
const OID = { int8: 20, text: 25, varchar: 1043 } as const

/** A statement that each connection prepares once, under its name; plain text is parsed each time. */
export interface Prepared {
  name: string
  text: string
}

/**
 * Text of any kind comes back as it was, U+0000 too, which PostgreSQL's text cannot hold: see `storable`. `int8` comes as a number, `numeric` as text,
 * and so does `xid8`. An array of strings or numbers is one parameter, for `unnest($1::text[])`; arrays in results are not made whole.
 */
export interface Statements {
  rows<Row>(statement: string | Prepared, values?: readonly unknown[]): Promise<Row[]>
  /** How many rows it changed. */
  changed(statement: string | Prepared, values?: readonly unknown[]): Promise<number>
}

/** One database. What fails does so with a code of ours (`postgresError`); a constraint that was broken, or a statement that is wrong, as PostgreSQL says it. */
export interface Postgres extends Statements, AsyncDisposable {
  /** Its address without a password: for messages. */
  readonly at: string
  /**
   * On one connection, committed when the work is done, and nothing of it where that fails: only a connection lost while it commits leaves open which. Where it
   * lost against another transaction it is done again from its beginning: it may do nothing but its statements.
   */
  transaction<T>(work: (on: Statements) => Promise<T>): Promise<T>
}

interface Options {
  /** `postgres://…` */
  url: string
  connectionsMax?: number
  /** For who only looks: whatever would write is refused with `store_unwritable`. */
  onlyReads?: boolean
}

/** Connects when it is first asked. Every commit is flushed before it returns, whatever the server's own default. */
export function openPostgres({ url, connectionsMax = CONNECTIONS_MAX, onlyReads = false }: Options): Postgres {
  const at = addressOf(url)
  const pool = new Pool({
    connectionString: url,
    application_name: 'flowguard',
    max: connectionsMax,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    query_timeout: STATEMENT_MS_MAX + 1_000,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
    keepAlive: true,
    types: { getTypeParser: ((oid: number) => PARSERS.get(oid) ?? types.getTypeParser(oid)) as typeof types.getTypeParser },
    verify: (client, done) => client.query(onlyReads ? READER_SETTINGS : WRITER_SETTINGS, (error) => done(error)),
  })
  // Without a listener a connection that is lost between two statements would end the process: the next statement says so, or the pool makes another.
  const ignore = () => undefined
  pool.on('error', ignore)
  pool.on('connect', (client) => void client.on('error', ignore))

  const failureOf = (error: unknown) => postgresError(at, error, onlyReads)

  async function connected<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    if (pool.ending) throw new FlowGuardError('database_unavailable', `${at} is closed`)
    const client = await pool.connect().catch((error: unknown) => {
      throw failureOf(error)
    })
    let failure: unknown
    try {
      return await work(client)
    } catch (error) {
      failure = error
      throw failureOf(error)
    } finally {
      // What a statement or its connection was in is not known: only after an answer of the server's is it used again. One that may only read, although it is to
      // write, may be of a server that others have left, and stay so: the next one is of whichever server is there then.
      const state = sqlStateOf(failure)
      client.release(failure !== undefined && (state === undefined || state === READ_ONLY))
    }
  }

  async function transactionOnce<T>(work: (on: Statements) => Promise<T>): Promise<T> {
    return connected(async (client) => {
      await client.query('begin')
      try {
        const result = await work(statementsOn(client))
        await client.query('commit')
        return result
      } catch (error) {
        // The server's own answer leaves the connection usable; anything else has it closed, which undoes the transaction as well.
        if (sqlStateOf(error) !== undefined || error instanceof FlowGuardError) await client.query('rollback')
        throw error
      }
    })
  }

  return {
    at,
    rows: (statement, values) => connected((client) => statementsOn(client).rows(statement, values)),
    changed: (statement, values) => connected((client) => statementsOn(client).changed(statement, values)),
    async transaction(work) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await transactionOnce(work)
        } catch (error) {
          if (!isLostRace(error) || tries === TRIES_MAX) throw error
          await pause(tries, NEVER)
        }
      }
    },
    async [Symbol.asyncDispose]() {
      if (!pool.ending) await pool.end()
    },
  }
}

const NEVER = new AbortController().signal
const READ_ONLY = '25006'
const WRITER_SETTINGS =
  "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') in ('off', 'local')"
const READER_SETTINGS = 'set default_transaction_read_only = on'
const PARSERS = new Map<number, (text: string) => unknown>([
  [OID.int8, Number],
  [OID.text, restored],
  [OID.varchar, restored],
])

function statementsOn(client: PoolClient): Statements {
  const run = (statement: string | Prepared, values: readonly unknown[] = []) =>
    client.query({ ...(typeof statement === 'string' ? { text: statement } : statement), values: values.map(storable) })
  return {
    rows: async <Row>(statement: string | Prepared, values?: readonly unknown[]) => (await run(statement, values)).rows as Row[],
    changed: async (statement, values) => (await run(statement, values)).rowCount ?? 0,
  }
}

/** U+FFFF is no character and stands for an escape: `\uFFFF0` is U+0000, `\uFFFF1` is itself. Text without either is stored as it is. */
function storable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(storable)
  if (typeof value !== 'string' || !/[\0\uFFFF]/.test(value)) return value
  return value.replaceAll('\uFFFF', '\uFFFF1').replaceAll('\0', '\uFFFF0')
}

function restored(text: string): string {
  return text.includes('\uFFFF') ? text.replaceAll('\uFFFF0', '\0').replaceAll('\uFFFF1', '\uFFFF') : text
}

/**
 * Brings a list of tables to its newest version: `steps[n]` leads from version n to n + 1, all that are missing in one transaction. Several processes may start at
 * once: the first does it, the others wait for it. Throws `store_newer` where another FlowGuard has gone further.
 */
export async function migratePostgres(postgres: Postgres, list: string, steps: readonly string[]): Promise<void> {
  await postgres.transaction(async (on) => {
    await on.rows(`select pg_advisory_xact_lock(hashtextextended('flowguard migrations', 0))`)
    await on.rows('create table if not exists flowguard_migrations (list text primary key, version integer not null)')
    const version = versionIn(postgres.at, list, steps, await on.rows<Version>(VERSION_OF, [list]))
    if (version === steps.length) return
    for (const step of steps.slice(version)) await on.rows(step)
    await on.rows('insert into flowguard_migrations values ($1, $2) on conflict (list) do update set version = excluded.version', [
      list,
      steps.length,
    ])
  })
}

/** For whoever may not change the tables: throws `store_missing` until their owner has brought them to the newest version. */
export async function requirePostgresSchema(postgres: Postgres, list: string, steps: readonly string[]): Promise<void> {
  const version = versionIn(postgres.at, list, steps, await postgres.rows<Version>(VERSION_OF, [list]))
  if (version === steps.length) return
  throw new FlowGuardError(
    'store_missing',
    `${postgres.at} has ${list} of schema ${version}; its owner has yet to bring it to ${steps.length}`,
  )
}

interface Version {
  version: number
}

const VERSION_OF = 'select version from flowguard_migrations where list = $1'

function versionIn(at: string, list: string, steps: readonly string[], [row]: readonly Version[]): number {
  const version = row?.version ?? 0
  if (version <= steps.length) return version
  throw new FlowGuardError('store_newer', `${at} has ${list} of schema ${version}; this FlowGuard knows ${steps.length}`)
}

/** The code by which PostgreSQL names a failure: https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function sqlStateOf(error: unknown): string | undefined {
  const cause = error instanceof FlowGuardError ? error.cause : error
  const { code, severity } = (cause ?? {}) as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined
}

/** Whether a transaction was undone because another came first: done again, it may pass. */
function isLostRace(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state === '40001' || state === '40P01'
}

/** A failure of PostgreSQL, or on the way to it, as an error of ours; a broken constraint and whatever else is a bug as it is. */
function postgresError(at: string, error: unknown, onlyReads: boolean): unknown {
  if (!(error instanceof Error) || error instanceof FlowGuardError) return error
  const failure = (code: ConstructorParameters<typeof FlowGuardError>[0], what: string) =>
    new FlowGuardError(code, `${at}: ${what}: ${error.message || (error as NodeJS.ErrnoException).code}`, error)
  const state = sqlStateOf(error)
  if (state === undefined) return isOfConnection(error) ? failure('database_unavailable', 'no connection') : error
  if (state === '53100') return failure('disk_full', 'no space left')
  if (state === '42P01') return failure('store_missing', 'not there yet')
  if (state === '42501' || (state === READ_ONLY && onlyReads)) return failure('store_unwritable', 'may not be written')
  // While another server takes over, or this one has been told to write nothing.
  if (state === READ_ONLY) return failure('database_unavailable', 'only reads just now')
  if (state === 'XX001' || state === 'XX002') return failure('store_corrupt', 'damaged')
  if (state === '55P03' || state.startsWith('40')) return failure('store_busy', 'held by another')
  if (state === '3D000' || state.startsWith('28')) return failure('database_refused', 'lets nobody in')
  if (UNAVAILABLE.test(state)) return failure('database_unavailable', 'cannot be used just now')
  return error
}

/** Connection lost, too many of them, no memory, starting, stopping, cancelled, given up for standing idle, a disk that fails. */
const UNAVAILABLE = /^(08|53|57|58)|^25P0[34]$/

/** Node's own errors of sockets and names have a code; the driver's have words alone. */
function isOfConnection(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  if (code !== undefined) return /^(E[A-Z]{3,}|ERR_(SOCKET|STREAM|TLS|SSL).*|CERT_.*)$/.test(code)
  if (error instanceof AggregateError) return true
  return error.name === 'Error' && /connection|connect|timeout|not queryable|pool after calling end/i.test(error.message)
}

function addressOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `postgres://${host}${pathname}`
}
