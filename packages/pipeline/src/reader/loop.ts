import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as immediate } from 'node:timers/promises'
import { DEAD, type DeadLetter, type DeadReason, type Topic } from '@flowguard/contract'
import { step } from '../kernel/crash.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { BACKOFF, backoffMs, retried } from '../kernel/retry.ts'
import { guarded, transaction } from '../kernel/sqlite.ts'
import { traceIdOf } from '../kernel/trace-context.ts'
import type { EventLog, LogRecord, Place, TransactionalLog } from '../log/event-log.ts'
import { noTally, placesIn, type Move, type Standing } from './places.ts'

/** What became of one record. `applied` changed something, `skipped` was not this reader's concern. */
export type Fate = 'applied' | 'duplicate' | 'late' | 'skipped' | { dead: DeadReason; detail: string }

/** What a reader does with its records. It keeps what it must remember in the store, and only finds it through memory. */
export interface Handler {
  /** Fills its memory from the store: at the start, and whenever a transaction was rolled back. */
  load(standings: readonly Standing[]): void
  /** Works a batch off inside the open transaction, synchronously: one fate for each record. */
  apply(batch: readonly LogRecord[]): readonly Fate[]
  /** The highest event time read from a partition; -Infinity where the reader keeps none. */
  timeOf(topic: Topic, partition: number): number
}

export interface Reader {
  name: string
  topics: readonly Topic[]
  log: EventLog
  handler: Handler
  /** Records of one transaction, at most; without it, as many as a fetch may bring. */
  batchCountMax?: number
  /** Where several processes read under one name: whether a partition is this one's now. Without it, all of them are. */
  isMine?: (place: Place) => boolean
}

export interface ReaderStore {
  db: DatabaseSync
  path: string
  /** The derived topics, on the same connection: they commit with the effect. */
  derived: TransactionalLog
  clock: Clock
  logger: Logger
}

const BATCH_COUNT_MAX = 5_000
const WAIT_MS = 500
/** How often a record whose handling fails is tried before it is a dead letter. */
const TRIES_MAX = 3

