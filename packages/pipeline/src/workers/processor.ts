import { hash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { DEAD, EDITED_FROM, GENERAL, LIVE_MS, parseLogged, parseTimestamp, SECOND_MS } from '@flowguard/contract'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { backoffMs, type Backoff } from '../kernel/retry.ts'
import { transaction } from '../kernel/sqlite.ts'
import { traceIdOf } from '../kernel/trace-context.ts'
import type { LogRecord, TransactionalLog } from '../log/event-log.ts'
import { letterOf, type Fate, type Handler } from '../reader/loop.ts'
import { placesIn } from '../reader/places.ts'
import { isGeneral, laneFault, type LaneEvent } from './checks.ts'
import type { Enrichment, Work } from './enrich.ts'
import { sessionsIn } from './sessions.ts'
import { laneTables, type InHand, type Waiting } from './tables.ts'

/** Under this name all workers read, wherever they run. */
export const WORKERS = 'workers'
/** How often an event whose handling fails is tried before it is a dead letter. */
const TRIES_MAX = 3
/** Between the tries: about half a second, then about one. */
const RETRY_BACKOFF = { firstMs: 500, longestMs: 30_000 } as const
/** Retries of one transaction. */
const RETRY_COUNT_MAX = 100

export interface LaneStore {
  db: DatabaseSync
  path: string
  /** The lane's own dead letters: they commit with the rows of the tables. */
  lane: TransactionalLog
}

export interface ProcessorOptions {
  store: LaneStore
  /** Whose name the rows bear. */
  worker: string
  work: Work
  clock: Clock
  random: Backoff['random']
  logger: Logger
}

/** Works general events off: checked, enriched, and written down once, in the transaction that moves the place (CONTRACT, Events: general). */
export function laneProcessor({ store, worker, work, clock, random, logger }: ProcessorOptions) {
  const { db, lane } = store
  const tables = laneTables(db)
  const sessions = sessionsIn(db)
  const places = placesIn(db, WORKERS)
  const isDue = db.prepare('select 1 from lane_retries where next_at <= ? limit 1')
  const times = new Map<number, number>()
  let took: number[] = []

  const nextTryAt = (tries: number) => clock() + Math.ceil(backoffMs(tries, { ...RETRY_BACKOFF, random }))

  function finish(one: InHand, enrichment: Enrichment, retries: number) {
    const { event, record } = one
    const startedAt = event.user_id === undefined ? null : sessions.startOf(event.user_id, event.ts, record.appendedAt)
    const now = clock()
    tables.addProcessed(one, enrichment, event.event_type === 'page_view' ? startedAt : null, { worker, at: now, retries })
    took.push(Math.max(0, now - receivedMs(one)) / SECOND_MS)
  }

  function fail(one: InHand, reason: 'invalid_event' | 'handler_failed', error: string, retries: number) {
    const { topic, partition, offset } = one.record
    const deadId = `${WORKERS}/${topic}-${partition}-${offset}`
    tables.addFailed(one, { reason, error, deadId }, { worker, at: clock(), retries })
  }

  function fateOf(record: LogRecord): Fate {
    const event = eventOf(record)
    if ('dead' in event) return event
    const one: InHand = { record, event, contentHash: record.headers['content_hash'] ?? hash('sha256', record.value, 'base64url') }
    const known = tables.known(event)
    // An operator's edit takes the place of what failed, whose content is another by its nature.
    const isEdit = record.headers[EDITED_FROM] !== undefined
    if (known.some(({ state, contentHash }) => contentHash !== one.contentHash && !(isEdit && state === 'failed')))
      return { dead: 'id_conflict', detail: `event_id ${event.event_id} came before with another content` }
    // One that has failed may be sent again, and is then an event like any other.
    if (known.some(({ state }) => state !== 'failed')) return 'duplicate'
    if (known.length > 0) tables.forgetFailed(event)
    const fault = laneFault(event, receivedMs(one))
    if (fault !== undefined) {
      fail(one, 'invalid_event', fault, 0)
      return { dead: 'invalid_event', detail: fault }
    }
    const done = tried(event)
    if ('error' in done) tables.addWaiting(one, done.error, nextTryAt(1))
    else finish(one, done, 0)
    return 'applied'
  }

  function tried(event: LaneEvent): Enrichment | { error: string } {
    try {
      return work(event)
    } catch (error) {
      return { error: String(error) }
    }
  }

  function retry(waiting: Waiting) {
    const { record, contentHash, tries } = waiting
    const event = parseLogged(record.value) as LaneEvent
    const one: InHand = { record, event, contentHash }
    const done = tried(event)
    if (!('error' in done)) {
      if (tables.endWaiting(waiting)) finish(one, done, tries)
    } else if (tries + 1 < TRIES_MAX) {
      tables.postpone(waiting, done.error, nextTryAt(tries + 1))
    } else if (tables.endWaiting(waiting)) {
      fail(one, 'handler_failed', done.error, tries)
      bury(record, done.error, tries + 1)
    }
  }

  function bury(record: LogRecord, error: string, tries: number) {
    const letter = letterOf(WORKERS, record, 'handler_failed', error, tries, clock())
    lane.appendNow(DEAD, [{ key: record.key ?? letter.dead_id, value: JSON.stringify(letter), headers: record.headers }])
    places.buried(record)
    const { dead_id, reason, detail } = letter
    logger.warn({ reader: WORKERS, dead_id, reason, detail, trace_id: traceIdOf(record.headers['traceparent'] ?? '') }, 'dead letter')
  }

  function writeDurations() {
    tables.took(took)
    took = []
  }

  const handler: Handler = {
    load(standings) {
      took = []
      times.clear()
      for (const { partition, timeMs } of standings) times.set(partition, timeMs)
    },
    apply(batch) {
      const fates = batch.map(fateOf)
      writeDurations()
      return fates
    },
    timeOf: (_topic, partition) => times.get(partition) ?? -1,
  }

  /** The record's event, or why it is none. */
  function eventOf({ value, bytes, appendedAt, partition }: LogRecord): LaneEvent | Extract<Fate, object> {
    const invalid = (detail: string) => ({ dead: 'invalid_event' as const, detail })
    if (bytes) return invalid('not UTF-8')
    const event = parseLogged(value)
    if ('invalid' in event) return invalid(event.invalid)
    if (!isGeneral(event)) return invalid(`${event.event_type} is no general event`)
    // The gateway writes no time after the receipt; another producer's must not make sessions of a time to come.
    if (event.ts > appendedAt + LIVE_MS) return invalid(`/ts is ${event.ts - appendedAt} ms after it was appended`)
    if (event.ts > (times.get(partition) ?? -1)) times.set(partition, event.ts)
    return event
  }

  return {
    handler,
    /** Tries again what is due, whichever worker had it in hand. Resolves to how many were: a whole round of them, and there may be more. */
    retryDue: (): number => {
      if (!isDue.get(clock())) return 0
      took = []
      return transaction(db, () => {
        const due = tables.due(clock(), RETRY_COUNT_MAX, GENERAL)
        for (const each of due) retry(each)
        writeDurations()
        return due.length
      })
    },
  }
}

function receivedMs({ event, record }: InHand): number {
  return parseTimestamp(event.received_at) ?? record.appendedAt
}
