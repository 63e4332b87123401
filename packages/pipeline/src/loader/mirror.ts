import type { DatabaseSync } from 'node:sqlite'
import { guarded, transaction } from '../kernel/sqlite.ts'
import { standingsIn, type Standing } from '../reader/places.ts'
import type { LoadPlace } from '../warehouse/warehouse.ts'

const LOADER = 'loader'

/** The loader's places as the pipeline's store shows them to everybody: written after the warehouse has committed, so never ahead of it. */
export interface Mirror {
  read(): readonly Standing[]
  write(places: readonly LoadPlace[]): void
}

export function mirrorIn(db: DatabaseSync, path: string): Mirror {
  return {
    read: () => guarded(path, () => loaderStandings(db)),
    write: (places) => guarded(path, () => transaction(db, () => put(db, places))),
  }
}

function put(db: DatabaseSync, places: readonly LoadPlace[]): void {
  // What the loader skips is heartbeats and nothing else.
  const row = db.prepare(
    `insert or replace into places (reader, topic, partition, log_id, began, next, time_ms, heartbeats, read, applied, skipped)
     values ('${LOADER}', ?, ?, ?, ?, ?, -1, ?, ?, ?, ?)`,
  )
  for (const { topic, partition, logId, began, next, read, applied, skipped } of places) {
    row.run(topic, partition, logId, began, next, skipped, read, applied, skipped)
  }
}

export function loaderStandings(db: DatabaseSync): readonly Standing[] {
  return standingsIn(db).filter(({ reader }) => reader === LOADER)
}

/** Whether anything was ever loaded: then a warehouse that is not there was lost. */
export const hasLoaded = (standings: readonly Standing[]): boolean => standings.some(({ read }) => read > 0)

/** For a warehouse that is made anew. */
export function forgetLoaded(db: DatabaseSync): void {
  db.prepare('delete from places where reader = ?').run(LOADER)
}
