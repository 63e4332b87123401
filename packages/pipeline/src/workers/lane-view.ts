import type { WalkedLog } from '../log/log-view.ts'
import type { PartitionEnds } from '../log/event-log.ts'
import type { Standing } from '../reader/places.ts'
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

/** What the lane's tables say of one event of a user's. Instants are RFC 3339, `next_at` is milliseconds since 1970. */
export type LaneFate =
  | {
      state: 'processed'
      category: string | null
      session_start: string | null
      processed_at: string
      processed_by: string
      retry_count: number
    }
  | { state: 'waiting'; tries: number; next_at: number; error: string }
  | { state: 'failed'; error: string; retry_count: number; failed_at: string; failed_by: string }

/** What became of a general event: a row of `processed_events` or `failed_events`, as whoever follows the lane sees it. */
export interface LaneRow {
  fate: 'processed' | 'failed'
  seq: number
  event_id: string
  event_type: string
  user_id: string | null
  at: string
  by: string
  /** The category, or the error. */
  what: string | null
}

/** More than one row, of however many tables, for what must have one. */
export interface LaneTwice {
  /** An event of a user's, or a record. */
  of: { event_id: string; user_id: string | null } | { partition: number; offset: number }
  count: number
}

/** The general lane's tables looked at from beside: for the books, traces and figures. Workers write them meanwhile. */
export interface LaneView {
  /** The lane's own dead letters, on their way to the pipeline. */
  readonly log: WalkedLog
  /** Where the workers stand. */
  standings(): Promise<Standing[]>
  /** As of one moment. */
  figures(now: number): Promise<LaneFigures>
  /** By partition: rows that are there of events that were applied, processed or waiting, and those no longer kept. */
  applied(): Promise<ReadonlyMap<number, number>>
  /** Rows of the three tables, the events and users that they are of, and those that are of the same one or of the same record. */
  rows(): Promise<{ rows: number; events: number; twice: readonly LaneTwice[] }>
  /** `dead_id` of every failed event. */
  failedLetters(): Promise<readonly string[]>
  fateOf(eventId: string, userId: string | undefined): Promise<LaneFate | undefined>
  /** Content hashes of the user's events of this id that were worked off, or wait to be. */
  knownHashes(eventId: string, userId: string | undefined): Promise<ReadonlySet<string>>
  /** Rows after `seq`, in the order in which they were written. */
  after(fate: LaneRow['fate'], seq: number, countMax: number): Promise<readonly LaneRow[]>
  /** Of the last row; 0 where there is none. */
  lastSeq(fate: LaneRow['fate']): Promise<number>
}
