import { FlowGuardError } from '../../kernel/errors.ts'
import type { Param, Row, Session } from '../warehouse.ts'
import type { Connection, Statement } from './snowflake-driver.ts'
import { snowflakeError } from './snowflake-errors.ts'
import { bound } from './snowflake-sql.ts'
import { AS_TEXT, nameOf, plainValue } from './snowflake-values.ts'

/** Within so long a statement that was stopped is over; the session is given up where it is not. */
const STOP_MS_MAX = 5_000

export interface OwnSession extends Session {
  /** Resolves once nothing runs on it. Whether it may serve somebody else: not after a failure, nor within a transaction. */
  end(): Promise<boolean>
}

interface Done {
  statement: Statement
  rows: readonly (readonly unknown[])[]
}

/** One connection's statements, one at a time. */
export function sessionOn(connection: Connection, where: string, release: (isGood: boolean) => void): OwnSession {
  let running: Statement | undefined
  let busy: Promise<unknown> = Promise.resolve()
  let isOpen = true
  let isGood = true
  let isWithin = false
  let isStopped = false

  function ask(sql: string, params: readonly Param[]): Promise<Done> {
    if (!isOpen) return Promise.reject(new FlowGuardError('warehouse_failed', `${where}: this connection is closed`))
    isStopped = false
    const asked = new Promise<Done>((resolve, reject) => {
      running = connection.execute({
        ...bound(sql, params),
        rowMode: 'array',
        fetchAsString: AS_TEXT,
        complete(error, statement, rows) {
          running = undefined
          if (error) reject(error)
          else resolve({ statement, rows: rows ?? [] })
        },
      })
    }).catch((error: unknown) => {
      const ours = isStopped ? new FlowGuardError('query_stopped', 'it was stopped', error) : snowflakeError(where, error, 'query_failed')
      // What is wrong with the statement is not wrong with the session.
      if (!(ours instanceof FlowGuardError && ['query_failed', 'query_stopped'].includes(ours.code))) isGood = false
      throw ours
    })
    busy = asked.catch(() => undefined)
    return asked
  }

  const run = async (sql: string, params: readonly Param[] = []) => Math.max(0, (await ask(sql, params)).statement.getNumUpdatedRows())

  function interrupt() {
    if (!running) return
    isStopped = true
    running.cancel(() => undefined)
  }

  async function end(): Promise<boolean> {
    if (!isOpen) return isGood
    interrupt()
    isOpen = false
    const isOver = await Promise.race([
      busy.then(() => true),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), STOP_MS_MAX).unref()),
    ])
    isGood &&= isOver && !isWithin
    release(isGood)
    return isGood
  }

  return {
    dialect: 'snowflake',
    run,
    async rows<T = Row>(sql: string, params: readonly Param[] = []) {
      const { statement, rows } = await ask(sql, params)
      const columns = (statement.getColumns() ?? []).map((column) => ({ column, name: nameOf(column) }))
      return rows.map((row) => Object.fromEntries(columns.map(({ column, name }, at) => [name, plainValue(row[at], column)]))) as T[]
    },
    async transaction(work) {
      isWithin = true
      try {
        await run('begin')
        const value = await work()
        await run('commit')
        isWithin = false
        return value
      } catch (error) {
        // Where it fails the session ends, and what it did with it.
        await run('rollback').then(
          () => (isWithin = false),
          () => (isGood = false),
        )
        throw error
      }
    },
    interrupt,
    end,
    [Symbol.dispose]: () => void end(),
  }
}
