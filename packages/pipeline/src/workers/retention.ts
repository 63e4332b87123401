import { DAY_MS, DEAD, GENERAL } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { guarded, transaction } from '../kernel/sqlite.ts'
import type { TopicSpecs } from '../log/topics.ts'
import type { LaneStore } from './processor.ts'
import { sessionsIn } from './sessions.ts'

const EVERY_MS = 60_000
/** All sessions are looked at for those that are over: once in so many rounds is enough. */
const SESSIONS_ROUNDS = 60
const ROWS_MAX = 500
/** Beyond what the topic keeps: a repeat of an event, appended while the topic had it, may wait for its worker so long and is still known. */
const GRACE_MS = DAY_MS

interface RetentionOptions {
  store: LaneStore
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
  const { db, path, lane } = store
  const sessions = sessionsIn(db)
  const old = db.prepare(
    `select seq, partition from (select seq, log_partition as partition, processed_at from processed_events order by seq limit ?)
     where processed_at < ?`,
  )
  const forget = db.prepare('delete from processed_events where seq = ?')
  const note = db.prepare('insert into lane_forgotten values (?1, ?2) on conflict (log_partition) do update set processed = processed + ?2')
  const forgetFailed = db.prepare(
    'delete from failed_events where seq in (select seq from failed_events order by seq limit ?) and failed_at < ?',
  )
  const before = (keptMs: number) => new Date(clock() - keptMs).toISOString()

  /** The oldest first, some at a time, so that nobody waits for it. */
  function forgetProcessed(): number {
    return transaction(db, () => {
      const limit = before(topics[GENERAL].retentionMs + GRACE_MS)
      const rows = old.all(ROWS_MAX, limit) as { seq: number; partition: number }[]
      for (const { seq } of rows) forget.run(seq)
      for (const [partition, group] of Map.groupBy(rows, (row) => row.partition)) note.run(partition, group.length)
      return rows.length
    })
  }

  const forgetFailedNow = () => Number(forgetFailed.run(ROWS_MAX, before(topics[DEAD].retentionMs)).changes)

  async function round(at: number, signal: AbortSignal) {
    for (const some of [forgetProcessed, forgetFailedNow]) {
      while (!signal.aborted && guarded(path, some) === ROWS_MAX) await pause(0, signal)
    }
    if (at % SESSIONS_ROUNDS === 0) guarded(path, () => sessions.forget(clock()))
    await lane.trim(DEAD, { appendedBefore: clock(), readBefore: shipped() })
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
