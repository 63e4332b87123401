import type { Clock } from '../../kernel/lifecycle.ts'
import { migratePostgres, requirePostgresSchema, type Postgres } from '../../kernel/postgres.ts'
import type { Database } from '../database.ts'
import { postgresKeysOn } from './postgres-keys.ts'
import { postgresOrdersOn } from './postgres-orders.ts'
import { adoptOutbox, postgresOutboxOn } from './postgres-outbox.ts'
import { DATABASE_LIST, POSTGRES_DATABASE_MIGRATIONS } from './postgres-schema.ts'
import { tablesOn, type Engine } from './tables.ts'

interface Options {
  /** Stays open when the tables are closed: who opened it closes it after them. */
  postgres: Postgres
  clock: Clock
}

/** Opens the operational tables to write them, with any number of others who do, and makes them where there are none. */
export async function openPostgresDatabase({ postgres, clock }: Options): Promise<Database> {
  await migratePostgres(postgres, DATABASE_LIST, POSTGRES_DATABASE_MIGRATIONS)
  await adoptOutbox(postgres)
  return databaseOn(postgres, clock)
}

/** Opens the tables to read them, on connections that only read. Throws `store_missing` where there are none. */
export async function openPostgresDatabaseReader({ postgres, clock }: Options): Promise<Database> {
  await requirePostgresSchema(postgres, DATABASE_LIST, POSTGRES_DATABASE_MIGRATIONS)
  return databaseOn(postgres, clock)
}

function databaseOn(postgres: Postgres, clock: Clock): Database {
  const { close, ...orders } = postgresOrdersOn(postgres, clock)
  const tables = tablesOn(engineOn(postgres), clock)
  return { ...tables, ...orders, ...postgresOutboxOn(postgres), ...postgresKeysOn(postgres, clock, tables), [Symbol.asyncDispose]: close }
}

function engineOn(postgres: Postgres): Engine {
  return {
    rows: (text, values) => postgres.rows(text, values),
    changed: (text, values) => postgres.changed(text, values),
    replace: (table, columns, rows) =>
      postgres.transaction(async (on) => {
        // Others may be starting, and replace it too: who comes second must see what the first has put there. Readers go on.
        await on.rows(`lock table ${table} in share row exclusive mode`)
        await on.rows(`delete from ${table}`)
        if (rows.length === 0) return
        const arrays = columns.map((_, at) => `$${at + 1}::${typeof rows[0]?.[at] === 'number' ? 'bigint' : 'text'}[]`)
        const values = columns.map((_, at) => rows.map((row) => row[at]))
        await on.rows(`insert into ${table} (${columns.join(', ')}) select * from unnest(${arrays.join(', ')})`, values)
      }),
  }
}
