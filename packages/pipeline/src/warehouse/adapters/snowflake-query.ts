import { FlowGuardError } from '../../kernel/errors.ts'
import { charsMax, tooLate, turns } from '../typed.ts'
import type { Answer, Limits, Value } from '../warehouse.ts'
import type { Connection, Statement } from './snowflake-driver.ts'
import { snowflakeError } from './snowflake-errors.ts'
import { needsReading } from './snowflake-sql.ts'
import { AS_TEXT, nameOf, plainValue, typeOf } from './snowflake-values.ts'

/** Each on a connection of its own. */
const QUERIES_MAX = 2

type Borrow = <T>(work: (connection: Connection) => Promise<T>) => Promise<T>

/** Answers what people type: one statement that only reads. */
export function typedQueries(where: string, borrow: Borrow): (sql: string, limits: Limits) => Promise<Answer> {
  const inTurn = turns(QUERIES_MAX)
  return async (sql, limits) => {
    needsReading(sql)
    const until = performance.now() + limits.timeoutMs
    return inTurn(limits.timeoutMs, () => borrow((connection) => answered(connection, where, sql, limits, until)))
  }
}

async function answered(
  connection: Connection,
  where: string,
  sql: string,
  { rowsMax, timeoutMs }: Limits,
  until: number,
): Promise<Answer> {
  const late = Promise.withResolvers<never>()
  late.promise.catch(() => undefined)
  let running: Statement | undefined
  const timer = setTimeout(
    () => {
      running?.cancel(() => undefined)
      late.reject(tooLate(timeoutMs))
    },
    Math.max(0, until - performance.now()),
  )
  const asked = new Promise<Statement>((resolve, reject) => {
    running = connection.execute({
      sqlText: sql,
      rowMode: 'array',
      fetchAsString: AS_TEXT,
      streamResult: true,
      // Whatever becomes of this process, it does not run on there, nor return what nobody reads.
      parameters: { STATEMENT_TIMEOUT_IN_SECONDS: Math.ceil(timeoutMs / 1_000), ROWS_PER_RESULTSET: rowsMax + 1 },
      complete: (error, statement) => (error ? reject(error) : resolve(statement)),
    })
  })
  try {
    return await Promise.race([late.promise, asked.then((statement) => read(statement, rowsMax))])
  } catch (error) {
    throw snowflakeError(where, error, 'query_failed')
  } finally {
    clearTimeout(timer)
  }
}

async function read(statement: Statement, rowsMax: number): Promise<Answer> {
  const columns = statement.getColumns() ?? []
  const rows: Value[][] = []
  const within = charsMax()
  let truncated = false
  for await (const row of statement.streamRows()) {
    if (rows.length === rowsMax) {
      truncated = true
      break
    }
    const values = columns.map((column, at) => plainValue(row[at], column))
    within(values)
    rows.push(values)
  }
  return { columns: columns.map((column) => ({ name: nameOf(column), type: typeOf(column) })), rows, truncated }
}

/** Whether a connection is as good as before: what was stopped, or never came, leaves it to itself. */
export const isUnharmed = (error: unknown): boolean => error instanceof FlowGuardError && error.code === 'query_failed'
