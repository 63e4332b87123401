import type { DatabaseSync } from 'node:sqlite'
import { CHARGE_KINDS, type ChargeKind } from '@flowguard/contract'
import { totalsIn, type Sum } from '../reader/totals.ts'
import type { CounterChanges } from './counter-changes.ts'
import { AD_FIGURES, chargesOf, ITEM_FIGURES, noSums, plusSum, setOf, TOTALS, type CounterSums } from './counters.ts'

/** One row of the ledger. `amount` in milli-paise, below 0 for a credit; `day` UTC. */
export interface Charge {
  eventId: string
  adId: string
  day: string
  amount: number
  kind: ChargeKind
}

/** What one ad did on one day, as it is added to the counters. */
interface AdCounts {
  impressions: number
  clicks: number
  attributedOrders: number
  attributedPaise: number
}

/** The same of one item. */
export interface ItemCounts extends AdCounts {
  doubleClicks: number
  orders: number
  revenuePaise: number
}

const noAdCounts = (): AdCounts => ({ impressions: 0, clicks: 0, attributedOrders: 0, attributedPaise: 0 })
const noItemCounts = (): ItemCounts => ({ ...noAdCounts(), doubleClicks: 0, orders: 0, revenuePaise: 0 })

/** Sums by day and by ad or item: made where there is none yet. */
function byDay<Key, Sums>(none: () => Sums) {
  const days = new Map<string, Map<Key, Sums>>()
  return {
    of(key: Key, day: string): Sums {
      let ofDay = days.get(day)
      if (!ofDay) days.set(day, (ofDay = new Map()))
      let sums = ofDay.get(key)
      if (sums === undefined) ofDay.set(key, (sums = none()))
      return sums
    },
    *all(): Generator<[string, Key, Sums]> {
      for (const [day, ofDay] of days) for (const [key, sums] of ofDay) yield [day, key, sums]
    },
    clear: () => days.clear(),
  }
}

/**
 * The ledger and the counters, written in the transaction of the reader that earned them. A batch's counts are summed first: a row an ad and day.
 * `changes` where the counters are kept elsewhere too: what they grew by is written with them.
 */
