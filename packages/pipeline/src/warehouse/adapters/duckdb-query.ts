import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Answer, Limits, Value } from '../warehouse.ts'
import { duckdbError } from './duckdb-errors.ts'

/** Statements run in the few threads that Node has for such things: the loader's and the ETL's must find one free. */
const QUERIES_MAX = 2

const COMMENT = /--.*|\/\*[^]*?\*\//g

/** As SQL writes text. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Answers what people type: one statement that only reads, each in a connection and a read-only transaction of its own. */
export function typedQueries(path: string, instance: () => Promise<DuckDBInstance>): (sql: string, limits: Limits) => Promise<Answer> {
  let running = 0
  const waiting: (() => void)[] = []

  return async (sql, limits) => {
    if (running >= QUERIES_MAX) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      const connection = await (await instance()).connect()
      try {
        return await answered(connection, sql, limits)
      } finally {
        connection.disconnectSync()
      }
    } catch (error) {
      throw duckdbError(path, error, 'query_failed')
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}

async function answered(connection: DuckDBConnection, sql: string, { rowsMax, timeoutMs }: Limits): Promise<Answer> {
  const { StatementType } = await import('@duckdb/node-api')
  const { plainValue } = await import('./duckdb-values.ts')
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    connection.interrupt()
  }, timeoutMs)
  try {
    if (sql.replaceAll(COMMENT, '').trim() === '') throw new FlowGuardError('query_refused', 'there is no statement')
    const statements = await connection.extractStatements(sql)
    if (statements.count !== 1) throw new FlowGuardError('query_refused', `one statement at a time; these are ${statements.count}`)
    await connection.run('begin transaction read only')
    const prepared = await statements.prepare(0)
    const type = prepared.statementType
    if (type !== StatementType.SELECT && type !== StatementType.EXPLAIN) {
      throw new FlowGuardError('query_refused', `${StatementType[type]} is not a statement that only reads`)
    }
    const result = await prepared.stream()
    const rows: Value[][] = []
    while (rows.length <= rowsMax) {
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) break
      for (const row of chunk.getRows()) rows.push(row.map(plainValue))
    }
    const columns = result.columnNames().map((name, at) => ({ name, type: String(result.columnType(at)) }))
    return { columns, rows: rows.slice(0, rowsMax), truncated: rows.length > rowsMax }
  } catch (error) {
    if (isLate) throw new FlowGuardError('query_stopped', `no answer within ${timeoutMs / 1_000} s`, error)
    if (error instanceof Error && /read-only mode|configuration has been locked|disabled by configuration/.test(error.message)) {
      throw new FlowGuardError('query_refused', error.message, error)
    }
    throw error
  } finally {
    clearTimeout(timer)
  }
}
