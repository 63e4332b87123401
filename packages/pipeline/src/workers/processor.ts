import { hash } from 'node:crypto'
import { EDITED_FROM, isoOf, LIVE_MS, parseLogged, parseTimestamp, SECOND_MS } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import { letterOf, recordOf, type Buried } from '../reader/loop.ts'
import type { Fate } from '../reader/places.ts'
import { claimedTime, isGeneral, laneFault, type LaneEvent } from './checks.ts'
import type { Enrichment, Work } from './enrich.ts'

import { sessionsFrom } from './sessions.ts'
import {
  bucketOf,
  type EventKey,
  type FailedRow,
  type Found,
  type Known,
  type ProcessedRow,
  type RetryRow,
  type Session,
  type Took,
  type Waiting,
  type Writes,
} from './tables.ts'

/** Under this name all workers read, wherever they run. */
export const WORKERS = 'workers'
/** How often an event whose handling fails is tried before it is a dead letter. */
const TRIES_MAX = 3

/** An event in hand, with what was found out about it. */
export interface InHand {
  record: LogRecord
  event: LaneEvent
  contentHash: string
}

/** A record, and its event or why it is none. */
export type Taken = InHand | { record: LogRecord; dead: Extract<Fate, object> }

/** Who works, how, and when. */
export interface By {
  worker: string
  work: Work
  now: number
  /** When to try again what has failed so often. */
  nextTryAt: (tries: number) => number
}

/** What is worked out of a batch; the places are the loop's to add. */
export type Plan = Omit<Writes, 'moves' | 'letters'>

/** The record's event, or why it is none. It hangs on the record alone. */
export function taken(record: LogRecord): Taken {
  const { value, bytes, appendedAt, headers } = record
  const invalid = (detail: string): Taken => ({ record, dead: { dead: 'invalid_event', detail } })
  if (bytes) return invalid('not UTF-8')
  const event = parseLogged(value)
  if ('invalid' in event) return invalid(event.invalid)
  if (!isGeneral(event)) return invalid(`${event.event_type} is no general event`)
  // The gateway writes no time after the receipt; another producer's must not make sessions of a time to come.
  if (event.ts > appendedAt + LIVE_MS) return invalid(`/ts is ${event.ts - appendedAt} ms after it was appended`)
  return { record, event, contentHash: headers['content_hash'] ?? hash('sha256', value, 'base64url') }
}

export function keyOf({ event_id: eventId, user_id: user }: LaneEvent): EventKey {
  return { eventId, user: user ?? '' }
}

/** What becomes of a batch: one fate for each record, and the rows that say so. `found` has an entry for each of its events, in their order. */
export function planBatch(batch: readonly Taken[], found: Found, by: By): { fates: Fate[]; plan: Plan } {
  const sheet = sheetOf(by, found.sessions)
  /** By event: what the store will have of it as far as the batch has come. */
  const since = new Map<string, readonly Known[]>()
  let at = 0

  function fateOf(one: Taken): Fate {
    if ('dead' in one) return one.dead
    const { record, event, contentHash } = one
    const key = textOf(event)
    const known = since.get(key) ?? found.events[at] ?? []
    at += 1
    // An operator's edit takes the place of what failed, whose content is another by its nature.
    const isEdit = record.headers[EDITED_FROM] !== undefined
    if (known.some((each) => each.contentHash !== contentHash && !(isEdit && each.state === 'failed')))
      return { dead: 'id_conflict', detail: `event_id ${event.event_id} came before with another content` }
    // One that has failed may be sent again, and is then an event like any other.
    if (known.some(({ state }) => state !== 'failed')) return 'duplicate'
    if (known.length > 0) sheet.forgive(event)
    const fault = laneFault(event, receivedMs(one))
    const done = fault === undefined ? tried(by.work, event, 0) : undefined
    since.set(key, [{ state: !done ? 'failed' : 'error' in done ? 'waiting' : 'processed', contentHash }])
    if (!done) {
      const detail = fault as string
      sheet.fail(one, 'invalid_event', detail, 0)
      return { dead: 'invalid_event', detail }
    }
    if ('error' in done) sheet.wait(one, done.error)
    else sheet.finish(one, done, 0)
    return 'applied'
  }

  const fates = batch.map(fateOf)
  return { fates, plan: sheet.plan() }
}

