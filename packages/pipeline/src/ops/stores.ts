import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../kernel/lifecycle.ts'
import type { LogView } from '../log/log-view.ts'
import type { TopicSpecs } from '../log/topics.ts'
import { standingsIn, type Standing } from '../reader/places.ts'

/** A store that holds a log. */
export interface LogStore {
  db: DatabaseSync
  log: LogView
}

/** Every store of one data folder, to be looked at only. One that has not been made yet is undefined, and is looked for again at the next use. */
export interface Stores extends Disposable {
  readonly dataDir: string
  readonly topics: TopicSpecs
  readonly clock: Clock
  /** Operational tables. */
  readonly edge: DatabaseSync | undefined
  /** The raw topics. */
  readonly raw: LogStore | undefined
  /** Readers' places and tables, and the derived topics. */
  readonly pipeline: LogStore | undefined
  /** What the workers own: places and tables of the general lane, and their dead letters on the way to the pipeline. */
  readonly lane: LogStore | undefined
}

export const FILES = { edge: 'edge.db', raw: 'raw-log.db', pipeline: 'pipeline.db', lane: 'lane.db' } as const

/** Where every reader stands, whichever store its places lie in. */
export function standingsOf({ pipeline, lane }: Pick<Stores, 'pipeline' | 'lane'>): Standing[] {
  return [pipeline, lane].flatMap((store) => (store ? standingsIn(store.db) : []))
}

/**
 * Runs work on all stores, each as of one moment: the pipeline's first, then the workers', then the operational tables, then the raw log. So whatever one of them
 * speaks of lies in those after it: what a reader has read is in the log, and an order that has left the outbox is too.
 */
export function inSnapshot<T>(stores: Stores, work: () => T): T {
  const open: DatabaseSync[] = []
  try {
    for (const db of [stores.pipeline?.db, stores.lane?.db, stores.edge, stores.raw?.db]) {
      if (!db) continue
      db.exec('begin')
      open.push(db)
      // A transaction begins with its first read.
      db.prepare('select 1 from sqlite_schema').get()
    }
    return work()
  } finally {
    for (const db of open) db.exec('rollback')
  }
}