export function billingTables(db: DatabaseSync, changes?: CounterChanges) {
  const insertCharge = db.prepare('insert into ledger (event_id, ad_id, day, amount, kind) values (?, ?, ?, ?, ?)')
  const addAd = db.prepare(`insert into ad_counters values (?, ?, ?, ?, ?)
    on conflict do update set count = count + excluded.count, amount = amount + excluded.amount`)
  const addAdDay = db.prepare(`insert into ad_days values (?, ?, ?, ?, ?, ?) on conflict do update set
    impressions = impressions + excluded.impressions, clicks = clicks + excluded.clicks,
    attributed_orders = attributed_orders + excluded.attributed_orders, attributed_paise = attributed_paise + excluded.attributed_paise`)
  const addItem = db.prepare(`insert into item_counters values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set
    impressions = impressions + excluded.impressions, clicks = clicks + excluded.clicks, double_clicks = double_clicks + excluded.double_clicks,
    orders = orders + excluded.orders, attributed_orders = attributed_orders + excluded.attributed_orders,
    revenue_paise = revenue_paise + excluded.revenue_paise, attributed_paise = attributed_paise + excluded.attributed_paise`)
  /** Without credits: what only grows passes a budget once. */
  const spent = db.prepare(`select coalesce(sum(amount), 0) as amount from ad_counters where ad_id = ? and day = ? and kind <> 'credit'`)
  /** How the ledger's sums of an ad's day differ from its counters. */
  const unlevel = db.prepare(
    `select kind, sum(count) as count, sum(amount) as amount from (
       select kind, count(*) as count, sum(amount) as amount from ledger where ad_id = ?1 and day = ?2 group by kind
       union all select kind, -count, -amount from ad_counters where ad_id = ?1 and day = ?2
     ) group by kind`,
  )
  /** Ads and days that were corrected. */
  const corrected = new Map<string, { adId: string; day: string }>()
  const totals = totalsIn(db)
  const charges = byDay<string, Partial<Record<ChargeKind, Sum>>>(() => ({}))
  const ads = byDay<string, AdCounts>(noAdCounts)
  const items = byDay<number, ItemCounts>(noItemCounts)

  function clear() {
    for (const each of [charges, ads, items, corrected]) each.clear()
  }

  function level(adId: string, day: string) {
    for (const { kind, count, amount } of unlevel.all(adId, day) as unknown as (Sum & { kind: ChargeKind })[])
      charges.of(adId, day)[kind] = { count, amount }
  }

  return {
    /** Forgets what was not written. */
    clear,
    charge({ eventId, adId, day, amount, kind }: Charge) {
      insertCharge.run(eventId, adId, day, amount, kind)
      plus((charges.of(adId, day)[kind] ??= noSum()), 1, amount)
    },
    /** A row that puts right what others say; the counters of its ad's day become what the ledger comes to. Returns its number. */
    correct({ eventId, adId, day, amount, kind }: Charge): number {
      corrected.set(`${day} ${adId}`, { adId, day })
      return Number(insertCharge.run(eventId, adId, day, amount, kind).lastInsertRowid)
    },
    count: (itemId: number, day: string) => items.of(itemId, day),
    countAd: (adId: string, day: string) => ads.of(adId, day),
    /** Writes the sums, before the transaction commits. Yields each ad and day with what had been charged before and is now, credits aside, in milli-paise. */
    write(): { adId: string; day: string; before: number; after: number }[] {
      const passed: { adId: string; day: string; before: number; after: number }[] = []
      const grown = changes && noSums()
      const charged = new Map(CHARGE_KINDS.map((kind) => [kind, noSum()]))
      const [orders, attributed] = [noSum(), noSum()]
      for (const { adId, day } of corrected.values()) level(adId, day)
      for (const [day, adId, ofAd] of charges.all()) {
        const { amount: before } = spent.get(adId, day) as { amount: number }
        let after = before
        for (const kind of CHARGE_KINDS) {
          const sum = ofAd[kind]
          if (!sum) continue
          const { count, amount } = sum
          addAd.run(adId, day, kind, count, amount)
          plus(charged.get(kind)!, count, amount)
          if (grown) plusCharges(grown, { day, adId, kind, count, amount })
          if (kind !== 'credit') after += amount
        }
        passed.push({ adId, day, before, after })
      }
      for (const [day, adId, c] of ads.all()) {
        const counts = [c.impressions, c.clicks, c.attributedOrders, c.attributedPaise]
        addAdDay.run(day, adId, ...counts)
        if (grown) AD_FIGURES.forEach((figure, at) => plusSum(grown, setOf('ads', day), `${figure}:${adId}`, counts[at] as number))
      }
      for (const [day, itemId, c] of items.all()) {
        const counts = [c.impressions, c.clicks, c.doubleClicks, c.orders, c.attributedOrders, c.revenuePaise, c.attributedPaise]
        addItem.run(itemId, day, ...counts)
        if (grown) ITEM_FIGURES.forEach((figure, at) => plusSum(grown, setOf('items', day), `${figure}:${itemId}`, counts[at] as number))
        plus(orders, c.orders, c.revenuePaise)
        plus(attributed, c.attributedOrders, c.attributedPaise)
      }
      for (const [kind, sum] of charged) totals.add(kind, sum)
      totals.add('orders', orders)
      totals.add('attributed', attributed)
      if (grown) {
        for (const [what, sum] of [
          ['orders', orders],
          ['attributed', attributed],
        ] as const)
          plusTotals(grown, what, sum)
        changes.write(grown)
      }
      clear()
      return passed
    },
  }
}

function plusCharges(grown: CounterSums, { day, adId, kind, count, amount }: Sum & { day: string; adId: string; kind: ChargeKind }): void {
  plusSum(grown, setOf('charges', day), chargesOf(kind, 'count', adId), count)
  plusSum(grown, setOf('charges', day), chargesOf(kind, 'amount', adId), amount)
  plusTotals(grown, kind, { count, amount })
}

function plusTotals(grown: CounterSums, what: string, { count, amount }: Sum): void {
  plusSum(grown, TOTALS, `count:${what}`, count)
  plusSum(grown, TOTALS, `amount:${what}`, amount)
}

const noSum = (): Sum => ({ count: 0, amount: 0 })

function plus(sum: Sum, count: number, amount: number): void {
  sum.count += count
  sum.amount += amount
}

export type BillingTables = ReturnType<typeof billingTables>