/** What becomes of events that are tried again. */
export function planRetries(due: readonly Waiting[], sessions: ReadonlyMap<string, Session>, by: By): { writes: Writes; dead: Buried[] } {
  const sheet = sheetOf(by, sessions)
  const ended: Waiting[] = []
  const postponed: Writes['postponed'][number][] = []
  const dead: Buried[] = []
  for (const waiting of due) {
    const { record, contentHash, tries } = waiting
    const one: InHand = { record, event: parseLogged(record.value) as LaneEvent, contentHash }
    const done = tried(by.work, one.event, tries)
    if ('error' in done && tries + 1 < TRIES_MAX) {
      postponed.push({ waiting, error: done.error, nextAt: by.nextTryAt(tries + 1) })
      continue
    }
    ended.push(waiting)
    if (!('error' in done)) {
      sheet.finish(one, done, tries)
    } else {
      sheet.fail(one, 'handler_failed', done.error, tries)
      dead.push({ record, letter: letterOf(WORKERS, record, 'handler_failed', done.error, tries + 1, by.now) })
    }
  }
  const buried = dead.map(({ record }) => record)
  return { writes: { ...sheet.plan(), ended, postponed, buried, letters: dead.map(recordOf), moves: [] }, dead }
}

function tried(work: Work, event: LaneEvent, tries: number): Enrichment | { error: string } {
  try {
    return work(event, tries)
  } catch (error) {
    return { error: String(error) }
  }
}

/** The rows that a transaction is to write, as they come up. */
function sheetOf({ worker, now, nextTryAt }: By, known: ReadonlyMap<string, Session>) {
  const at = isoOf(now)
  const processed: ProcessedRow[] = []
  const failed = new Map<string, FailedRow>()
  const forgiven = new Map<string, EventKey>()
  const waiting: RetryRow[] = []
  const took = new Map<string, Took>()
  const sessions = sessionsFrom(known)

  function count({ partition }: LogRecord, seconds: number) {
    const bucket = bucketOf(seconds)
    const key = `${bucket}/${partition}`
    const sum = took.get(key)
    if (!sum) return void took.set(key, { bucket, partition, events: 1, seconds })
    sum.events += 1
    sum.seconds += seconds
  }

  return {
    finish(one: InHand, { category }: Enrichment, retries: number) {
      const { event, record } = one
      const startedAt = event.user_id === undefined ? null : sessions.startOf(event.user_id, event.ts, record.appendedAt)
      const sessionStart = event.event_type === 'page_view' && startedAt !== null ? isoOf(startedAt) : null
      processed.push({
        ...rowOf(one, retries),
        category,
        session_start: sessionStart,
        processed_at: at,
        processed_by: worker,
      })
      count(record, Math.max(0, now - receivedMs(one)) / SECOND_MS)
    },
    fail(one: InHand, reason: 'invalid_event' | 'handler_failed', error: string, retries: number) {
      const { topic, partition, offset } = one.record
      const deadId = `${WORKERS}/${topic}-${partition}-${offset}`
      failed.set(textOf(one.event), { ...rowOf(one, retries), reason, error, failed_at: at, failed_by: worker, dead_id: deadId })
    },
    /** Another chance is given to what has failed: before, or in this very batch. */
    forgive(event: LaneEvent) {
      const key = textOf(event)
      if (!failed.delete(key)) forgiven.set(key, keyOf(event))
    },
    wait({ record, event, contentHash }: InHand, error: string) {
      waiting.push({
        log_partition: record.partition,
        log_offset: record.offset,
        event_id: event.event_id,
        user_id: event.user_id ?? null,
        content_hash: contentHash,
        tries: 1,
        next_at: nextTryAt(1),
        error,
        key: record.key,
        headers: JSON.stringify(record.headers),
        value: record.value,
        appended_at: record.appendedAt,
      })
    },
    plan: (): Plan => ({
      processed,
      failed: [...failed.values()],
      forgiven: [...forgiven.values()],
      waiting,
      ended: [],
      postponed: [],
      sessions: sessions.changed(),
      took: [...took.values()],
      buried: [],
    }),
  }
}

function rowOf({ event, contentHash, record }: InHand, retries: number) {
  return {
    event_id: event.event_id,
    event_type: event.event_type,
    user_id: event.user_id ?? null,
    properties: event.properties === undefined ? null : JSON.stringify(event.properties),
    timestamp: instantOf(event),
    received_at: event.received_at,
    content_hash: contentHash,
    log_partition: record.partition,
    log_offset: record.offset,
    retry_count: retries,
  }
}

/** With its length, so that no two users and ids read as one. */
function textOf({ event_id: id, user_id }: LaneEvent): string {
  const user: string = user_id ?? ''
  return `${user.length} ${user} ${id}`
}

function receivedMs({ event, record }: InHand): number {
  return parseTimestamp(event.received_at) ?? record.appendedAt
}

const UTC_MS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** When it happened, as all instants are written here: most clients write them so themselves. */
function instantOf(event: LaneEvent): string {
  const { timestamp } = event
  return typeof timestamp === 'string' && UTC_MS.test(timestamp) ? timestamp : isoOf(claimedTime(event))
}
