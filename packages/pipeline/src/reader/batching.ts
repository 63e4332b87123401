import { setImmediate as immediate } from 'node:timers/promises'
import type { Topic } from '@flowguard/contract'
import { FlowGuardError, hasCode, type ErrorCode } from '../kernel/errors.ts'
import { pause, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { observed, type ReaderObserver } from '../kernel/observer.ts'
import { BACKOFF, backoffMs } from '../kernel/retry.ts'
import type { EventLog, LogRecord, Place } from '../log/event-log.ts'
import { expiredAt, type Expired } from './expired.ts'

// What readers share that write down, batch by batch, what several logs hold, and keep their places where they write it: the loader, the lake.

/** Some topics, and the log in which they lie. */
export interface Feed {
  log: EventLog
  topics: readonly Topic[]
}

/** Where only heartbeats came in, there is nothing to write but the place: that can wait so many times as long. */
export const QUIET_TIMES = 10

export const READ_COUNT_MAX = 5_000
export const IDLE_MS = 50
/** How many records are made ready before others get their turn of the event loop. */
const TURN_COUNT = 500
/** What does not mend itself is looked at again so often: an operator may have mended it. */
const AGAIN_MS = 30_000

/** The id of the log in which a topic lies. */
export const logIdIn = (feeds: readonly Feed[]) => (topic: Topic) => (feeds.find(({ topics }) => topics.includes(topic)) as Feed).log.id

/** Of places in several logs, what these deleted by themselves before it was read. */
export async function expiredIn(feeds: readonly Feed[], places: readonly Place[]): Promise<Expired[]> {
  const all = await Promise.all(
    feeds.map(({ log, topics }) =>
      expiredAt(
        log,
        places.filter(({ topic }) => topics.includes(topic)),
      ),
    ),
  )
  return all.flat()
}

/** Adds records to a batch, some at a time. */
export async function addInTurns(batch: { add(records: readonly LogRecord[]): void }, records: readonly LogRecord[]): Promise<void> {
  for (let from = 0; from < records.length; from += TURN_COUNT) {
    batch.add(records.slice(from, from + TURN_COUNT))
    await immediate()
  }
}

interface Tireless {
  observer: ReaderObserver
  /** What is said where the work cannot go on. */
  trouble: string
  /** The log is not what it was: nobody goes on then. */
  logFaults: readonly ErrorCode[]
  logger: Logger
}

/** The work, begun anew whenever it fails, until the signal aborts. A store that cannot be used holds up nobody else; the log keeps what is to be written. */
export function tirelessly(
  work: (signal: AbortSignal, onProgress: () => void) => Promise<void>,
  { observer, trouble, logFaults, logger }: Tireless,
): Part {
  async function run(signal: AbortSignal): Promise<void> {
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        await work(signal, () => (tries = 0))
      } catch (error) {
        if (!(error instanceof FlowGuardError) || hasCode(error, ...logFaults)) throw error
        const { code, advice } = error
        logger.error({ code, advice, err: error }, trouble)
        await pause(error.retriable ? backoffMs(tries, BACKOFF) : AGAIN_MS, signal)
      }
    }
  }

  return observed(observer, run)
}
