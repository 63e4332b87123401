import type { DatabaseSync } from 'node:sqlite'
import type { ChargeKind } from '@flowguard/contract'

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
  const ads = new Map<string, { adId: string; day: string; kind: ChargeKind; count: number; amount: number }>()
  const items = new Map<string, { itemId: number; day: string; counts: ItemCounts }>()

  return {
    /** Forgets what was not written. */
    clear() {
      ads.clear()
      items.clear()
    },
    charge({ eventId, adId, day, amount, kind }: Charge) {
      insertCharge.run(eventId, adId, day, amount, kind)
      const key = `${kind}\n${day}\n${adId}`
      const sum = ads.get(key)
      if (sum) {
        sum.count += 1
        sum.amount += amount
      } else {
        ads.set(key, { adId, day, kind, count: 1, amount })
      }
    },
    count(itemId: number, day: string): ItemCounts {
      const key = `${day}\n${itemId}`
      let item = items.get(key)
      if (!item) items.set(key, (item = { itemId, day, counts: noCounts() }))
      return item.counts
    },
    /** Writes the sums, before the transaction commits. Yields each ad and day with what had been charged before and is now, credits aside, in milli-paise. */
    write(): { adId: string; day: string; before: number; after: number }[] {
      const changes = new Map<string, { adId: string; day: string; before: number; after: number }>()
      const amountOf = (adId: string, day: string) => (spent.get(adId, day) as { amount: number }).amount
      for (const { adId, day } of ads.values()) changes.set(`${day}\n${adId}`, { adId, day, before: amountOf(adId, day), after: 0 })
      for (const { adId, day, kind, count, amount } of ads.values()) addAd.run(adId, day, kind, count, amount)
      for (const change of changes.values()) change.after = amountOf(change.adId, change.day)
      for (const { itemId, day, counts: c } of items.values()) {
        addItem.run(itemId, day, c.impressions, c.clicks, c.doubleClicks, c.orders, c.attributedOrders, c.revenuePaise, c.attributedPaise)
      }
      ads.clear()
      items.clear()
      return [...changes.values()]
    },
  }
}

export type BillingTables = ReturnType<typeof billingTables>
