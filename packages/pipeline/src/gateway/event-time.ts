import { CLICKS, LATENESS_MS, LIVE_MS, ORDERS, TIMED_TOPICS } from '@flowguard/contract'
import type { Database } from '../database/database.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Clock, Part } from '../kernel/lifecycle.ts'
import { pause } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { partitionOf } from '../kernel/partition.ts'
import type { OutboxRecord } from '../database/outbox-rows.ts'
import type { EventLog } from '../log/event-log.ts'

const HEARTBEAT_MS = 1_000
/** So often a time is told again that has not moved: an engine that was started again has forgotten it, and knows no time before it hears of one. */
const REPEAT_MS = 10_000
/** How long a client has, after a restart, to send again what it got no answer for. */
const RESEND_MS = 60_000
/** How far back a start looks for the last heartbeat: a second's worth of events, and much more. */
const TAIL_COUNT_MAX = 50_000
const TAIL_STEP_COUNT = 500
const OUTBOX_COUNT_MAX = 20_000

type TimedTopic = (typeof TIMED_TOPICS)[number]

export interface TimeNow {
  /** The highest event time accepted, integer ms; undefined before the first. */
  highest: number | undefined
  /** Whether time goes on with the clock by itself. */
  isLive: boolean
}

export interface EventTime {
  now(): TimeNow
  /** Notes an event, once all of its request is durable. */
  accepted(topic: TimedTopic, partition: number, ts: number): void
  /** Closes time at once: on past the last event, so that the watermark passes it. Resolves to the heartbeats' time. */
  close(): Promise<{ closedTo: number | undefined; isLive: boolean }>
  heartbeats: Part
}

export interface EventTimeDeps {
  /** In which orders and clicks lie. */
  log: EventLog
  database: Database
  clock: Clock
  logger: Logger
}

/** Keeps the highest event time accepted, and tells it to every partition of the timed topics (CONTRACT, Time). Reads what an earlier process left behind. */
export async function openEventTime({ log, database, clock, logger }: EventTimeDeps): Promise<EventTime> {
  /** The highest time in each partition: a heartbeat that would move nothing is left out, or repeats it. */
  const times: Record<TimedTopic, number[]> = { [ORDERS]: [], [CLICKS]: [] }
  const tail = await readTail(log, database, times)
  /** What heartbeats say. An event found at the tail is not in it: its request may have died half done, and the rest of it is yet to be sent again. */
  const openedAt = clock()
  let settled = tail.heartbeat
  let highest = tail.highest

  const isLive = () => settled !== undefined && clock() - settled <= LIVE_MS

  function raise(topic: TimedTopic, partition: number, ts: number) {
    if (ts > (times[topic][partition] ?? Number.NEGATIVE_INFINITY)) times[topic][partition] = ts
  }

  function heartbeatsOf(topic: TimedTopic, ts: number, isRepeated: boolean): OutboxRecord[] {
    const records: OutboxRecord[] = []
    for (let partition = 0; partition < log.partitions(topic); partition += 1) {
      const before = times[topic][partition] ?? Number.NEGATIVE_INFINITY
      if (ts > before || isRepeated) records.push(heartbeat(Math.max(ts, before), partition))
    }
    return records
  }

  /** Leaves out what would move nothing, unless it is to be said again. */
  async function beat(ts: number, isRepeated = false): Promise<void> {
    const orders = heartbeatsOf(ORDERS, ts, isRepeated)
    const clicks = heartbeatsOf(CLICKS, ts, isRepeated)
    const writes: Promise<unknown>[] = []
    // Behind the orders that are on their way: an order partition's time must not pass them.
    if (orders.length > 0) writes.push(database.queueHeartbeats(orders))
    if (clicks.length > 0) writes.push(log.append(CLICKS, clicks))
    await Promise.all(writes)
    for (const { partition } of orders) raise(ORDERS, partition as number, ts)
    for (const { partition } of clicks) raise(CLICKS, partition as number, ts)
  }

  return {
    now: () => ({ highest, isLive: isLive() }),
    accepted(topic, partition, ts) {
      raise(topic, partition, ts)
      if (settled === undefined || ts > settled) settled = ts
      if (highest === undefined || settled > highest) highest = settled
    },
    async close() {
      if (isLive()) {
        const now = Math.max(clock(), settled as number)
        await beat(now)
        return { closedTo: now, isLive: true }
      }
      if (highest === undefined) return { closedTo: undefined, isLive: false }
      const closedTo = highest + LATENESS_MS + 1
      await beat(closedTo)
      return { closedTo, isLive: false }
    },
    async heartbeats(signal) {
      let isFailing = false
      let repeatedAt = clock()
      for (;;) {
        await pause(HEARTBEAT_MS, signal)
        if (signal.aborted) return
        // Whoever was cut off in the middle of a request has sent it again by now, or will not.
        if (clock() - openedAt > RESEND_MS) settled ??= highest
        if (settled === undefined) continue
        try {
          const isDue = clock() - repeatedAt >= REPEAT_MS
          await beat(isLive() ? Math.max(clock(), settled) : settled, isDue)
          if (isDue) repeatedAt = clock()
          isFailing = false
        } catch (error) {
          if (!(error instanceof FlowGuardError && error.retriable)) throw error
          if (!isFailing) logger.warn({ err: error }, 'heartbeats wait until the store can be written again')
          isFailing = true
        }
      }
    },
  }
}

