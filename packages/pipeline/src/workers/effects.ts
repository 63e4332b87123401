import { GENERAL } from '@flowguard/contract'
import { step } from '../kernel/crash.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import type { ReaderObserver } from '../kernel/observer.ts'
import { backoffMs, type Backoff } from '../kernel/retry.ts'
import type { LogRecord } from '../log/event-log.ts'
import { lettersOf, movesOf, recordOf, sayDead, type Buried } from '../reader/loop.ts'
import type { Fate, Move, Standing } from '../reader/places.ts'
import type { Effects, TooOften } from '../reader/rounds.ts'
import type { Work } from './enrich.ts'
import { keyOf, planBatch, planRetries, taken, WORKERS, type By, type InHand, type Plan, type Taken } from './processor.ts'
import type { LaneTables } from './tables.ts'

/** Between the tries: about half a second, then about one. */
const RETRY_BACKOFF = { firstMs: 500, longestMs: 30_000 } as const
/** Retries of one transaction. */
const RETRY_COUNT_MAX = 100

const NOTHING: Plan = { processed: [], failed: [], forgiven: [], waiting: [], ended: [], postponed: [], sessions: [], took: [], buried: [] }

export interface LaneWork {
  store: LaneTables
  /** Whose name the rows bear. */
  worker: string
  work: Work
  clock: Clock
  random: Backoff['random']
  logger: Logger
  observer: ReaderObserver
}

/** Works general events off: checked, enriched, and written down once, in the transaction that moves the place (CONTRACT, Events: general). */
export function laneEffects({ store, worker, work, clock, random, logger, observer }: LaneWork) {
  const nextTryAt = (tries: number) => clock() + Math.ceil(backoffMs(tries, { ...RETRY_BACKOFF, random }))
  const now = (): By => ({ worker, work, now: clock(), nextTryAt })

  async function workOff(batch: readonly LogRecord[], standings: readonly Standing[], dead?: TooOften) {
    const all = dead ? [] : batch.map(taken)
    const events = all.filter((each): each is InHand => 'event' in each)
    const partitions = [...new Set(batch.map(({ partition }) => partition))]
    const asked = { partitions, events: events.map(({ event }) => keyOf(event)), users: usersOf(events) }
    const timeOf = timesOf(standings, all)
    let letters: readonly Buried[] = []
    let done: { fates: readonly Fate[]; moves: readonly Move[] } = { fates: [], moves: [] }
    await store.work(asked, (found) => {
      const by = now()
      const { fates, plan } = dead
        ? { fates: batch.map((): Fate => ({ dead: 'handler_failed', detail: dead.detail })), plan: NOTHING }
        : planBatch(all, found, by)
      letters = lettersOf(WORKERS, batch, fates, dead?.tries ?? 1, by.now)
      done = { fates, moves: movesOf(WORKERS, batch, fates, standings, timeOf) }
      return { ...plan, letters: letters.map(recordOf), moves: done.moves }
    })
    step('reader.after-commit')
    sayDead(logger, letters)
    return done
  }

  const effects: Effects = {
    begin: (logId, places) => store.begin(logId, places),
    reload: () => store.standings(),
    commit: workOff,
    expire: (stretches) => store.expire(stretches),
  }
  return {
    ...effects,
    /** What `commit` does, and what became of each record. */
    workOff,
    /** Tries again what is due, whichever worker had it in hand. Resolves to how many were: a whole round of them, and there may be more. */
    retryDue: async () => {
      let dead: readonly Buried[] = []
      const count = await store.retry({ now: clock(), countMax: RETRY_COUNT_MAX }, (due, sessions) => {
        const planned = planRetries(due, sessions, now())
        dead = planned.dead
        return planned.writes
      })
      for (const { letter } of dead) observer.died(letter.reason)
      sayDead(logger, dead)
      return count
    },
  }
}

function usersOf(events: readonly InHand[]): string[] {
  const users = new Set<string>()
  for (const { event } of events) if (event.user_id !== undefined) users.add(event.user_id)
  return [...users]
}

/** The highest event time of each partition, this batch included. */
function timesOf(standings: readonly Standing[], batch: readonly Taken[]): (topic: string, partition: number) => number {
  const times = new Map(standings.filter(({ topic }) => topic === GENERAL).map(({ partition, timeMs }) => [partition, timeMs]))
  for (const one of batch) {
    if (!('event' in one)) continue
    const { partition } = one.record
    if (one.event.ts > (times.get(partition) ?? -1)) times.set(partition, one.event.ts)
  }
  return (_topic, partition) => times.get(partition) ?? -1
}
