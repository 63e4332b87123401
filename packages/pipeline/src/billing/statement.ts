import {
  CHARGE_KINDS,
  milliToRupees,
  toRupees,
  type Ad,
  type AdvertiserBill,
  type ChargeKind,
  type StatementAd,
  type StatementLine,
} from '@flowguard/contract'

const MILLI_A_PAISA = 1_000

/** What one ad was charged for one kind, in milli-paise. */
export interface Charged {
  adId: string
  kind: ChargeKind
  count: number
  amount: number
}

/** The same of one day. */
export interface ChargedDay extends Charged {
  day: string
}

/** Lines are summed as the integers that they are, so that no statement is off by a rounding. */
export function sumOf(charged: readonly Charged[]): number {
  return charged.reduce((sum, { amount }) => sum + amount, 0)
}

export function lineOf({ adId, day, kind, count, amount }: ChargedDay): StatementLine {
  return {
    ad_id: adId,
    date: day,
    kind,
    count,
    amount: milliToRupees(amount),
    events_url: `/api/v1/billing/ads/${encodeURIComponent(adId)}/events?date=${day}&kind=${kind}`,
  }
}

/** An ad with its spending beside its daily budget. Its charges in the order of days. */
export function budgetOf({ adId, itemId, campaignId, pricing, rate, dailyBudget }: Ad, charged: readonly ChargedDay[]): StatementAd {
  const spent = new Map<string, number>()
  for (const { day, kind, amount } of charged) if (kind !== 'credit') spent.set(day, (spent.get(day) ?? 0) + amount)
  const last = [...spent].at(-1)
  const budget = dailyBudget * MILLI_A_PAISA
  return {
    ad_id: adId,
    item_id: itemId,
    campaign_id: campaignId,
    pricing,
    rate: toRupees(rate),
    daily_budget: dailyBudget === 0 ? null : toRupees(dailyBudget),
    last_day: last ? { date: last[0], spent: milliToRupees(last[1]) } : null,
    days_over: dailyBudget === 0 ? 0 : [...spent.values()].filter((amount) => amount > budget).length,
    total: milliToRupees(sumOf(charged)),
  }
}

/** Each advertiser's charges, the greatest total first, and what was charged to ads of nobody. */
export function billsOf(
  ads: readonly Ad[],
  charged: readonly Charged[],
): { total: number; unassigned: number; advertisers: AdvertiserBill[] } {
  const advertiserOf = new Map<string, string>(ads.map(({ adId, advertiserId }) => [adId, advertiserId]))
  const bills = new Map<string, { ads: number; of: Record<ChargeKind, { count: number; amount: number }> }>()
  for (const { advertiserId } of ads) {
    const bill = bills.get(advertiserId)
    if (bill) bill.ads += 1
    else bills.set(advertiserId, { ads: 1, of: nothing() })
  }
  let unassigned = 0
  for (const { adId, kind, count, amount } of charged) {
    const sum = bills.get(advertiserOf.get(adId) ?? '')?.of[kind]
    if (!sum) unassigned += amount
    else {
      sum.count += count
      sum.amount += amount
    }
  }
  const all = [...bills].map(([advertiserId, bill]) => ({ advertiserId, ...bill, total: milliIn(bill.of) }))
  all.sort((a, b) => b.total - a.total || (a.advertiserId < b.advertiserId ? -1 : 1))
  return {
    total: milliToRupees(all.reduce((sum, { total }) => sum + total, 0)),
    unassigned: milliToRupees(unassigned),
    advertisers: all.map(({ advertiserId, ads: count, of, total }) => ({
      advertiser_id: advertiserId,
      ads: count,
      cpm: shown(of.cpm),
      cpc: shown(of.cpc),
      cpa: shown(of.cpa),
      credit: shown(of.credit),
      total: milliToRupees(total),
    })),
  }
}

const nothing = () => ({
  cpm: { count: 0, amount: 0 },
  cpc: { count: 0, amount: 0 },
  cpa: { count: 0, amount: 0 },
  credit: { count: 0, amount: 0 },
})
const milliIn = (of: Record<ChargeKind, { amount: number }>) => CHARGE_KINDS.reduce((sum, kind) => sum + of[kind].amount, 0)
const shown = ({ count, amount }: { count: number; amount: number }) => ({ count, amount: milliToRupees(amount) })
