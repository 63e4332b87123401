import { DAY_MS, dayOf, isoOf, milliToRupees, RECON_CAUSES } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Difference, ReconcileBook, Side } from './book.ts'
import type { Day, Reconcile } from './reconcile.ts'
import type { CauseSum, DifferenceShown, HourShown, ReconcileView } from './view.ts'

/** All that operations and commands need of it. */
export interface Reconciling {
  reconcile: Reconcile
  book: Pick<ReconcileBook, 'flag' | 'unflag'>
  view: ReconcileView
}

/** UTC days, both included. */
export interface Days {
  from: Day
  to: Day
}

/** What became of going through some days. Money in rupees. */
export interface Outcome extends Days {
  /** Null of a plan: nothing was written down. */
  run_id: number | null
  /** Before when everything was settled; what came later waits for the next time. Null where the days hold nothing that is settled. */
  settled_to: string | null
  hours: readonly HourShown[]
  /** Of this run alone. */
  causes: readonly CauseSum[]
  /** The first of them. */
  differences: readonly DifferenceShown[]
  differences_total: number
  /** On record of the days, whichever run found it: what nothing explains is put right once, and stays there. And those of this run beyond the days. */
  unexplained: number
  /** The first of them. */
  unexplained_differences: readonly DifferenceShown[]
  /** Corrections of all runs that billing has yet to apply. */
  waiting: number
}

/** So many days at once. */
export const DAYS_COUNT_MAX = 31
const SHOWN_MAX = 500

export const daysOf = ({ from, to }: Days): Day[] =>
  Array.from({ length: Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1 }, (_, at) => dayOf(Date.parse(from) + at * DAY_MS))

export async function reconcileDays({ reconcile, view }: Reconciling, days: Days): Promise<Outcome> {
  const runId = await reconcile.run(daysOf(days), 'operator')
  const { differences, total, causes } = view.differences({ runId, limit: SHOWN_MAX })
  const unexplained = view.unexplained(days, runId, SHOWN_MAX)
  return {
    ...days,
    run_id: runId,
    settled_to: view.run(runId)?.settled_to ?? null,
    hours: view.hours(days.from, days.to),
    causes,
    differences,
    differences_total: total,
    unexplained: unexplained.total,
    unexplained_differences: unexplained.differences,
    waiting: view.waiting(),
  }
}

/** A click that is to earn nothing any more. Throws `click_missing`: the flag of what is none would give nothing back, and nobody would notice. */
export async function flagClick({ reconcile, book }: Reconciling, click: { user_id: string; event_id: string; reason: string }) {
  const { user_id: user, event_id: event, reason } = click
  if (!(await reconcile.hasClick(user, event)))
    throw new FlowGuardError('click_missing', `there is no such click by that user in the warehouse: ${event} by ${user}`)
  book.flag(user, event, reason)
}

export async function planDays({ reconcile, view }: Reconciling, days: Days): Promise<Outcome> {
  const planned = await reconcile.plan(daysOf(days))
  const unexplained = planned.differences.filter(({ cause }) => cause === 'unexplained')
  const onRecord = view.unexplained(days, null, SHOWN_MAX)
  return {
    ...days,
    run_id: null,
    settled_to: planned.settledTo === null ? null : isoOf(planned.settledTo),
    hours: planned.hours.map((each) => {
      const own = planned.differences.filter(({ hour }) => hour === each.hour)
      const sum = (of: 'amount' | 'waived') => milliToRupees(own.reduce((total, difference) => total + difference[of], 0))
      return {
        hour: isoOf(each.hour),
        settled_to: isoOf(planned.settledTo ?? each.hour),
        orders: each.orders,
        charges: each.charges,
        stream: milliToRupees(each.stream_amount),
        batch: milliToRupees(each.batch_amount),
        corrected: sum('amount'),
        waived: sum('waived'),
        causes: Object.fromEntries(sumsOf(own).map(({ cause, differences }) => [cause, differences])),
      }
    }),
    causes: sumsOf(planned.differences),
    differences: planned.differences.slice(0, SHOWN_MAX).map(shownOf),
    differences_total: planned.differences.length,
    unexplained: unexplained.length + onRecord.total,
    unexplained_differences: [...unexplained.map(shownOf), ...onRecord.differences].slice(0, SHOWN_MAX),
    waiting: view.waiting(),
  }
}

function sumsOf(differences: readonly Difference[]): CauseSum[] {
  return RECON_CAUSES.flatMap((cause) => {
    const own = differences.filter((each) => each.cause === cause)
    const sum = (of: 'amount' | 'waived') => milliToRupees(own.reduce((total, each) => total + each[of], 0))
    return own.length === 0 ? [] : [{ cause, differences: own.length, amount: sum('amount'), waived: sum('waived') }]
  })
}

function shownOf(each: Difference): DifferenceShown {
  const side = ({ count, amount, click, ad }: Side) => ({ count, amount: milliToRupees(amount), click_event_id: click, ad_id: ad })
  return {
    correction_id: '',
    run_id: null,
    hour: isoOf(each.hour),
    kind: each.kind,
    cause: each.cause,
    detail: each.detail,
    event_id: each.eventId,
    ad_id: each.adId,
    day: each.day,
    order_id: each.orderId,
    user_id: each.userId,
    stream: side(each.stream),
    batch: side(each.batch),
    amount: milliToRupees(each.amount),
    waived: milliToRupees(each.waived),
    applied: false,
  }
}
