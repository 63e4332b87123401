import type { Topic } from '@flowguard/contract'
import { openSqliteDatabaseReader } from '../database/adapters/sqlite.ts'
import type { Database } from '../database/database.ts'
import { hasCode } from '../kernel/errors.ts'
import { retried } from '../kernel/retry.ts'
import { openSqliteLogReader } from '../log/adapters/sqlite.ts'
import { FILES } from '../ops/stores.ts'
import type { EventLog } from '../log/event-log.ts'
import type { Machine } from './machine.ts'

/** Some two seconds: a start takes no longer. */
const TRIES_UNSAID = 25

/** The operational tables as the pipeline sees them: written by the edge, perhaps not yet there. */
export async function readingDatabase(machine: Machine): Promise<Database> {
  const { clock, closing, path } = machine
  return closing.use(await patiently(machine, () => openSqliteDatabaseReader({ path: path(FILES.edge), clock })))
}

const shared = new WeakMap<Machine, { log: Promise<EventLog>; readers: Map<Topic, number> }>()

/**
 * The raw log as its readers see it: written by the edge, perhaps not yet there. One for all readers of a process, each of which asks once and says what it reads:
 * what one has decoded serves the others.
 */
export function rawReader(machine: Machine, reads: readonly Topic[]): Promise<EventLog> {
  const { topics, clock, closing, path } = machine
  const open = async (readers: ReadonlyMap<Topic, number>) => {
    const options = { path: path(FILES.raw), topics, clock, readersCount: (topic: Topic) => readers.get(topic) ?? 1 }
    return closing.use(await patiently(machine, () => openSqliteLogReader(options)))
  }
  let entry = shared.get(machine)
  if (!entry) {
    const readers = new Map<Topic, number>()
    shared.set(machine, (entry = { log: open(readers), readers }))
  }
  for (const topic of reads) entry.readers.set(topic, (entry.readers.get(topic) ?? 0) + 1)
  return entry.log
}

/** Waits for a store that another process is about to make. */
async function patiently<T>({ signal, logger }: Machine, open: () => T): Promise<T> {
  let said = false
  const opened = await retried(
    async () => ({ store: open() }),
    (error, tries) => {
      if (tries > TRIES_UNSAID && !said) logger.warn({ err: error }, 'waiting for a store that the edge makes')
      said ||= tries > TRIES_UNSAID
      return hasCode(error, 'store_missing')
    },
    signal,
    { firstMs: 20, longestMs: 100, random: Math.random },
  )
  signal.throwIfAborted()
  return (opened as { store: T }).store
}
