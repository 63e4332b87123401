import { ALERTS, isoOf, milliToRupees, toRupees, type Ad, type Alert } from '@flowguard/contract'
import type { Clock } from '../kernel/lifecycle.ts'
import type { TransactionalLog } from '../log/event-log.ts'

const MILLI_A_PAISA = 1_000

/** Amounts in rupees. */
export interface BudgetPassed extends Alert {
  kind: 'budget_passed'
  ad_id: string
  advertiser_id: string
  date: string
  daily_budget: number
  spent: number
}

/** Tells when an ad's spending passes its daily budget: one alert an ad and day. A budget trims nothing (CONTRACT, Billing). */
export function budgetAlerts(derived: TransactionalLog, adOf: (adId: string) => Ad | undefined, clock: Clock) {
  return {
    /** Amounts in milli-paise: the day's charges before and after a batch, credits aside. Inside the batch's transaction. */
    note(changes: readonly { adId: string; day: string; before: number; after: number }[]) {
      const alerts = changes.flatMap(({ adId, day, before, after }) => {
        const ad = adOf(adId)
        const budget = (ad?.dailyBudget ?? 0) * MILLI_A_PAISA
        if (!ad || budget === 0 || before > budget || after <= budget) return []
        const [daily_budget, spent] = [toRupees(ad.dailyBudget), milliToRupees(after)]
        const value: BudgetPassed = {
          alert_id: `budget/${adId}/${day}`,
          kind: 'budget_passed',
          severity: 'warning',
          title: `${adId} has passed its daily budget`,
          detail: `Charged ₹${spent} on ${day}; the budget is ₹${daily_budget}. It trims nothing: charging goes on.`,
          ad_id: adId,
          advertiser_id: ad.advertiserId,
          date: day,
          daily_budget,
          spent,
          raised_at: isoOf(clock()),
        }
        return [{ key: adId, value: JSON.stringify(value), headers: {} }]
      })
      derived.appendNow(ALERTS, alerts)
    },
  }
}

export type Budgets = ReturnType<typeof budgetAlerts>