/** The loop that every reader shares: fetch, handle, keep the place with the effect; again and again, until the signal aborts. */
export function readerLoop({ name, topics, log, handler, batchCountMax = BATCH_COUNT_MAX, isMine }: Reader, store: ReaderStore): Part {
  const { db, path, derived, clock, logger } = store
  const places = placesIn(db, name)
  let standings: readonly Standing[] = []

  async function begin() {
    const ends = await Promise.all(topics.map(async (topic) => ({ topic, partitions: await log.ends(topic) })))
    guarded(path, () =>
      transaction(db, () => {
        const other = places.standings().find((each) => each.logId !== log.id)
        if (other) throw new FlowGuardError('log_replaced', `${name} knows the log ${other.logId} of ${other.topic}; this is ${log.id}`)
        for (const { topic, partitions } of ends) {
          for (const { partition, start } of partitions) places.begin(log.id, { topic, partition, next: start })
        }
      }),
    )
    reload()
  }

  function reload() {
    standings = guarded(path, places.standings)
    guarded(path, () => handler.load(standings))
  }

  /** One transaction: the effect, its dead letters, and the places behind it. `dead` are records that have failed too often. */
  function commit(batch: readonly LogRecord[], dead?: { detail: string; tries: number }) {
    guarded(path, () =>
      transaction(db, () => {
        const fates = dead ? batch.map((): Fate => ({ dead: 'handler_failed', detail: dead.detail })) : handler.apply(batch)
        if (fates.length !== batch.length) throw new Error(`${name} gave ${fates.length} fates for ${batch.length} records`)
        buryDead(batch, fates, dead?.tries ?? 1)
        step('reader.after-effect')
        const moves = movesOf(batch, fates)
        for (const move of moves) places.move(move)
        standings = standings.map((each) => {
          const move = moves.find(({ topic, partition }) => topic === each.topic && partition === each.partition)
          return move ? { ...each, next: move.next } : each
        })
        step('reader.after-place')
      }),
    )
    step('reader.after-commit')
  }

  function buryDead(batch: readonly LogRecord[], fates: readonly Fate[], tries: number) {
    const letters = batch.flatMap((record, at) => {
      const fate = fates[at] as Fate
      return typeof fate === 'string' ? [] : [{ record, letter: letterOf(name, record, fate.dead, fate.detail, tries, clock()) }]
    })
    if (letters.length === 0) return
    derived.appendNow(
      DEAD,
      letters.map(({ record, letter }) => ({ key: record.key ?? letter.dead_id, value: JSON.stringify(letter), headers: record.headers })),
    )
    for (const { record, letter } of letters) {
      const { dead_id, reason, detail } = letter
      logger.warn({ reader: name, dead_id, reason, detail, trace_id: traceIdOf(record.headers['traceparent'] ?? '') }, 'dead letter')
    }
  }

  function movesOf(batch: readonly LogRecord[], fates: readonly Fate[]): Move[] {
    const moves: Move[] = []
    let move: Move | undefined
    batch.forEach(({ topic, partition, offset, key }, at) => {
      if (move?.topic !== topic || move.partition !== partition)
        move = moves.find((each) => each.topic === topic && each.partition === partition)
      if (!move) {
        const from = standings.find((each) => each.topic === topic && each.partition === partition)?.next ?? 0
        // After a failure the places were read again: another reader may have done this batch.
        if (offset < from)
          throw new FlowGuardError('place_moved', `${name}: ${topic}-${partition} stands at ${from} already, beyond ${offset}`)
        moves.push((move = { topic, partition, from, next: from, timeMs: -1, heartbeats: 0, tally: noTally() }))
      }
      const fate = fates[at] as Fate
      move.next = offset + 1
      move.tally.read += 1
      // Every event has a user or an id as its key.
      if (key === '' && fate === 'skipped') move.heartbeats += 1
      move.tally[typeof fate === 'string' ? fate : 'dead'] += 1
    })
    for (const each of moves) each.timeMs = Math.max(-1, handler.timeOf(each.topic, each.partition))
    return moves
  }

  /** A record whose handling fails is found by halving, so that it holds back none of its batch, and is dead after some tries. */
  async function work(batch: readonly LogRecord[], signal: AbortSignal): Promise<void> {
    let dead: { detail: string; tries: number } | undefined
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        return commit(batch, dead)
      } catch (error) {
        reload()
        if (error instanceof FlowGuardError) {
          if (!error.retriable) throw error
          logger.warn({ reader: name, code: error.code, err: error }, 'the store cannot be written; trying again')
        } else if (batch.length > 1) {
          const half = batch.length >> 1
          await work(batch.slice(0, half), signal)
          return work(batch.slice(half), signal)
        } else {
          if (dead) throw error
          logger.error({ reader: name, err: error, tries }, 'a record cannot be handled')
          // Buried by the next turn of the loop, so that a full disk holds it up and does not end the reader.
          if (tries >= TRIES_MAX) dead = { detail: String(error), tries }
        }
        await pause(backoffMs(Math.min(tries, 8), BACKOFF), signal)
      }
    }
  }

  /** Where several share the partitions, another may have moved any of them since. */
  function placesNow(): readonly Place[] {
    if (!isMine) return standings
    reload()
    return standings.filter(isMine)
  }

  return async (signal) => {
    await begin()
    const canRetry = (error: unknown) => error instanceof FlowGuardError && error.retriable
    while (!signal.aborted) {
      const batch = await retried(
        async () => log.read(placesNow(), { countMax: batchCountMax, waitMs: WAIT_MS }),
        (error) => {
          if (canRetry(error)) logger.warn({ reader: name, err: error }, 'the log cannot be read; trying again')
          return canRetry(error)
        },
        signal,
      )
      if (!batch || batch.length === 0) continue
      step('reader.after-fetch')
      try {
        await work(batch, signal)
      } catch (error) {
        if (!isMine || !hasCode(error, 'place_moved')) throw error
        logger.info({ reader: name, err: error }, 'another has it now')
      }
      // Nothing in a round waits for the system while there is something to read: timers, requests and signals get their turn here.
      await immediate()
    }
  }
}

/** A record as a dead letter. */
export function letterOf(reader: string, record: LogRecord, reason: DeadReason, detail: string, tries: number, now: number): DeadLetter {
  const { topic, partition, offset, key, headers, value, bytes } = record
  return {
    dead_id: `${reader}/${topic}-${partition}-${offset}`,
    reader,
    topic,
    partition,
    offset,
    reason,
    detail,
    tries,
    died_at: new Date(now).toISOString(),
    key,
    headers,
    value_base64: Buffer.from(bytes ?? value).toString('base64'),
  }
}
