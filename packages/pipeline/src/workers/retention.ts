import { DAY_MS, DEAD, GENERAL } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import type { TopicSpecs } from '../log/topics.ts'
import { SESSION_KEPT_MS } from './sessions.ts'
import type { LaneTables } from './tables.ts'

const EVERY_MS = 60_000
/** All sessions are looked at for those that are over: once in so many rounds is enough. */
const SESSIONS_ROUNDS = 60
const ROWS_MAX = 500
/** Beyond what the topic keeps: a repeat of an event, appended while the topic had it, may wait for its worker so long and is still known. */
const GRACE_MS = DAY_MS

interface RetentionOptions {
  store: Pick<LaneTables, 'lane' | 'forgetProcessed' | 'forgetFailed' | 'forgetSessions'>
  topics: TopicSpecs
  /** The offset in each partition of the lane's own dead letters that the pipeline has copied. */
  shipped: () => ReadonlyMap<number, number>
  clock: Clock
  logger: Logger
}

/**
 * What the lane forgets: processed events once their topic no longer keeps them, for until then they tell repeats; failed ones with their dead letters;
 * sessions that are long over; its own dead letters as soon as they are in `dead.v1`.
 */
export function laneRetention({ store, topics, shipped, clock, logger }: RetentionOptions): Part {
  const before = (keptMs: number) => new Date(clock() - keptMs).toISOString()

  /** The oldest first, some at a time, so that nobody waits for it. */
  async function round(at: number, signal: AbortSignal) {
    for (const some of [
      () => store.forgetProcessed(before(topics[GENERAL].retentionMs + GRACE_MS), ROWS_MAX),
      () => store.forgetFailed(before(topics[DEAD].retentionMs), ROWS_MAX),
    ]) {
      while (!signal.aborted && (await some()) === ROWS_MAX) await pause(0, signal)
    }
    if (at % SESSIONS_ROUNDS === 0) await store.forgetSessions(clock() - SESSION_KEPT_MS)
    await store.lane.trim(DEAD, { appendedBefore: clock(), readBefore: shipped() })
  }

  return async (signal) => {
    for (let at = 0; !signal.aborted; at += 1) {
      try {
        await round(at, signal)
      } catch (error) {
        if (!(error instanceof FlowGuardError && error.retriable)) throw error
        logger.warn({ err: error }, 'the general lane could not forget; it tries again in a minute')
      }
      await pause(EVERY_MS, signal)
    }
  }
}