function heartbeat(ts: number, partition: number): OutboxRecord {
  return { key: '', value: `{"event_type":"heartbeat","ts":${ts}}`, headers: {}, partition }
}

interface Tail {
  /** The highest time that a heartbeat has told. */
  heartbeat: number | undefined
  /** The highest time of all. */
  highest: number | undefined
}

/** Every partition is read back to its last heartbeat, which is as high as anything before it; and the outbox, whose rows the log does not have yet. */
async function readTail(log: EventLog, database: Database, times: Record<TimedTopic, number[]>): Promise<Tail> {
  const tail: Tail = { heartbeat: undefined, highest: undefined }
  const note = (topic: TimedTopic, partition: number, value: string): boolean => {
    const { ts, isHeartbeat } = timeIn(value)
    if (ts === undefined) return false
    if (ts > (times[topic][partition] ?? Number.NEGATIVE_INFINITY)) times[topic][partition] = ts
    if (tail.highest === undefined || ts > tail.highest) tail.highest = ts
    if (isHeartbeat && (tail.heartbeat === undefined || ts > tail.heartbeat)) tail.heartbeat = ts
    return isHeartbeat
  }
  for (const topic of TIMED_TOPICS) {
    for (const { partition, start, end } of await log.ends(topic)) {
      let to = end
      let found = false
      while (!found && to > start && end - to < TAIL_COUNT_MAX) {
        const next = Math.max(start, to - TAIL_STEP_COUNT)
        for (const record of await log.read([{ topic, partition, next }], { countMax: to - next, waitMs: 0 })) {
          if (note(topic, partition, record.value)) found = true
        }
        to = next
      }
    }
  }
  for (const { record } of await database.outbox(OUTBOX_COUNT_MAX)) {
    note(ORDERS, record.partition ?? partitionOf(record.key, log.partitions(ORDERS)), record.value)
  }
  return tail
}

/** Of anything: whoever writes past the gateway may have written what is no event. */
function timeIn(value: string): { ts: number | undefined; isHeartbeat: boolean } {
  try {
    const { ts, event_type: type } = JSON.parse(value) as { ts?: unknown; event_type?: unknown }
    return { ts: Number.isSafeInteger(ts) ? (ts as number) : undefined, isHeartbeat: type === 'heartbeat' }
  } catch {
    return { ts: undefined, isHeartbeat: false }
  }
}
