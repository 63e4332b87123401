import { postgresDatabaseView } from '../database/adapters/postgres-view.ts'
import { DATABASE_LIST, POSTGRES_DATABASE_MIGRATIONS } from '../database/adapters/postgres-schema.ts'
import { hasCode } from '../kernel/errors.ts'
import { openPostgres, requirePostgresSchema, type Postgres, type Statements } from '../kernel/postgres.ts'
import { POSTGRES_LANE_SCHEMA } from '../workers/adapters/postgres-lane-schema.ts'
import { postgresLaneView } from '../workers/adapters/postgres-view.ts'
import type { Eye, Held, Tables } from './eye.ts'

const CONNECTIONS_MAX = 2
/** A look as of one moment waits while the logs are walked; nobody waits for it. */
const HELD_MS_MAX = 60 * 60_000
const LISTS = {
  edge: { list: DATABASE_LIST, steps: POSTGRES_DATABASE_MIGRATIONS },
  lane: { list: 'lane', steps: POSTGRES_LANE_SCHEMA },
} as const

/** Operational tables and the lane's, of one database: as of one moment in one transaction. */
export function postgresTables(url: string): Eye<Tables> {
  const postgres = openPostgres({ url, connectionsMax: CONNECTIONS_MAX, onlyReads: true })
  const made = new Set<keyof typeof LISTS>()

  async function lookFor(name: keyof typeof LISTS): Promise<void> {
    if (made.has(name)) return
    const { list, steps } = LISTS[name]
    try {
      await requirePostgresSchema(postgres, list, steps)
      made.add(name)
    } catch (error) {
      if (!hasCode(error, 'store_missing')) throw error
    }
  }

  async function tablesOn(on: Statements): Promise<Tables> {
    return {
      edge: made.has('edge') ? postgresDatabaseView(on) : undefined,
      lane: made.has('lane') ? await postgresLaneView(on) : undefined,
    }
  }

  const look = async (on: Statements) => {
    for (const name of ['edge', 'lane'] as const) await lookFor(name)
    return tablesOn(on)
  }
  return {
    look: () => look(postgres),
    async hold() {
      await look(postgres)
      return held(postgres, tablesOn)
    },
    close: async () => postgres[Symbol.asyncDispose](),
  }
}

/** A transaction that lasts until it is released, or until one of its statements fails; it writes nothing, so it cannot be lost to another's. */
async function held<T>(postgres: Postgres, open: (on: Statements) => Promise<T>): Promise<Held<T>> {
  const opened = Promise.withResolvers<T>()
  const released = Promise.withResolvers<void>()
  let isOpen = false
  // Where a statement fails before anybody waits for it.
  released.promise.catch(() => undefined)
  const ended = postgres.transaction(async (on) => {
    await on.rows('set transaction isolation level repeatable read, read only')
    await on.rows(`set local idle_in_transaction_session_timeout = ${HELD_MS_MAX}`)
    // From its first statement on it is of that moment.
    await on.rows('select pg_current_snapshot()')
    opened.resolve(await open(told(on)))
    isOpen = true
    await released.promise
  })
  ended.catch(opened.reject)

  /** What fails inside a transaction is told as it is: only the transaction itself says it as an error of ours, and then its connection is another's. */
  function told(on: Statements): Statements {
    let hasFailed = false
    const asked = async <T>(ask: () => Promise<T>): Promise<T> => {
      if (hasFailed) await ended
      try {
        return await ask()
      } catch (error) {
        hasFailed = true
        released.reject(error)
        if (isOpen) await ended
        throw error
      }
    }
    return {
      rows: <Row>(...of: Parameters<Statements['rows']>) => asked(() => on.rows<Row>(...of)),
      changed: (...of) => asked(() => on.changed(...of)),
    }
  }

  return {
    view: await opened.promise,
    async release() {
      released.resolve()
      // Whoever asked has met what went wrong.
      await ended.catch(() => undefined)
    },
  }
}
