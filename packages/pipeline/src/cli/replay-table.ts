import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { EVENT_BYTES_MAX } from '@flowguard/contract'
import type { DuckDBConnection } from '@duckdb/node-api'
import { FlowGuardError } from '../kernel/errors.ts'
import { headOf, sendable, type EventFile, type EventSource, type FileEvent } from './replay-file.ts'
import { eventJson, inputSql, unknownColumns, type TableColumn } from './replay-sql.ts'

/** What DuckDB may hold; beyond, what a SELECT sorts or groups goes to the disk. */
const MEMORY_LIMIT = '512MB'

/** A SELECT of the operator's own that makes events of any file. */
export interface Mapping {
  path: string
  sql: string
}

/** Throws `mapping_invalid` where it cannot be read. */
export function readMapping(path: string): Mapping {
  try {
    return { path, sql: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)).replaceAll('\r\n', '\n').trim() }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new FlowGuardError('file_missing', `${path}: there is no such file`, error)
    throw new FlowGuardError('mapping_invalid', `${path}: ${message}`, error)
  }
}

export interface OpenOptions {
  mapping: Mapping | undefined
  signal: AbortSignal
  say: (text: string) => void
}

/** A file as DuckDB reads it, through the operator's SELECT where there is one. Throws `file_invalid` or `mapping_invalid`. */
export async function openTable(file: EventFile, { mapping, signal, say }: OpenOptions): Promise<EventSource> {
  const duckdb = await openDuckdb(signal)
  try {
    const { connection } = duckdb
    const { isGzip, text } = await headOf(file.path)
    await guarded('file_invalid', file.path, async () => {
      await connection.run(`create view input as ${await inputSql(file.path, { isGzip, head: text }, (sql) => rowsOf(connection, sql))}`)
    })
    if (mapping) await createMapped(connection, mapping)
    const code = mapping ? 'mapping_invalid' : 'file_invalid'
    const named = mapping?.path ?? file.path
    const columns = await guarded(code, named, () => columnsOf(connection, mapping ? 'mapped' : 'input'))
    for (const warning of warningsOf(columns, named, code)) say(warning)
    const sql = `select ${eventJson(columns)} from ${mapping ? 'mapped' : 'input'}`
    return {
      ...file,
      // Another mapping makes other events of the same rows: they must not have the same ids.
      sha256: mapping ? createHash('sha256').update(`${file.sha256}\n${mapping.sql}`).digest('hex') : file.sha256,
      name: basename(file.path),
      unit: 'row',
      read: ({ afterLine = 0 } = {}) => readRows(connection, sql, { afterLine, toEvent: rowReader(columns), code, named, signal }),
      [Symbol.asyncDispose]: duckdb.close,
    }
  } catch (error) {
    await duckdb.close()
    throw error
  }
}

