import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { FlowGuardError } from '../../kernel/errors.ts'
import { charsMax, tooLate, turns } from '../typed.ts'
import type { Answer, Limits, Value } from '../warehouse.ts'
import { duckdbError } from './duckdb-errors.ts'

/** Statements run in the few threads that Node has for such things: the loader's and the ETL's must find one free. */
const QUERIES_MAX = 2
const STOP_AGAIN_MS = 50

const COMMENT = /--.*|\/\*[^]*?\*\//g
/** With ANALYZE it does what it explains, whatever that is: files are written and settings changed even where the transaction only reads. */
const EXPLAINS_A_LOOK = /^\s*explain\s+(?:analyze\s+)?(?:select|from|with|values|describe|show|summarize)\b/i
/**
 * Functions that do more than read, wherever their names stand, and calls of what runs a text, where they could be hidden. `enable_logging` into a file ends
 * the whole process.
 */
const DOES_MORE =
  /(?:en|dis)able_logging|truncate_duckdb_logs|execute_serialized|u&"|\b(?:query|(?:force_)?checkpoint)\b["\s]*(?=\(|\/\*|--)/i

/** As SQL writes text. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Answers what people type: one statement that only reads, each in a connection and a read-only transaction of its own. */
export function typedQueries(path: string, instance: () => Promise<DuckDBInstance>): (sql: string, limits: Limits) => Promise<Answer> {
  const inTurn = turns(QUERIES_MAX)
  return async (sql, limits) => {
    const until = performance.now() + limits.timeoutMs
    return inTurn(limits.timeoutMs, async () => {
      try {
        const connection = await (await instance()).connect()
        try {
          return await answered(connection, sql, limits, until)
        } finally {
          connection.disconnectSync()
        }
      } catch (error) {
        throw duckdbError(path, error, 'query_failed')
      }
    })
  }
}

async function answered(connection: DuckDBConnection, sql: string, { rowsMax, timeoutMs }: Limits, until: number): Promise<Answer> {
  const { StatementType } = await import('@duckdb/node-api')
  const { plainValue } = await import('./duckdb-values.ts')
  let isLate = false
  let timer: NodeJS.Timeout | undefined
  // An interrupt between two steps of the work is lost: it is repeated.
  const stopAfter = (ms: number) => {
    timer = setTimeout(() => {
      isLate = true
      connection.interrupt()
      stopAfter(STOP_AGAIN_MS)
    }, ms)
  }
  stopAfter(Math.max(0, until - performance.now()))
  try {
    if (sql.replaceAll(COMMENT, '').trim() === '') throw new FlowGuardError('query_refused', 'there is no statement')
    const more = DOES_MORE.exec(sql)?.[0]
    if (more !== undefined) throw new FlowGuardError('query_refused', `${more} does more than read`)
    const statements = await connection.extractStatements(sql)
    if (statements.count !== 1) throw new FlowGuardError('query_refused', `one statement at a time; these are ${statements.count}`)
    await connection.run('begin transaction read only')
    const prepared = await statements.prepare(0)
    const type = prepared.statementType
    if (type !== StatementType.SELECT && type !== StatementType.EXPLAIN) {
      throw new FlowGuardError('query_refused', `${StatementType[type]} is not a statement that only reads`)
    }
    if (type === StatementType.EXPLAIN && !EXPLAINS_A_LOOK.test(sql)) {
      throw new FlowGuardError(
        'query_refused',
        'only a statement that reads can be explained, with EXPLAIN or EXPLAIN ANALYZE right before it',
      )
    }
    const result = await prepared.stream()
    const rows: Value[][] = []
    const within = charsMax()
    while (rows.length <= rowsMax) {
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) break
      for (const row of chunk.getRows()) {
        const values = row.map(plainValue)
        within(values)
        rows.push(values)
      }
    }
    const columns = result.columnNames().map((name, at) => ({ name, type: String(result.columnType(at)) }))
    return { columns, rows: rows.slice(0, rowsMax), truncated: rows.length > rowsMax }
  } catch (error) {
    if (isLate) throw tooLate(timeoutMs, error)
    if (error instanceof Error && /read-only mode|configuration has been locked|disabled by configuration/.test(error.message)) {
      throw new FlowGuardError('query_refused', error.message, error)
    }
    throw error
  } finally {
    clearTimeout(timer)
  }
}
