import { setImmediate as immediate } from 'node:timers/promises'
import type { Topic } from '@flowguard/contract'
import { step } from '../kernel/crash.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { pause, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { observed, type ReaderObserver } from '../kernel/observer.ts'
import { BACKOFF, backoffMs, retried } from '../kernel/retry.ts'
import type { EventLog, LogRecord, Place } from '../log/event-log.ts'
import { expiredAt, sayExpired, type Expired } from './expired.ts'
import type { Fate, Move, Standing } from './places.ts'

/** At once where the store is this process's own, later where it is a server. */
export type Soon<T> = T | Promise<T>

/** A record that has failed too often, as it is to be buried. */
export interface TooOften {
  detail: string
  tries: number
}

/** The store of a reader's effect, which keeps its places beside it. */
export interface Effects {
  /** Begins the places of partitions that it has never read. Throws `log_replaced` where it knows another log. */
  begin(logId: string, places: readonly Place[]): Soon<void>
  /** Where the reader stands; what it remembers besides is filled anew from the store. At the start, and whenever a transaction was rolled back. */
  reload(): Soon<readonly Standing[]>
  /**
   * One transaction: the effect of a batch, its dead letters, and the places behind it, from where the reader stood. Throws `place_moved` where another has
   * moved one of them, and what is no FlowGuardError where a record cannot be handled.
   */
  commit(batch: readonly LogRecord[], standings: readonly Standing[], dead?: TooOften): Soon<Committed>
  /** One transaction: the places move behind what the log deleted unread, and that is booked. Throws `place_moved` as `commit` does. */
  expire(stretches: readonly Expired[]): Soon<void>
}

/** What became of each record of a batch, and how the places moved. */
export interface Committed {
  fates: readonly Fate[]
  moves: readonly Move[]
}

/** What is read, and by whom. */
export interface Reading {
  name: string
  topics: readonly Topic[]
  log: EventLog
  /** Records of one transaction, at most; without it, as many as a fetch may bring. */
  batchCountMax?: number
  /** Where several processes read under one name: whether a partition is this one's now. Without it, all of them are. */
  isMine?: (place: Place) => boolean
  /** Whether a batch without a record is due: `Handler`. */
  isDue?: () => boolean
}

const BATCH_COUNT_MAX = 5_000
const WAIT_MS = 500
/** How often a record whose handling fails is tried before it is a dead letter. */
const TRIES_MAX = 3

/** The loop that every reader shares: fetch, handle, keep the place with the effect; again and again, until the signal aborts. */
export function readerRounds(reading: Reading, effects: Effects, { logger, observer }: { logger: Logger; observer: ReaderObserver }): Part {
  const { name, topics, log, batchCountMax = BATCH_COUNT_MAX, isMine, isDue } = reading
  let standings: readonly Standing[] = []

  /** What passes is waited for: a store or a log that is started again holds a reader up, and does not end it. */
  const patiently = <T>(work: () => Promise<T>, what: string, signal: AbortSignal) =>
    retried(
      work,
      (error) => {
        const isPassing = error instanceof FlowGuardError && error.retriable
        if (isPassing) logger.warn({ reader: name, code: error.code, err: error }, `${what}; trying again`)
        return isPassing
      },
      signal,
    )

  async function begin() {
    const ends = await Promise.all(topics.map(async (topic) => ({ topic, partitions: await log.ends(topic) })))
    const places = ends.flatMap(({ topic, partitions }) => partitions.map(({ partition, start }) => ({ topic, partition, next: start })))
    await effects.begin(log.id, places)
    await reload()
  }

  async function reload() {
    standings = await effects.reload()
  }

  async function commit(batch: readonly LogRecord[], dead: TooOften | undefined) {
    const startedAt = performance.now()
    const { fates, moves } = await effects.commit(batch, standings, dead)
    observer.batch(batch, fates, startedAt)
    const moveOf = ({ topic, partition }: Place) => moves.find((move) => move.topic === topic && move.partition === partition)
    standings = standings.map((each) => {
      const move = moveOf(each)
      return move ? { ...each, next: move.next, timeMs: move.timeMs } : each
    })
    // What was fetched while it was this one's may be another's by now, who has nothing left to tell of it.
    log.noteRead?.(name, isMine ? standings.filter((each) => isMine(each) || moveOf(each)) : standings)
  }

  /** A record whose handling fails is found by halving, so that it holds back none of its batch, and is dead after some tries. */
  async function work(batch: readonly LogRecord[], signal: AbortSignal): Promise<void> {
    let dead: TooOften | undefined
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        return await commit(batch, dead)
      } catch (error) {
        await patiently(reload, 'the places cannot be read', signal)
        if (error instanceof FlowGuardError) {
          if (!error.retriable) throw error
          logger.warn({ reader: name, code: error.code, err: error }, 'what it does cannot be done just now; trying again')
        } else if (batch.length > 1) {
          const half = batch.length >> 1
          await work(batch.slice(0, half), signal)
          return work(batch.slice(half), signal)
        } else {
          if (dead || batch.length === 0) throw error
          logger.error({ reader: name, err: error, tries }, 'a record cannot be handled')
          // Buried by the next turn of the loop, so that a full disk holds it up and does not end the reader.
          if (tries >= TRIES_MAX) dead = { detail: String(error), tries }
        }
        await pause(backoffMs(Math.min(tries, 8), BACKOFF), signal)
      }
    }
  }

  /** Where several share the partitions, another may have moved any of them since. */
  async function placesNow(): Promise<readonly Place[]> {
    if (!isMine) return standings
    await reload()
    return standings.filter(isMine)
  }

  /** What lies at its places. Nothing where the log had deleted that: then it stands behind what is lost. */
  async function fetch(): Promise<readonly LogRecord[]> {
    const places = await placesNow()
    try {
      return await log.read(places, { countMax: batchCountMax, waitMs: WAIT_MS })
    } catch (error) {
      if (!hasCode(error, 'log_expired')) throw error
      const stretches = await expiredAt(log, places)
      if (stretches.length === 0) throw error
      try {
        await effects.expire(stretches)
      } finally {
        await reload()
      }
      sayExpired(logger, name, stretches)
      return []
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    await patiently(begin, 'it cannot begin', signal)
    while (!signal.aborted) {
      try {
        const batch = await patiently(fetch, 'the log cannot be read', signal)
        observer.turn()
        if (!batch || (batch.length === 0 && !isDue?.())) continue
        step('reader.after-fetch')
        await work(batch, signal)
      } catch (error) {
        if (!isMine || !hasCode(error, 'place_moved')) throw error
        logger.info({ reader: name, err: error }, 'another has it now')
      }
      // Nothing in a round waits for the system while there is something to read: timers, requests and signals get their turn here.
      await immediate()
    }
  }

  return observed(observer, run)
}
