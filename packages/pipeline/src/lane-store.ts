import type { DatabaseSync } from 'node:sqlite'
import { migrate, openStore } from './kernel/sqlite.ts'
import type { Clock } from './kernel/lifecycle.ts'
import { sqliteLogOn } from './log/adapters/sqlite.ts'
import type { TransactionalLog } from './log/event-log.ts'
import type { TopicSpecs } from './log/topics.ts'
import { EXPIRED_SCHEMA, PLACES_SCHEMA } from './reader/places.ts'
import { sqliteLane } from './workers/adapters/sqlite-lane.ts'
import { LANE_SCHEMA } from './workers/schema.ts'
import type { LaneTables } from './workers/tables.ts'

/** `LANE_STORE_SCHEMA[n]` leads from version n to n + 1. */
export const LANE_STORE_SCHEMA = [PLACES_SCHEMA + LANE_SCHEMA, EXPIRED_SCHEMA] as const

const CACHE_KIB = 16 * 1024

/** The workers' tables in a file of this machine. */
export interface LaneStore extends LaneTables, Disposable {
  readonly db: DatabaseSync
  readonly path: string
  readonly lane: TransactionalLog
}

/** Opens what the workers own, of whom several processes may write: each by short transactions. */
export function openLaneStore(path: string, topics: TopicSpecs, clock: Clock): LaneStore {
  const db = openStore(path)
  // Ids come in any order, so that each row may touch a page of its own of the index: more of them are kept at hand.
  db.exec(`pragma cache_size = -${CACHE_KIB}`)
  migrate(db, path, LANE_STORE_SCHEMA)
  const lane = sqliteLogOn(db, { path, topics, clock })
  return { ...sqliteLane({ db, path, lane, clock }), db, path, [Symbol.dispose]: () => db.close() }
}
