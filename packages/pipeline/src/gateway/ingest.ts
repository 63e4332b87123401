import assert from 'node:assert/strict'
import { BATCH_COUNT_MAX, BODY_BYTES_MAX, CLICKS, ORDERS, RAW_TOPICS, type RawTopic } from '@flowguard/contract'
import type { Database, OrderResult } from '../database/database.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { partitionOf } from '../kernel/partition.ts'
import { tracing } from '../kernel/telemetry.ts'
import type { AppendedLog, NewRecord, Position } from '../log/event-log.ts'
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
  { log, database, time }: { log: AppendedLog; database: Database; time: EventTime },
  { eventsMax, bytesMax }: Limits = { eventsMax: QUEUE_EVENTS_MAX, bytesMax: QUEUE_BYTES_MAX },
): Ingest {
  const deliveredByTopic = Object.fromEntries(RAW_TOPICS.map((topic) => [topic, 0])) as Record<RawTopic, number>
  const stats: IngestStats = { events: 0, bytes: 0, delivered: 0, failed: 0, duplicates: 0, deliveredByTopic, failedAt: 0, deliveredAt: 0 }

  async function write(events: readonly Admitted[]): Promise<Taken[]> {
    const taken = new Array<Taken>(events.length)
    const lanes = new Map<RawTopic, Lane>()
    const firsts = new Map<string, Admitted[]>()
    events.forEach((event, at) => {
      if (!event.draft && isRepeat(event, firsts)) taken[at] = { kind: 'duplicate' }
      else laneOf(lanes, event.topic).events.push(event)
    })
    const writes = [...lanes].map(async ([topic, lane]) => {
      if (topic === ORDERS) lane.results = await takeOrders(lane.events)
      else lane.positions = await log.append(topic, lane.events.map(recordOf))
    })
    // All have ended before one failure is told: nothing of this request may still be written behind its answer.
    for (const result of await Promise.allSettled(writes)) if (result.status === 'rejected') throw result.reason
    events.forEach((event, at) => {
      taken[at] ??= settle(event, lanes.get(event.topic) as Lane)
      const { kind } = taken[at]
      if (kind === 'duplicate') stats.duplicates += 1
      if (kind !== 'accepted') return
      stats.delivered += 1
      deliveredByTopic[event.topic] += 1
    })
    return taken
  }

  async function takeOrders(events: readonly Admitted[]): Promise<readonly OrderResult[]> {
    const startedAt = performance.now()
    const results = await database.take(events.map(draftOf))
    if (tracing.now) {
      const work = { kind: 'internal', startedAt, endedAt: performance.now(), attributes: { 'flowguard.orders': events.length } } as const
      // All of one request share its traceparent.
      tracing.now.work('write orders', events[0]?.headers['traceparent'], work)
    }
    return results
  }

  /** What became of the next event of a lane that is written. */
  function settle(event: Admitted, lane: Lane): Taken {
    const { topic, ts, userId } = event
    const at = lane.settled++
    const result: Taken = lane.results[at] ?? { kind: 'accepted' }
    if (topic === CLICKS) time.accepted(topic, lane.positions[at]?.partition ?? 0, ts)
    // An order known already may be one whose first request failed half done, so that nobody noted its time; the same content says the same time.
    else if (result.kind === 'accepted' || (result.kind === 'duplicate' && event.event['timestamp'] !== undefined)) {
      if (topic === ORDERS) time.accepted(topic, partitionOf(userId, log.partitions(topic)), ts)
    }
    return result
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

/** The events of one topic in a request, and where or how they were written. */
interface Lane {
  events: Admitted[]
  positions: readonly Position[]
  results: readonly OrderResult[]
  settled: number
}

function laneOf(lanes: Map<RawTopic, Lane>, topic: RawTopic): Lane {
  let lane = lanes.get(topic)
  if (!lane) lanes.set(topic, (lane = { events: [], positions: [], results: [], settled: 0 }))
  return lane
}

/**
 * What a batch repeats of itself is a `duplicate`; another content under the same id goes on to the log, where the stream makes it a dead letter.
 * Orders are the database's to tell apart.
 */
function isRepeat(event: Admitted, firsts: Map<string, Admitted[]>): boolean {
  const known = firsts.get(event.eventId)
  if (!known) {
    firsts.set(event.eventId, [event])
    return false
  }
  const first = known.find(({ topic, userId }) => topic === event.topic && userId === event.userId)
  if (!first) known.push(event)
  return first?.contentHash === event.contentHash
}

function recordOf({ userId, eventId, event, headers }: Admitted): NewRecord {
  return { key: userId || eventId, value: JSON.stringify(event), headers }
}

function draftOf({ eventId, userId, contentHash, headers, event, draft }: Admitted) {
  assert(draft)
  return { eventId, userId, contentHash, headers, event, ...draft }
}
