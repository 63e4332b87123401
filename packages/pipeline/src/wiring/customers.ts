import { randomUUID } from 'node:crypto'
import { ATTRIBUTED, ORDERS } from '@flowguard/contract'
import type { Settings } from '../kernel/config.ts'
import type { Part } from '../kernel/lifecycle.ts'
import { guarded } from '../kernel/sqlite.ts'
import { sqliteNotesView } from '../notify/adapters/sqlite-notes.ts'
import { adNotes, orderNotes } from '../notify/customers/handlers.ts'
import type { NotesView } from '../notify/customers/notes.ts'
import { notesShipper } from '../notify/customers/shipper.ts'
import { notesTable } from '../notify/customers/table.ts'
import { readerLoop } from '../reader/loop.ts'
import { countersRedisOf } from './counters.ts'
import { readingDatabase } from './edge-stores.ts'
import { rawReader } from './logs.ts'
import type { Machine } from './machine.ts'

/** Customers' notifications as another process's `pipeline.db` has them, or Redis where the counters are: beside them, under names of their own. */
export async function notesOf(settings: Settings, path: string): Promise<NotesView & Disposable> {
  const redis = countersRedisOf(settings)
  return redis ? (await import('../notify/adapters/redis-notes.ts')).redisNotesView(redis) : sqliteNotesView(path)
}

/** What notes down what customers are told, for the role `notifier`. */
export async function customersNotified(machine: Machine): Promise<Part[]> {
  const { settings, clock, logger, closing } = machine
  const { db, path, derived } = await machine.pipeline()
  const log = await rawReader(machine, [ORDERS])
  const foods = await (await readingDatabase(machine)).foods()
  const names = new Map(foods.map(({ food_id: id, name }): [number, string] => [id, name]))
  const table = notesTable(db)
  const store = { db, path, derived, clock, logger }
  const readers = [
    readerLoop({ name: 'customers', topics: [ORDERS], log, handler: orderNotes(table, clock) }, store),
    readerLoop(
      { name: 'customers-ads', topics: [ATTRIBUTED], log: derived, handler: adNotes(table, clock, (item) => names.get(item)) },
      store,
    ),
  ]
  const redis = countersRedisOf(settings)
  if (!redis) {
    // Nothing tells those elsewhere meanwhile, so they are to be filled before they are used again.
    guarded(path, () => table.setEpoch(null))
    return readers
  }
  const elsewhere = closing.use((await import('../notify/adapters/redis-notes.ts')).openRedisNotes(redis))
  return [...readers, notesShipper({ path, table, store: elsewhere, newEpoch: randomUUID, logger })]
}
