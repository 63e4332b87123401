import { DAY_MS, dayOf } from '@flowguard/contract'
import { Cron } from 'croner'
import { hasCode } from '../kernel/errors.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { nextDay, type Day } from './days.ts'
import type { Etl } from './etl.ts'
import type { RunShown } from './store.ts'

/** Short, for a machine that was asleep notices only then that it is late. */
const LOOK_MS = 30_000
const AGAIN_MS = 10 * 60_000
/** Older scheduled runs are of no interest. */
const RUNS_COUNT = 200

export interface ScheduleOptions {
  etl: Etl
  /** Of the day, UTC: `01:00`. */
  at: string
  clock: Clock
  logger: Logger
  lookMs?: number
}

/**
 * Once a day: yesterday, the days since the last scheduled run where one was missed, and whatever is stale. At once where it is overdue. Where not all was loaded when
 * it began, what is stale by then is made again, until a run has found all loaded.
 */
export function schedule({ etl, at, clock, logger, lookMs = LOOK_MS }: ScheduleOptions): Part {
  const [hour, minute] = at.split(':').map(Number)
  const daily = new Cron(`${minute} ${hour} * * *`, { timezone: 'UTC', paused: true })
  let notBefore = 0
  let doneTo: Day | undefined
  let isLevel = true

  async function look() {
    const now = clock()
    // The last time that was due lies a day before the next.
    const due = daily.nextRun(new Date(now))!.getTime() - DAY_MS
    const yesterday = dayOf(due - DAY_MS)
    if (now < notBefore) return
    if (doneTo === undefined) ({ doneTo, isLevel } = await lastScheduled(etl))
    const isDone = doneTo !== undefined && doneTo >= yesterday
    if (isDone && isLevel) return
    if (isDone && !(await isAnyLeft(etl))) return void (notBefore = clock() + AGAIN_MS)
    const asked = { from: doneTo === undefined ? yesterday : nextDay(doneTo), to: yesterday }
    const runId = await etl.start(isDone ? undefined : asked, 'schedule')
    await etl.idle()
    const run = await etl.run(runId)
    if (isSettled(run)) [doneTo, isLevel] = [yesterday, run.is_level]
    if (!isSettled(run) || !isLevel) notBefore = clock() + AGAIN_MS
    if (isSettled(run) && !isLevel)
      logger.warn({ run_id: runId }, 'not all was loaded when the scheduled etl run began: what is stale by that is made again')
  }

  return async (signal) => {
    while (!signal.aborted) {
      try {
        await look()
      } catch (error) {
        if (!signal.aborted && !hasCode(error, 'etl_running')) {
          logger.error({ err: error }, 'the scheduled etl run could not begin')
          notBefore = clock() + AGAIN_MS
        }
      }
      await pause(lookMs, signal)
    }
    await etl.idle()
  }
}

async function lastScheduled(etl: Etl): Promise<{ doneTo: Day | undefined; isLevel: boolean }> {
  const settled = (await etl.runs(RUNS_COUNT)).filter((run) => run.asked_by === 'schedule' && isSettled(run))
  // One that was asked for no day has made what was left.
  return { doneTo: settled.find((run) => run.to_date !== null)?.to_date ?? undefined, isLevel: settled[0]?.is_level ?? true }
}

const isAnyLeft = async (etl: Etl) => (await etl.due()).some(({ why }) => why !== 'kept out')

/** Days that a check has kept out are not made by trying again soon: the next run looks at them, and until then somebody is told. */
const isSettled = (run: RunShown | undefined): run is RunShown =>
  run?.state === 'done' || (run?.state === 'failed' && run.days_kept_out > 0 && run.days_done + run.days_kept_out >= run.days)
