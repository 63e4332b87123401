import { openSqliteDatabase, openSqliteDatabaseReader } from '../database/adapters/sqlite.ts'
import type { Database } from '../database/database.ts'
import { seed } from '../database/seed.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Leases } from '../kernel/lease.ts'
import type { Postgres } from '../kernel/postgres.ts'
import { retried } from '../kernel/retry.ts'
import { FILES } from '../ops/stores.ts'
import { addressesOf } from '../stores.ts'
import type { Machine } from './machine.ts'

/** Some two seconds: a start takes no longer. */
const TRIES_UNSAID = 25

/** The operational tables, to write them; what the files say of dishes and ads is put into them. */
export async function openDatabaseOf(machine: Machine): Promise<Database> {
  const { settings, clock, closing, checks, path } = machine
  const postgres = await postgresOf(machine)
  const opened = closing.use(
    postgres
      ? await patiently(machine, async () => (await import('../database/adapters/postgres.ts')).openPostgresDatabase({ postgres, clock }))
      : openSqliteDatabase({ path: path(FILES.edge), clock }),
  )
  await patiently(machine, () => seed(opened, { foods: settings.FOODS_FILE, ads: settings.ADS_FILE }))
  checks['database'] = { check: async () => void (await opened.order('')) }
  return opened
}

/** The operational tables as the pipeline sees them: made by the edge, perhaps not yet there. */
export async function readingDatabase(machine: Machine): Promise<Database> {
  return machine.closing.use(await patiently(machine, () => openDatabaseReader(machine)))
}

/** The same for one look. Throws `store_missing` where they are not there. */
export async function openDatabaseReader(machine: Machine): Promise<Database> {
  const { clock, path } = machine
  const postgres = await postgresOf(machine)
  if (!postgres) return openSqliteDatabaseReader({ path: path(FILES.edge), clock })
  const { openPostgresDatabaseReader } = await import('../database/adapters/postgres.ts')
  return openPostgresDatabaseReader({ postgres, clock })
}

/** Who does what only one may do; undefined where the stores are files, and a file's lock says so. */
export async function leasesOf(machine: Machine): Promise<Leases | undefined> {
  const postgres = await postgresOf(machine)
  if (!postgres) return undefined
  const { openPostgresLeases } = await import('../database/adapters/postgres-leases.ts')
  return patiently(machine, () => openPostgresLeases({ postgres, owner: machine.id }))
}

const pools = new WeakMap<Machine, Promise<Postgres>>()

/** One pool for all that a process writes; undefined where the tables are in a file. */
export async function postgresOf(machine: Machine): Promise<Postgres | undefined> {
  const { database } = addressesOf(machine.settings)
  if (database.engine === 'sqlite') return undefined
  let pool = pools.get(machine)
  if (!pool) {
    pool = import('../kernel/postgres.ts').then(({ openPostgres }) => machine.closing.use(openPostgres({ url: database.url })))
    pools.set(machine, pool)
  }
  return pool
}

/** Waits for a store that another process is about to make, or for an engine that does not answer yet. */
export async function patiently<T>({ signal, logger }: Machine, open: () => Promise<T>): Promise<T> {
  let said = false
  const opened = await retried(
    async () => ({ store: await open() }),
    (error, tries) => {
      const isPassing = error instanceof FlowGuardError && error.retriable
      if (isPassing && tries > TRIES_UNSAID && !said) logger.warn({ err: error }, 'waiting for a store that is not there yet')
      said ||= isPassing && tries > TRIES_UNSAID
      return isPassing
    },
    signal,
    { firstMs: 20, longestMs: 100, random: Math.random },
  )
  signal.throwIfAborted()
  return (opened as { store: T }).store
}
