import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Clock } from '../../kernel/lifecycle.ts'
import { closeStore, guarded, migrate, openReadOnly, openStore, requireSchema, transaction } from '../../kernel/sqlite.ts'
import type { Database } from '../database.ts'
import { ordersIn } from './sqlite-orders.ts'
import { DATABASE_MIGRATIONS } from './sqlite-schema.ts'
import { tablesOn, type Cell, type Engine } from './tables.ts'

interface Options {
  path: string
  clock: Clock
}

/** Opens the operational tables as their owner, and makes them where there are none. */
export function openSqliteDatabase({ path, clock }: Options): Database {
  return sqliteDatabaseOn(openStore(path), { path, clock })
}

/** Opens the tables of another process to read them: whatever writes rejects with `store_unwritable`. Throws `store_missing` where there are none. */
export function openSqliteDatabaseReader({ path, clock }: Options): Database {
  const db = openReadOnly(path)
  requireSchema(db, path, DATABASE_MIGRATIONS)
  return databaseOn(db, path, clock)
}

/** The tables on a connection that is there already; it is closed with them. */
export function sqliteDatabaseOn(db: DatabaseSync, { path, clock }: Options): Database {
  migrate(db, path, DATABASE_MIGRATIONS)
  return databaseOn(db, path, clock)
}

function databaseOn(db: DatabaseSync, path: string, clock: Clock): Database {
  const { flush, ...orders } = ordersIn(db, path, clock)
  return {
    ...orders,
    ...tablesOn(engineOn(db, path), clock),
    async [Symbol.asyncDispose]() {
      flush()
      closeStore(db)
    },
  }
}

/** Each call is one statement or one transaction without a pause in it: so it shares the connection of the orders. */
function engineOn(db: DatabaseSync, path: string): Engine {
  const prepared = new Map<string, StatementSync>()
  const statement = (text: string) => {
    let known = prepared.get(text)
    if (!known) prepared.set(text, (known = db.prepare(text.replaceAll(/\$(?=\d)/g, '?'))))
    return known
  }
  return {
    rows: async <Row>(text: string, values: readonly Cell[] = []) =>
      guarded(path, () => statement(text).all(...values)).map((row) => ({ ...row }) as Row),
    changed: async (text, values = []) => guarded(path, () => Number(statement(text).run(...values).changes)),
    async replace(table, columns, rows) {
      guarded(path, () => {
        const insert = statement(`insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`)
        transaction(db, () => {
          db.exec(`delete from ${table}`)
          for (const row of rows) insert.run(...row)
        })
      })
    },
  }
}