/** In memory, with a folder for what does not fit, in UTC, and fetching nothing from outside. */
async function openDuckdb(signal: AbortSignal): Promise<{ connection: DuckDBConnection; close: () => Promise<void> }> {
  // Loaded by who needs it: it is large, and most commands never do.
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-replay-'))
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: MEMORY_LIMIT,
    temp_directory: folder,
    autoinstall_known_extensions: 'false',
  })
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'")
  const interrupt = () => connection.interrupt()
  signal.addEventListener('abort', interrupt)
  return {
    connection,
    async close() {
      signal.removeEventListener('abort', interrupt)
      connection.closeSync()
      instance.closeSync()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The mapping as a view, which only a SELECT can be. */
async function createMapped(connection: DuckDBConnection, { path, sql }: Mapping): Promise<void> {
  const { StatementType } = await import('@duckdb/node-api')
  await guarded('mapping_invalid', path, async () => {
    // With one behind it, for DuckDB takes no text without any.
    const statements = await connection.extractStatements(`${sql}\n; select 1`)
    const isSelect = statements.count === 2 && (await statements.prepare(0)).statementType === StatementType.SELECT
    if (!isSelect) throw new FlowGuardError('mapping_invalid', `${path}: must be one SELECT, and nothing else`)
    await connection.run(`create view mapped as ${sql}`)
  })
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson()
}

async function columnsOf(connection: DuckDBConnection, view: string): Promise<TableColumn[]> {
  const rows = await rowsOf(connection, `select column_name as name, column_type as type from (describe ${view})`)
  return rows as unknown as TableColumn[]
}

/** What to know about the columns. Throws where none of them is a field of ours. */
function warningsOf(columns: readonly TableColumn[], named: string, code: 'file_invalid' | 'mapping_invalid'): string[] {
  const { unknown, isAnyKnown } = unknownColumns(columns)
  if (!isAnyKnown) {
    const names = columns.map(({ name }) => name).join(', ')
    throw new FlowGuardError(code, `${named}: none of its columns is a field of an event (event_type, user_id, timestamp, …): ${names}`)
  }
  if (unknown.length === 0) return []
  return [`${basename(named)}: no event has the ${unknown.length > 1 ? 'fields' : 'field'} ${unknown.join(', ')}: kept as given.`]
}

interface RowsOptions {
  afterLine: number
  toEvent: RowReader
  code: 'file_invalid' | 'mapping_invalid'
  named: string
  signal: AbortSignal
}

/** The rows after one, as DuckDB makes them, a chunk at a time. */
async function* readRows(
  connection: DuckDBConnection,
  sql: string,
  { afterLine, toEvent, code, named, signal }: RowsOptions,
): AsyncGenerator<FileEvent[]> {
  /** What is interrupted has not failed: there is no more of it. */
  const ask = <T>(work: () => Promise<T>) =>
    guarded(code, named, work).catch((error: unknown) => {
      if (signal.aborted) return null
      throw error
    })
  const result = await ask(() => connection.stream(sql))
  let row = 0
  while (result && !signal.aborted) {
    const chunk = await ask(() => result.fetchChunk())
    if (!chunk || chunk.rowCount === 0) return
    const { rowCount } = chunk
    const events: FileEvent[] = []
    if (row + rowCount > afterLine) {
      const texts = chunk.getColumnVector(0)
      for (let at = Math.max(0, afterLine - row); at < rowCount; at += 1) events.push(toEvent(row + at + 1, texts.getItem(at) as string))
    }
    row += rowCount
    yield events
  }
}

type RowReader = (row: number, text: string) => FileEvent

/** What `eventJson` made of a row. Only what is out of the ordinary is taken apart: this is done for every event there is. */
function rowReader(columns: readonly TableColumn[]): RowReader {
  const has = (name: string) => columns.some((column) => column.name === name)
  const front = new RegExp(
    `^\\{${has('timestamp') ? '"timestamp":"([^"\\\\]*)"' : '()'},?${has('event_id') ? '"event_id":"([^"\\\\]*)"' : '()'}`,
  )
  return (line, text) => {
    if (text.startsWith('"')) return { line, fault: (JSON.parse(text) as string) || 'rejected', detail: 'the mapping says so' }
    if (text.length > EVENT_BYTES_MAX / UTF8_BYTES_MAX && Buffer.byteLength(text) > EVENT_BYTES_MAX)
      return { line, fault: 'too_large', detail: `an event is at most ${EVENT_BYTES_MAX} bytes` }
    const found = OUT_OF_THE_ORDINARY.test(text) ? null : front.exec(text)
    if (found) return sendable(line, { timestamp: found[1], event_id: found[2] }, text)
    try {
      const event = withoutNulls(JSON.parse(text)) as Record<string, unknown>
      return sendable(line, event, JSON.stringify(event))
    } catch (error) {
      return { line, fault: 'malformed_json', detail: (error as Error).message }
    }
  }
}

/** A member that is not there, or a number that JSON has no word for and DuckDB writes all the same. */
const OUT_OF_THE_ORDINARY = /:null|[:[,](?:NaN|-?Infinity)/

/** A UTF-16 unit takes at most so many bytes. */
const UTF8_BYTES_MAX = 3

/** A column or a member that is null is one that the row does not have. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const kept = Object.entries(value).filter(([, member]) => member !== null)
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutNulls(member)]))
}

/** DuckDB's own words for what was wrong, without its lists of settings. */
async function guarded<T>(code: 'file_invalid' | 'mapping_invalid', path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FlowGuardError) throw error
    const [message = ''] = (error as Error).message.split(/\n+Possible (?:fixes|solutions):/)
    throw new FlowGuardError(code, `${path}: ${message.replace(/^Failed to extract statements: /, '').trim()}`, error)
  }
}
