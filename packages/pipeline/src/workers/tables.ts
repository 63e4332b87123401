import type { DatabaseSync } from 'node:sqlite'
import { isoOf } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import { claimedTime, type LaneEvent } from './checks.ts'
import type { Enrichment } from './enrich.ts'

/** Upper bounds of the buckets in which the seconds from receipt to the end of the work are counted; what is above all of them has one more. */
export const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600] as const

/** An event in hand, with what was found out about it. */
export interface InHand {
  record: LogRecord
  event: LaneEvent
  contentHash: string
}

export interface Known {
  state: 'processed' | 'failed' | 'waiting'
  contentHash: string
}

export interface Waiting {
  record: LogRecord
  contentHash: string
  tries: number
}

/** The rows of the general lane. All of it inside the transaction that is open. */
export function laneTables(db: DatabaseSync) {
  const same = "event_id = ?1 and coalesce(user_id, '') = ?2"
  const find = db.prepare(
    `select 'processed' as state, content_hash as contentHash from processed_events where ${same}
     union all select 'waiting', content_hash from lane_retries where ${same}
     union all select 'failed', content_hash from failed_events where ${same}`,
  )
  const processed = db.prepare(
    `insert into processed_events (event_id, event_type, user_id, properties, timestamp, received_at, category, session_start, processed_at, processed_by,
       retry_count, content_hash, log_partition, log_offset) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const failed = db.prepare(
    `insert into failed_events (event_id, event_type, user_id, properties, timestamp, received_at, reason, error, failed_at, failed_by, dead_id,
       retry_count, content_hash, log_partition, log_offset) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const unfail = db.prepare(`delete from failed_events where ${same}`)
  const wait = db.prepare('insert into lane_retries values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const due = db.prepare(
    `select log_partition as partition, log_offset as offset, content_hash as contentHash, tries, key, headers, value, appended_at as appendedAt
     from lane_retries where next_at <= ? order by next_at limit ?`,
  )
  const postpone = db.prepare(
    'update lane_retries set tries = tries + 1, next_at = ?, error = ? where log_partition = ? and log_offset = ? and tries = ?',
  )
  const end = db.prepare('delete from lane_retries where log_partition = ? and log_offset = ? and tries = ?')
  const took = db.prepare(
    'insert into lane_durations values (?1, ?2, ?3) on conflict (bucket) do update set events = events + ?2, seconds = seconds + ?3',
  )

  const userOf = ({ user_id: user }: LaneEvent) => user ?? ''
  const columns = ({ event, contentHash, record }: InHand, ...middle: (string | number | null)[]) => [
    event.event_id,
    event.event_type,
    event.user_id ?? null,
    event.properties === undefined ? null : JSON.stringify(event.properties),
    instantOf(event),
    event.received_at,
    ...middle,
    contentHash,
    record.partition,
    record.offset,
  ]

  return {
    /** What the lane knows of the same user's event of this id: usually nothing, or one row; one that failed may wait for its second chance. */
    known: (event: LaneEvent) => find.all(event.event_id, userOf(event)) as unknown as Known[],
    addProcessed(one: InHand, { category }: Enrichment, sessionStart: number | null, by: { worker: string; at: number; retries: number }) {
      processed.run(...columns(one, category, sessionStart === null ? null : isoOf(sessionStart), isoOf(by.at), by.worker, by.retries))
    },
    addFailed(one: InHand, why: { reason: string; error: string; deadId: string }, by: { worker: string; at: number; retries: number }) {
      failed.run(...columns(one, why.reason, why.error, isoOf(by.at), by.worker, why.deadId, by.retries))
    },
    /** Another chance was given, whatever comes of it. */
    forgetFailed: (event: LaneEvent) => void unfail.run(event.event_id, userOf(event)),
    addWaiting({ record, event, contentHash }: InHand, error: string, nextAt: number) {
      const { partition, offset, key, headers, value, appendedAt } = record
      const { event_id: id, user_id: user = null } = event
      wait.run(partition, offset, id, user, contentHash, 1, nextAt, error, key, JSON.stringify(headers), value, appendedAt)
    },
    /** What is to be tried again by now, of any partition. */
    due: (now: number, countMax: number, topic: LogRecord['topic']): Waiting[] =>
      (due.all(now, countMax) as unknown as (Omit<LogRecord, 'headers'> & { contentHash: string; tries: number; headers: string })[]).map(
        ({ contentHash, tries, headers, ...record }) => ({
          record: { ...record, topic, headers: JSON.parse(headers) as LogRecord['headers'] },
          contentHash,
          tries,
        }),
      ),
    /** False where another worker has tried it meanwhile. */
    postpone: ({ record, tries }: Waiting, error: string, nextAt: number) =>
      postpone.run(nextAt, error, record.partition, record.offset, tries).changes === 1,
    endWaiting: ({ record, tries }: Waiting) => end.run(record.partition, record.offset, tries).changes === 1,
    /** Notes how long the events of a transaction took, from receipt on. */
    took(seconds: readonly number[]) {
      const buckets = new Map<number, { events: number; sum: number }>()
      for (const each of seconds) {
        const found = DURATION_BUCKETS.findIndex((bound) => each <= bound)
        const at = found < 0 ? DURATION_BUCKETS.length : found
        const bucket = buckets.get(at) ?? { events: 0, sum: 0 }
        buckets.set(at, { events: bucket.events + 1, sum: bucket.sum + each })
      }
      for (const [at, { events, sum }] of buckets) took.run(at, events, sum)
    },
  }
}

const UTC_MS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** When it happened, as all instants are written here: most clients write them so themselves. */
function instantOf(event: LaneEvent): string {
  const { timestamp } = event
  return typeof timestamp === 'string' && UTC_MS.test(timestamp) ? timestamp : isoOf(claimedTime(event))
}
