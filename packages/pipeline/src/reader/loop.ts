import type { DatabaseSync } from 'node:sqlite'
import { DEAD, type DeadLetter, type DeadReason, type Topic } from '@flowguard/contract'
import { step } from '../kernel/crash.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Clock, Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { observeReader } from '../kernel/observer.ts'
import { guarded, transaction } from '../kernel/sqlite.ts'
import { traceIdOf } from '../kernel/trace-context.ts'
import type { LogRecord, NewRecord, TransactionalLog } from '../log/event-log.ts'
import { noTally, placesIn, type Fate, type Move, type Standing } from './places.ts'
import { readerRounds, type Effects, type Reading } from './rounds.ts'

/** What a reader does with its records. It keeps what it must remember in the store, and only finds it through memory. */
export interface Handler {
  /** Fills its memory from the store: at the start, and whenever a transaction was rolled back. */
  load(standings: readonly Standing[]): void
  /** Works a batch off inside the open transaction, synchronously: one fate for each record. */
  apply(batch: readonly LogRecord[]): readonly Fate[]
  /** The highest event time read from a partition; -Infinity where the reader keeps none. */
  timeOf(topic: Topic, partition: number): number
  /** Whether there is something to do although no record has come: then it is given an empty batch. Left out where it goes by records alone. */
  isDue?: () => boolean
}

export interface Reader extends Reading {
  handler: Handler
}

export interface ReaderStore {
  db: DatabaseSync
  path: string
  /** The derived topics, on the same connection: they commit with the effect. */
  derived: TransactionalLog
  clock: Clock
  logger: Logger
}

/** The loop of a reader whose effect lies in a store of this process's own, and is made synchronously. */
export function readerLoop(reader: Reader, store: ReaderStore): Part {
  const { clock, logger } = store
  const { isDue } = reader.handler
  return readerRounds({ ...reader, ...(isDue && { isDue }) }, effectsIn(store, reader), {
    logger,
    observer: observeReader(reader.name, clock),
  })
}

function effectsIn({ db, path, derived, clock, logger }: ReaderStore, { name, handler }: Reader): Effects {
  const places = placesIn(db, name)

  function commitNow(batch: readonly LogRecord[], standings: readonly Standing[], dead?: { detail: string; tries: number }) {
    const fates = dead ? batch.map((): Fate => ({ dead: 'handler_failed', detail: dead.detail })) : handler.apply(batch)
    if (fates.length !== batch.length) throw new Error(`${name} gave ${fates.length} fates for ${batch.length} records`)
    const letters = lettersOf(name, batch, fates, dead?.tries ?? 1, clock())
    if (letters.length > 0) derived.appendNow(DEAD, letters.map(recordOf))
    sayDead(logger, letters)
    step('reader.after-effect')
    const moves = movesOf(name, batch, fates, standings, (topic, partition) => handler.timeOf(topic, partition))
    for (const move of moves) places.move(move)
    step('reader.after-place')
    return { fates, moves }
  }

  return {
    begin(logId, from) {
      guarded(path, () =>
        transaction(db, () => {
          refuseOtherLog(name, logId, places.standings())
          for (const place of from) places.begin(logId, place)
        }),
      )
    },
    expire(stretches) {
      guarded(path, () => transaction(db, () => stretches.forEach((each) => places.expire(each))))
    },
    reload() {
      const standings = guarded(path, places.standings)
      guarded(path, () => handler.load(standings))
      return standings
    },
    commit(batch, standings, dead) {
      const committed = guarded(path, () => transaction(db, () => commitNow(batch, standings, dead)))
      step('reader.after-commit')
      return committed
    },
  }
}

/** A reader's places mean nothing in another log than the one that it read. */
export function refuseOtherLog(reader: string, logId: string, standings: readonly Standing[]): void {
  const other = standings.find((each) => each.logId !== logId)
  if (other) throw new FlowGuardError('log_replaced', `${reader} knows the log ${other.logId} of ${other.topic}; this is ${logId}`)
}

/** How a batch moves its reader's places, and what is entered into the books beside them. */
export function movesOf(
  reader: string,
  batch: readonly LogRecord[],
  fates: readonly Fate[],
  standings: readonly Standing[],
  timeOf: Handler['timeOf'],
): Move[] {
  const moves: Move[] = []
  let move: Move | undefined
  batch.forEach(({ topic, partition, offset, key }, at) => {
    if (move?.topic !== topic || move.partition !== partition)
      move = moves.find((each) => each.topic === topic && each.partition === partition)
    if (!move) {
      const from = standings.find((each) => each.topic === topic && each.partition === partition)?.next ?? 0
      // After a failure the places were read again: another reader may have done this batch.
      if (offset < from)
        throw new FlowGuardError('place_moved', `${reader}: ${topic}-${partition} stands at ${from} already, beyond ${offset}`)
      moves.push((move = { topic, partition, from, next: from, timeMs: -1, heartbeats: 0, tally: noTally() }))
    }
    const fate = fates[at] as Fate
    move.next = offset + 1
    move.tally.read += 1
    // Every event has a user or an id as its key.
    if (key === '' && fate === 'skipped') move.heartbeats += 1
    move.tally[typeof fate === 'string' ? fate : 'dead'] += 1
  })
  for (const each of moves) each.timeMs = Math.max(-1, timeOf(each.topic, each.partition))
  return moves
}

/** A record, and the letter that it becomes. */
export interface Buried {
  record: LogRecord
  letter: DeadLetter
}

/** The records of a batch that are dead. */
export function lettersOf(reader: string, batch: readonly LogRecord[], fates: readonly Fate[], tries: number, now: number): Buried[] {
  return batch.flatMap((record, at) => {
    const fate = fates[at] as Fate
    return typeof fate === 'string' ? [] : [{ record, letter: letterOf(reader, record, fate.dead, fate.detail, tries, now) }]
  })
}

/** The letter as it lies in `dead.v1`. */
export function recordOf({ record, letter }: Buried): NewRecord {
  return { key: record.key ?? letter.dead_id, value: JSON.stringify(letter), headers: record.headers }
}

export function sayDead(logger: Logger, letters: readonly Buried[]): void {
  for (const { record, letter } of letters) {
    const { reader, dead_id, reason, detail } = letter
    logger.warn({ reader, dead_id, reason, detail, trace_id: traceIdOf(record.headers['traceparent'] ?? '') }, 'dead letter')
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
