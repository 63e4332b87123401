import { migrate, openStore } from './kernel/sqlite.ts'
import type { Clock } from './kernel/lifecycle.ts'
import { sqliteLogOn } from './log/adapters/sqlite.ts'
import type { TopicSpecs } from './log/topics.ts'
import { PLACES_SCHEMA } from './reader/places.ts'
import type { LaneStore } from './workers/processor.ts'
import { LANE_SCHEMA } from './workers/schema.ts'

/** `LANE_STORE_SCHEMA[n]` leads from version n to n + 1. */
export const LANE_STORE_SCHEMA = [PLACES_SCHEMA + LANE_SCHEMA] as const

const CACHE_KIB = 16 * 1024

/** Opens what the workers own, of whom several processes may write: each by short transactions. */
export function openLaneStore(path: string, topics: TopicSpecs, clock: Clock): LaneStore & Disposable {
  const db = openStore(path)
  // Ids come in any order, so that each row may touch a page of its own of the index: more of them are kept at hand.
  db.exec(`pragma cache_size = -${CACHE_KIB}`)
  migrate(db, path, LANE_STORE_SCHEMA)
  return { db, path, lane: sqliteLogOn(db, { path, topics, clock }), [Symbol.dispose]: () => db.close() }
}
