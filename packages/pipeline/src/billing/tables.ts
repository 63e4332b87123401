import type { DatabaseSync } from 'node:sqlite'
import { CHARGE_KINDS, type ChargeKind } from '@flowguard/contract'
import { totalsIn, type Sum } from '../reader/totals.ts'

/** One row of the ledger. `amount` in milli-paise, below 0 for a credit; `day` UTC. */
export interface Charge {
  eventId: string
  adId: string
  day: string
  amount: number
  kind: ChargeKind
}

/** What one item did on one day, as it is added to the counters. */
export interface ItemCounts {
  impressions: number
  clicks: number
  doubleClicks: number
  orders: number
  attributedOrders: number
  revenuePaise: number
  attributedPaise: number
}

const noCounts = (): ItemCounts => ({
  impressions: 0,
  clicks: 0,
  doubleClicks: 0,
  orders: 0,
  attributedOrders: 0,
  revenuePaise: 0,
  attributedPaise: 0,
})

/** The ledger and the counters, written in the transaction of the reader that earned them. A batch's counts are summed first: a row an ad and day. */
export function billingTables(db: DatabaseSync) {
  const insertCharge = db.prepare('insert into ledger (event_id, ad_id, day, amount, kind) values (?, ?, ?, ?, ?)')
  const addAd = db.prepare(`insert into ad_counters values (?, ?, ?, ?, ?)
    on conflict do update set count = count + excluded.count, amount = amount + excluded.amount`)
  const addItem = db.prepare(`insert into item_counters values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set
    impressions = impressions + excluded.impressions, clicks = clicks + excluded.clicks, double_clicks = double_clicks + excluded.double_clicks,
    orders = orders + excluded.orders, attributed_orders = attributed_orders + excluded.attributed_orders,
    revenue_paise = revenue_paise + excluded.revenue_paise, attributed_paise = attributed_paise + excluded.attributed_paise`)
  /** Without credits: what only grows passes a budget once. */
  const spent = db.prepare(`select coalesce(sum(amount), 0) as amount from ad_counters where ad_id = ? and day = ? and kind <> 'credit'`)
  const totals = totalsIn(db)
  /** By day, and by ad or item. */
  const ads = new Map<string, Map<string, Partial<Record<ChargeKind, Sum>>>>()
  const items = new Map<string, Map<number, ItemCounts>>()

  return {
    /** Forgets what was not written. */
    clear() {
      ads.clear()
      items.clear()
    },
    charge({ eventId, adId, day, amount, kind }: Charge) {
      insertCharge.run(eventId, adId, day, amount, kind)
      let ofDay = ads.get(day)
      if (!ofDay) ads.set(day, (ofDay = new Map()))
      let ofAd = ofDay.get(adId)
      if (!ofAd) ofDay.set(adId, (ofAd = {}))
      plus((ofAd[kind] ??= noSum()), 1, amount)
    },
    count(itemId: number, day: string): ItemCounts {
      let ofDay = items.get(day)
      if (!ofDay) items.set(day, (ofDay = new Map()))
      let counts = ofDay.get(itemId)
      if (!counts) ofDay.set(itemId, (counts = noCounts()))
      return counts
    },
    /** Writes the sums, before the transaction commits. Yields each ad and day with what had been charged before and is now, credits aside, in milli-paise. */
    write(): { adId: string; day: string; before: number; after: number }[] {
      const changes: { adId: string; day: string; before: number; after: number }[] = []
      const charged = new Map(CHARGE_KINDS.map((kind) => [kind, noSum()]))
      const [orders, attributed] = [noSum(), noSum()]
      for (const [day, ofDay] of ads) {
        for (const [adId, ofAd] of ofDay) {
          const { amount: before } = spent.get(adId, day) as { amount: number }
          let after = before
          for (const kind of CHARGE_KINDS) {
            const sum = ofAd[kind]
            if (!sum) continue
            const { count, amount } = sum
            addAd.run(adId, day, kind, count, amount)
            plus(charged.get(kind)!, count, amount)
            if (kind !== 'credit') after += amount
          }
          changes.push({ adId, day, before, after })
        }
      }
      for (const [day, ofDay] of items) {
        for (const [itemId, c] of ofDay) {
          addItem.run(itemId, day, c.impressions, c.clicks, c.doubleClicks, c.orders, c.attributedOrders, c.revenuePaise, c.attributedPaise)
          plus(orders, c.orders, c.revenuePaise)
          plus(attributed, c.attributedOrders, c.attributedPaise)
        }
      }
      for (const [kind, sum] of charged) totals.add(kind, sum)
      totals.add('orders', orders)
      totals.add('attributed', attributed)
      ads.clear()
      items.clear()
      return changes
    },
  }
}

const noSum = (): Sum => ({ count: 0, amount: 0 })

function plus(sum: Sum, count: number, amount: number): void {
  sum.count += count
  sum.amount += amount
}

export type BillingTables = ReturnType<typeof billingTables>
