import assert from 'node:assert/strict'
import { BATCH_COUNT_MAX, BODY_BYTES_MAX, ORDERS, RAW_TOPICS, type RawTopic } from '@flowguard/contract'
import type { Database, OrderResult } from '../database/database.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { EventLog, NewRecord, Position } from '../log/event-log.ts'
import type { Admitted } from './admission.ts'
import type { EventTime } from './event-time.ts'

/** What may be on its way to the disk at once. Beyond, a client is told to come back, before memory is. */
const QUEUE_EVENTS_MAX = 20_000
const QUEUE_BYTES_MAX = 32 * 1024 * 1024
assert(QUEUE_EVENTS_MAX >= BATCH_COUNT_MAX && QUEUE_BYTES_MAX >= BODY_BYTES_MAX, 'a batch fits into the queue')

/** What became of an event that passed the checks. `accepted`: it is durable. */
export type Taken = OrderResult | { kind: 'accepted' } | { kind: 'duplicate' }

export interface IngestStats {
  /** On their way to the disk now. */
  events: number
  bytes: number
  /** Since the start. */
  delivered: number
  failed: number
  duplicates: number
  deliveredByTopic: Record<RawTopic, number>
  /** When the log or the database last failed and last did not, ms of `performance.now()`; 0 is never. */
  failedAt: number
  deliveredAt: number
}

export interface Ingest {
  readonly stats: Readonly<IngestStats>
  /**
   * Resolves once each event is durable, to what became of it, in order. Rejects with `queue_full` (then none is there), or with what the log or
   * the database failed with (then none or all of a topic's may be; sending again is safe).
   */
  take(events: readonly Admitted[]): Promise<Taken[]>
}

interface Limits {
  eventsMax: number
  bytesMax: number
}

export function createIngest(
  { log, database, time }: { log: EventLog; database: Database; time: EventTime },
  { eventsMax, bytesMax }: Limits = { eventsMax: QUEUE_EVENTS_MAX, bytesMax: QUEUE_BYTES_MAX },
): Ingest {
  const deliveredByTopic = Object.fromEntries(RAW_TOPICS.map((topic) => [topic, 0])) as Record<RawTopic, number>
  const stats: IngestStats = { events: 0, bytes: 0, delivered: 0, failed: 0, duplicates: 0, deliveredByTopic, failedAt: 0, deliveredAt: 0 }

  async function write(events: readonly Admitted[]): Promise<Taken[]> {
    const taken = new Array<Taken>(events.length)
    const fresh = events.length === 1 ? events : withoutRepeats(events, taken)
    const positions = new Map<RawTopic, readonly Position[]>()
    const writes: Promise<void>[] = []
    for (const topic of RAW_TOPICS) {
      if (topic === ORDERS) continue
      const records = recordsOf(fresh, topic)
      if (records.length > 0) writes.push(log.append(topic, records).then((at) => void positions.set(topic, at)))
    }
    events.forEach((event, at) => {
      if (event.draft && !taken[at]) writes.push(database.take(draftOf(event)).then((result) => void (taken[at] = result)))
    })
    // All have ended before one failure is told: nothing of this request may still be written behind its answer.
    for (const result of await Promise.allSettled(writes)) if (result.status === 'rejected') throw result.reason
    events.forEach((_, at) => (taken[at] ??= { kind: 'accepted' }))
    const accepted = events.filter((_, at) => taken[at]?.kind === 'accepted')
    time.accepted(
      events.filter((event, at) => taken[at]?.kind === 'accepted' || (taken[at]?.kind === 'duplicate' && isTimedOrder(event))).map(timed),
      positions,
    )
    for (const { topic } of accepted) deliveredByTopic[topic] += 1
    stats.delivered += accepted.length
    for (const { kind } of taken) if (kind === 'duplicate') stats.duplicates += 1
    return taken
  }

  return {
    stats,
    async take(events) {
      let bytes = 0
      for (const event of events) bytes += event.bytes
      if (stats.events + events.length > eventsMax || stats.bytes + bytes > bytesMax) {
        throw new FlowGuardError('queue_full', `${stats.events} events wait to be written; try again in a moment`)
      }
      stats.events += events.length
      stats.bytes += bytes
      try {
        const taken = await write(events)
        stats.deliveredAt = performance.now()
        return taken
      } catch (error) {
        stats.failed += events.length
        stats.failedAt = performance.now()
        throw error
      } finally {
        stats.events -= events.length
        stats.bytes -= bytes
      }
    },
  }
}

/**
 * Answers `duplicate` for what a batch repeats of itself; another content under the same id goes on to the log, where the stream makes it a dead
 * letter. Orders are the database's to tell apart.
 */
function withoutRepeats(events: readonly Admitted[], taken: Taken[]): readonly Admitted[] {
  const hashes = new Map<string, string>()
  return events.filter((event, at) => {
    if (event.draft) return true
    const id = `${event.topic}\0${event.userId}\0${event.eventId}`
    const first = hashes.get(id)
    if (first === event.contentHash) {
      taken[at] = { kind: 'duplicate' }
      return false
    }
    if (first === undefined) hashes.set(id, event.contentHash)
    return true
  })
}

function recordsOf(events: readonly Admitted[], topic: RawTopic): NewRecord[] {
  const records: NewRecord[] = []
  for (const event of events) {
    if (event.topic === topic)
      records.push({ key: event.userId || event.eventId, value: JSON.stringify(event.event), headers: event.headers })
  }
  return records
}

function draftOf({ eventId, userId, contentHash, headers, event, draft }: Admitted) {
  assert(draft)
  return { eventId, userId, contentHash, headers, event, ...draft }
}

/** An order known already may be one whose first request failed half done, so that nobody noted its time; the same content says the same time. */
const isTimedOrder = ({ draft, event }: Admitted) => draft !== undefined && event['timestamp'] !== undefined
const timed = ({ topic, ts, userId }: Admitted) => ({ topic, ts, key: userId })
