import type { DatabaseSync } from 'node:sqlite'
import type { PartitionEnds } from '../log/event-log.ts'
import { standingsIn } from '../reader/places.ts'
import { WORKERS } from './processor.ts'
import { DURATION_BUCKETS } from './tables.ts'

/** How the general lane stands, since its store was made. */
export interface LaneFigures {
  /** By partition: the offset of the first record that no worker has read. */
  nexts: ReadonlyMap<number, number>
  processed: number
  failed: number
  duplicate: number
  /** To be tried again. */
  waiting: number
  workers: number
  /** From receipt to the end of the work: events by the upper bounds of their buckets, those above all last; and the seconds of all of them. */
  durations: { bounds: readonly number[]; buckets: readonly number[]; seconds: number }
}

/** The lane from its one end to the other: what the gateway took of it, and what became of that. */
export interface Lane extends Omit<LaneFigures, 'nexts' | 'waiting'> {
  /** Events that the log has, or had. */
  received: number
  /** Not yet worked off: what no worker has read, and what waits to be tried again. */
  queueLength: number
  pendingMessages: number
}

/** `figures` of a store that is not there yet are none. */
export function laneOf(ends: readonly PartitionEnds[], figures: LaneFigures | undefined): Lane {
  const { nexts, waiting, ...rest } = figures ?? NOTHING
  return {
    ...rest,
    received: ends.reduce((sum, { end }) => sum + end, 0),
    queueLength: ends.reduce((sum, { partition, start, end }) => sum + Math.max(0, end - (nexts.get(partition) ?? start)), 0),
    pendingMessages: waiting,
  }
}

const NOTHING: LaneFigures = {
  nexts: new Map(),
  processed: 0,
  failed: 0,
  duplicate: 0,
  waiting: 0,
  workers: 0,
  durations: { bounds: DURATION_BUCKETS, buckets: new Array<number>(DURATION_BUCKETS.length + 1).fill(0), seconds: 0 },
}

/** Read from a store that workers write meanwhile; as of one moment. */
export function laneFigures(db: DatabaseSync, now: number): LaneFigures {
  db.exec('begin')
  try {
    const standings = standingsIn(db).filter(({ reader }) => reader === WORKERS)
    const sum = (key: 'applied' | 'dead' | 'duplicate') => standings.reduce((total, each) => total + each[key], 0)
    const count = (sql: string, ...values: number[]) => (db.prepare(sql).get(...values) as { count: number }).count
    const waiting = count('select count(*) as count from lane_retries')
    const rows = db.prepare('select bucket, events, seconds from lane_durations').all() as {
      bucket: number
      events: number
      seconds: number
    }[]
    return {
      nexts: new Map(standings.map(({ partition, next }) => [partition, next])),
      processed: sum('applied') - waiting,
      failed: sum('dead'),
      duplicate: sum('duplicate'),
      waiting,
      workers: count('select count(*) as count from lane_workers where until_ms > ?', now),
      durations: {
        bounds: DURATION_BUCKETS,
        buckets: Array.from({ length: DURATION_BUCKETS.length + 1 }, (_, at) => rows.find(({ bucket }) => bucket === at)?.events ?? 0),
        seconds: rows.reduce((total, { seconds }) => total + seconds, 0),
      },
    }
  } finally {
    db.exec('rollback')
  }
}
