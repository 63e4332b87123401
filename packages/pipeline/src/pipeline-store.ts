import type { DatabaseSync } from 'node:sqlite'
import { BILLING_SCHEMA } from './billing/schema.ts'
import { migrate, openStore } from './kernel/sqlite.ts'
import { sqliteLogOn } from './log/adapters/sqlite.ts'
import type { TransactionalLog } from './log/event-log.ts'
import type { TopicSpecs } from './log/topics.ts'
import type { Clock } from './kernel/lifecycle.ts'
import { DEAD_ACTIONS_SCHEMA } from './ops/schema.ts'
import { JOURNAL_SCHEMA } from './reader/journal.ts'
import { PLACES_SCHEMA } from './reader/places.ts'
import { SEEN_SCHEMA } from './reader/seen.ts'
import { STREAM_SCHEMA } from './stream/schema.ts'

export interface PipelineStore extends Disposable {
  db: DatabaseSync
  path: string
  /** The derived topics. */
  derived: TransactionalLog
}

/** Opens what the readers own: their places, state and effects, and the topics that they write, on one connection, so that all of it commits together. */
export function openPipelineStore(path: string, topics: TopicSpecs, clock: Clock): PipelineStore {
  const db = openStore(path)
  migrate(db, path, [[PLACES_SCHEMA, JOURNAL_SCHEMA, SEEN_SCHEMA, STREAM_SCHEMA, BILLING_SCHEMA, DEAD_ACTIONS_SCHEMA].join('')])
  return { db, path, derived: sqliteLogOn(db, { path, topics, clock }), [Symbol.dispose]: () => db.close() }
}
