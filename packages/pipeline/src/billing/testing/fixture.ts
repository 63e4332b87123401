import assert from 'node:assert/strict'
import { ALERTS, ATTRIBUTED, TIMED_TOPICS, type Ad } from '@flowguard/contract'
import { silentLogger } from '../../kernel/logging.ts'
import { gateIn } from '../../reader/gate.ts'
import { feeding, memoryStore, START, TOPICS as topics, valuesIn } from '../../reader/testing/fixture.ts'
import { budgetAlerts, type BudgetPassed } from '../budgets.ts'
import { clickCharges } from '../click-charges.ts'
import { orderCharges } from '../order-charges.ts'

const ad = (adId: string, pricing: Ad['pricing'], rate: number, dailyBudget = 0) =>
  ({ adId, itemId: 1, campaignId: 'campaign', advertiserId: 'advertiser', pricing, rate, dailyBudget }) as Ad

/** Rates and budgets in paise: ₹1.23 for 1,000 impressions, ₹4.56 a click, ₹78.90 an order. */
export const ADS = [
  ad('cpm', 'cpm', 123),
  ad('cpc', 'cpc', 456),
  ad('cpa', 'cpa', 7_890),
  ad('cpc with a budget', 'cpc', 100, 300),
  ad('cpa with a budget', 'cpa', 100, 300),
]

export const DOUBLE_CLICK_MS = 2_000

/** Both readers of billing on a store in memory. */
export function billing({ doubleClickMs = DOUBLE_CLICK_MS, ads = ADS }: { doubleClickMs?: number; ads?: Ad[] } = {}) {
  const store = memoryStore()
  const { db, derived } = store
  const clock = () => START
  const adOf = (adId: string) => ads.find((each) => each.adId === adId)
  const budgets = budgetAlerts(derived, adOf, clock)
  const clicks = feeding(db, 'billing', TIMED_TOPICS, () =>
    clickCharges({ db, gate: gateIn(db, 'billing', topics), adOf, budgets, doubleClickMs, logger: silentLogger }),
  )
  const orders = feeding(db, 'billing-orders', [ATTRIBUTED], () => orderCharges({ db, topics, adOf, budgets, clock }))
  return {
    db,
    clicks,
    orders,
    /** Every row as `event ad day amount kind`, sorted. Asserts that the counters are its sums. */
    ledger(): string[] {
      const sums = (sql: string) =>
        db
          .prepare(sql)
          .all()
          .map((row) => ({ ...row }))
      assert.deepEqual(
        sums('select * from ad_counters order by ad_id, day, kind'),
        sums(
          'select ad_id, day, kind, count(*) as count, sum(amount) as amount from ledger group by ad_id, day, kind order by ad_id, day, kind',
        ),
      )
      const rows = db.prepare('select event_id, ad_id, day, amount, kind from ledger').all()
      return rows.map((row) => Object.values(row).join(' ')).sort()
    },
    /** What was counted of an item on a day, without what is 0. */
    counted(item: number, day: string): Record<string, number> {
      const {
        item_id: _item,
        day: _day,
        ...counts
      } = db.prepare('select * from item_counters where item_id = ? and day = ?').get(item, day) ?? {}
      return Object.fromEntries(Object.entries(counts as Record<string, number>).filter(([, count]) => count !== 0))
    },
    /** All counters of all items, by item and day. */
    allCounted(): Record<string, Record<string, number>> {
      const days = db.prepare('select item_id as item, day from item_counters order by item_id, day').all() as {
        item: number
        day: string
      }[]
      return Object.fromEntries(days.map(({ item, day }) => [`${item} ${day}`, this.counted(item, day)]))
    },
    /** The counters of all ads, by ad and day, without what is 0. */
    countedByAd(): Record<string, Record<string, number>> {
      const rows = db.prepare('select * from ad_days order by ad_id, day').all() as Record<string, string | number>[]
      return Object.fromEntries(
        rows.map(({ ad_id: ad, day, ...counts }) => [
          `${ad} ${day}`,
          Object.fromEntries(Object.entries(counts as Record<string, number>).filter(([, count]) => count !== 0)),
        ]),
      )
    },
    alerts: () => valuesIn<BudgetPassed>(derived, ALERTS),
    [Symbol.dispose]: () => store[Symbol.dispose](),
  }
}
