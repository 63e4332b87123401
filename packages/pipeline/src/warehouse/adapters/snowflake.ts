import { FlowGuardError } from '../../kernel/errors.ts'
import { bronzeSchema } from '../schema.ts'
import type { Warehouse } from '../warehouse.ts'
import { SNOWFLAKE_TYPES, snowflakeBronze } from './snowflake-bronze.ts'
import { closed, connected, nameOf, type SnowflakeAccess } from './snowflake-connection.ts'
import type { Connection } from './snowflake-driver.ts'
import { isUnharmed, typedQueries } from './snowflake-query.ts'
import { sessionOn, type OwnSession } from './snowflake-session.ts'

/** Kept for whoever comes next: signing in takes longer than most statements. */
const IDLE_MAX = 4
/** Sessions end there after four hours; the way there may long be gone by then. */
const IDLE_MS_MAX = 10 * 60_000

/** Connections of one role. */
function pool(open: () => Promise<Connection>) {
  const idle: { connection: Connection; since: number }[] = []
  return {
    async take(): Promise<Connection> {
      for (let each = idle.pop(); each; each = idle.pop()) {
        if (performance.now() - each.since < IDLE_MS_MAX && each.connection.isUp()) return each.connection
        void closed(each.connection)
      }
      return open()
    },
    give(connection: Connection, isGood: boolean) {
      if (isGood && idle.length < IDLE_MAX) idle.push({ connection, since: performance.now() })
      else void closed(connection)
    },
    close: () => Promise.all(idle.splice(0).map(({ connection }) => closed(connection))),
  }
}

/** Signs in at the first use. The tables are made by `initSnowflake`. */
export function openSnowflake(access: SnowflakeAccess): Warehouse {
  const { address } = access
  const where = nameOf(address)
  const own = pool(() => connected(access))
  const readers = address.readerRole === undefined ? own : pool(() => connected(access, address.readerRole))
  const sessions = new Set<OwnSession>()
  let isClosed = false

  async function session(): Promise<OwnSession> {
    if (isClosed) throw new FlowGuardError('warehouse_failed', `${where} is closed`)
    const connection = await own.take()
    const made = sessionOn(connection, where, (isGood) => {
      sessions.delete(made)
      own.give(connection, isGood && !isClosed)
    })
    sessions.add(made)
    return made
  }

  async function borrow<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (isClosed) throw new FlowGuardError('warehouse_failed', `${where} is closed`)
    const connection = await readers.take()
    try {
      const done = await work(connection)
      readers.give(connection, !isClosed)
      return done
    } catch (error) {
      readers.give(connection, isUnharmed(error) && !isClosed)
      throw error
    }
  }

  return {
    dialect: 'snowflake',
    session,
    query: typedQueries(where, borrow),
    bronze: snowflakeBronze(session, where),
    async [Symbol.asyncDispose]() {
      isClosed = true
      await Promise.all([...sessions].map((each) => each.end()))
      await Promise.all([own.close(), readers.close()])
    },
  }
}

/** Makes what is missing of database, schema and tables, and says what. Twice makes nothing new. */
export function initSnowflake(access: SnowflakeAccess): Promise<string[]> {
  const { database } = access.address
  return bare(access, async (session) => {
    const made: string[] = []
    if (!(await hasDatabase(session, database))) {
      await session.run(`create database if not exists ${database}`)
      made.push(`database ${database}`)
    }
    await session.run(`use database ${database}`)
    const before = await tablesOf(session, database)
    for (const sql of bronzeSchema(SNOWFLAKE_TYPES)) {
      await session.run(sql)
      const table = TABLE.exec(sql)?.[1]
      if (table && !before.has(table)) made.push(`table ${table}`)
    }
    return made
  })
}

/** Its version, and what `initSnowflake` would make. No statement of these wakes a warehouse. */
export function lookAtSnowflake(access: SnowflakeAccess): Promise<{ version: string; missing: string[] }> {
  const { database } = access.address
  return bare(access, async (session) => {
    const [found] = await session.rows<{ version: string }>('select current_version() as version')
    const version = found?.version ?? ''
    if (!(await hasDatabase(session, database))) return { version, missing: [`there is no database ${database}, or not for this role`] }
    const there = await tablesOf(session, database)
    const wanted = bronzeSchema(SNOWFLAKE_TYPES).flatMap((sql) => TABLE.exec(sql)?.slice(1) ?? [])
    return { version, missing: wanted.filter((table) => !there.has(table)).map((table) => `there is no table ${table}`) }
  })
}

const TABLE = /^create table if not exists (\S+)/

async function bare<T>(access: SnowflakeAccess, work: (session: OwnSession) => Promise<T>): Promise<T> {
  const connection = await connected(access, undefined, true)
  const session = sessionOn(connection, nameOf(access.address), () => undefined)
  try {
    return await work(session)
  } finally {
    await session.end()
    await closed(connection)
  }
}

async function hasDatabase(session: OwnSession, database: string): Promise<boolean> {
  const all = await session.rows<{ name: string }>('show databases')
  return all.some(({ name }) => name.toLowerCase() === database.toLowerCase())
}

/** `bronze.orders_raw`, in small letters. */
async function tablesOf(session: OwnSession, database: string): Promise<ReadonlySet<string>> {
  const all = await session.rows<{ name: string; schema_name: string }>(`show tables in database ${database}`)
  return new Set(all.map(({ name, schema_name: schema }) => `${schema}.${name}`.toLowerCase()))
}
