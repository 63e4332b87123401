import type { DatabaseSync } from 'node:sqlite'
import { guarded, transaction } from '../kernel/sqlite.ts'
import { standingsIn, type Standing } from '../reader/places.ts'
import type { LoadPlace } from '../warehouse/warehouse.ts'

export const LOADER = 'loader'
export const LAKE = 'lake'

type Mirrored = typeof LOADER | typeof LAKE

/** A reader's places as the pipeline's store shows them to everybody: written after the warehouse, or the lake, has committed, so never ahead of it. */
export interface Mirror {
  read(): readonly Standing[]
  write(places: readonly LoadPlace[]): void
}

export function mirrorIn(db: DatabaseSync, path: string, reader: Mirrored = LOADER): Mirror {
  return {
    read: () => guarded(path, () => standingsIn(db).filter((each) => each.reader === reader)),
    write: (places) => guarded(path, () => transaction(db, () => put(db, reader, places))),
  }
}

function put(db: DatabaseSync, reader: string, places: readonly LoadPlace[]): void {
  // What they skip is heartbeats and nothing else.
  const row = db.prepare(
    `insert or replace into places (reader, topic, partition, log_id, began, expired, next, time_ms, heartbeats, read, applied, skipped)
     values (?, ?, ?, ?, ?, ?, ?, -1, ?, ?, ?, ?)`,
  )
  for (const { topic, partition, logId, began, expired, next, read, applied, skipped } of places) {
    row.run(reader, topic, partition, logId, began, expired, next, skipped, read, applied, skipped)
  }
}

export function loaderStandings(db: DatabaseSync): readonly Standing[] {
  return standingsIn(db).filter(({ reader }) => reader === LOADER)
}

/** Whether anything was ever loaded: then a warehouse that is not there was lost. */
export const hasLoaded = (standings: readonly Standing[]): boolean => standings.some(({ read }) => read > 0)

/** For a warehouse that is made anew, and for a lake that is wanted no more: nobody waits for it then. */
export function forgetLoaded(db: DatabaseSync, reader: Mirrored = LOADER): void {
  db.prepare('delete from places where reader = ?').run(reader)
}
