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

/** Once a day: yesterday, the days since the last scheduled run where one was missed, and whatever is stale. At once where it is overdue. */
export function schedule({ etl, at, clock, logger, lookMs = LOOK_MS }: ScheduleOptions): Part {
  const [hour, minute] = at.split(':').map(Number)
  const daily = new Cron(`${minute} ${hour} * * *`, { timezone: 'UTC', paused: true })
  let notBefore = 0
  let doneTo: Day | undefined

  async function look() {
    const now = clock()
    // The last time that was due lies a day before the next.
    const due = daily.nextRun(new Date(now))!.getTime() - DAY_MS
    const yesterday = dayOf(due - DAY_MS)
    if (now < notBefore || (doneTo !== undefined && doneTo >= yesterday)) return
    doneTo ??= await lastScheduled(etl)
    if (doneTo !== undefined && doneTo >= yesterday) return
    const runId = await etl.start({ from: doneTo === undefined ? yesterday : nextDay(doneTo), to: yesterday }, 'schedule')
    await etl.idle()
    if (isSettled(await etl.run(runId))) doneTo = yesterday
    else notBefore = clock() + AGAIN_MS
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

async function lastScheduled(etl: Etl): Promise<Day | undefined> {
  const runs = await etl.runs(RUNS_COUNT)
  return runs.find((run) => run.asked_by === 'schedule' && isSettled(run))?.to_date ?? undefined
}

/** Days that a check has kept out are not made by trying again soon: the next run looks at them, and until then somebody is told. */
const isSettled = (run: RunShown | undefined) =>
  run?.state === 'done' || (run?.state === 'failed' && run.days_kept_out > 0 && run.days_done + run.days_kept_out >= run.days)
