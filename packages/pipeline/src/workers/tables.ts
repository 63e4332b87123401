import type { EventLog, LogRecord, NewRecord, Place } from '../log/event-log.ts'
import type { Expired } from '../reader/expired.ts'
import type { Move, Standing } from '../reader/places.ts'
import type { Soon } from '../reader/rounds.ts'

/** Upper bounds of the buckets in which the seconds from receipt to the end of the work are counted; what is above all of them has one more. */
export const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600] as const

export function bucketOf(seconds: number): number {
  const found = DURATION_BUCKETS.findIndex((bound) => seconds <= bound)
  return found < 0 ? DURATION_BUCKETS.length : found
}

/** Who an event is: nobody's user is ''. */
export interface EventKey {
  eventId: string
  user: string
}

/** A row that the store has of an event. */
export interface Known {
  state: 'processed' | 'failed' | 'waiting'
  contentHash: string
}

/** A user's session as the lane has come to know it; `touchedAt` is when the latest event of it was appended. */
export interface Session {
  startedAt: number
  lastAt: number
  touchedAt: number
}

/** What is to be looked up before a batch is planned. */
export interface Asked {
  /** The partitions that the batch is of. */
  partitions: readonly number[]
  events: readonly EventKey[]
  /** Each once. */
  users: readonly string[]
}

/** What a plan is made of. */
export interface Found {
  /** For each event that was asked for: usually nothing, or one row. */
  events: readonly (readonly Known[])[]
  sessions: ReadonlyMap<string, Session>
}

/** An event that is to be tried again. */
export interface Waiting {
  record: LogRecord
  user: string | null
  contentHash: string
  /** How often it has failed. */
  tries: number
}

interface EventRow {
  event_id: string
  event_type: string
  user_id: string | null
  properties: string | null
  timestamp: string
  received_at: string
  content_hash: string
  log_partition: number
  log_offset: number
  retry_count: number
}

export interface ProcessedRow extends EventRow {
  category: string | null
  session_start: string | null
  processed_at: string
  processed_by: string
}

export interface FailedRow extends EventRow {
  reason: string
  error: string
  failed_at: string
  failed_by: string
  dead_id: string
}

export interface RetryRow {
  log_partition: number
  log_offset: number
  event_id: string
  user_id: string | null
  content_hash: string
  tries: number
  next_at: number
  error: string
  key: string | null
  headers: string
  value: string
  appended_at: number
}

const EVENT_COLUMNS = [
  'event_id',
  'event_type',
  'user_id',
  'properties',
  'timestamp',
  'received_at',
  'content_hash',
  'log_partition',
  'log_offset',
  'retry_count',
] as const satisfies readonly (keyof EventRow)[]
export const PROCESSED_COLUMNS = [
  ...EVENT_COLUMNS,
  'category',
  'session_start',
  'processed_at',
  'processed_by',
] as const satisfies readonly (keyof ProcessedRow)[]
export const FAILED_COLUMNS = [
  ...EVENT_COLUMNS,
  'reason',
  'error',
  'failed_at',
  'failed_by',
  'dead_id',
] as const satisfies readonly (keyof FailedRow)[]
export const RETRY_COLUMNS = [
  'log_partition',
  'log_offset',
  'event_id',
  'user_id',
  'content_hash',
  'tries',
  'next_at',
  'error',
  'key',
  'headers',
  'value',
  'appended_at',
] as const satisfies readonly (keyof RetryRow)[]

/** How long events of a partition took, those of one bucket together. */
export interface Took {
  bucket: number
  partition: number
  events: number
  seconds: number
}

/** All that one transaction writes: it is there as a whole, or not at all. */
export interface Writes {
  processed: readonly ProcessedRow[]
  failed: readonly FailedRow[]
  /** Rows of failed_events that go: another chance was given, whatever comes of it. */
  forgiven: readonly EventKey[]
  waiting: readonly RetryRow[]
  /** What waited, and is done with. */
  ended: readonly Waiting[]
  postponed: readonly { waiting: Waiting; error: string; nextAt: number }[]
  sessions: readonly (Session & { user: string })[]
  took: readonly Took[]
  letters: readonly NewRecord[]
  /** Records that were counted as applied, and were to be tried again, are dead after all. */
  buried: readonly Pick<Place, 'topic' | 'partition'>[]
  moves: readonly Move[]
}

export interface Lease {
  partition: number
  owner: string
  /** By the store's clock. */
  until: number
}

/** Who works, and who holds what, at one moment of the store's clock. */
export interface Shares {
  now: number
  /** The workers that live, this one among them, in the order of their names. */
  owners: readonly string[]
  leases: readonly Lease[]
}

/** The tables of the general lane, which all of its workers write. Each method is one transaction. */
export interface LaneTables {
  /** The lane's own dead letters, which commit with the rows of the tables. */
  readonly lane: EventLog
  begin(logId: string, places: readonly Place[]): Soon<void>
  standings(): Soon<readonly Standing[]>
  /** Moves places behind what the log deleted unread, and books that. Throws `place_moved` where another has moved one meanwhile. */
  expire(stretches: readonly Expired[]): Soon<void>
  /**
   * Looks up what is asked for, has the plan made of it, and writes that. Throws `place_moved` where another has moved a place meanwhile, and `store_busy` where
   * another has written a row that the plan did not know of.
   */
  work(asked: Asked, plan: (found: Found) => Writes): Soon<void>
  /** The same for what is to be tried again by now, of any partition, `countMax` at most. Resolves to how many those were. */
  retry(
    due: { now: number; countMax: number },
    plan: (due: readonly Waiting[], sessions: ReadonlyMap<string, Session>) => Writes,
  ): Soon<number>
  /** Says that a worker lives, and gives it the partitions that are its own by `divide`, for so long; what it held besides is free. Resolves to its own. */
  share(owner: string, leaseMs: number, divide: (shares: Shares) => readonly number[]): Soon<readonly number[]>
  /** At a worker's end: others need not wait for its leases to lapse. */
  leave(owner: string): Soon<void>
  /** Forgets the oldest rows that were processed before an instant, `countMax` at most, and notes how many they were. Resolves to that. */
  forgetProcessed(before: string, countMax: number): Soon<number>
  forgetFailed(before: string, countMax: number): Soon<number>
  forgetSessions(touchedBefore: number): Soon<void>
}
