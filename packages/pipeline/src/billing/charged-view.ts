import { milliToRupees, rate, toRupees, type Ad, type StatementAd, type StatementLine } from '@flowguard/contract'
import { LINES_COUNT_MAX, type BillingView } from './billing-view.ts'
import { billsOf, budgetOf, lineOf, sumOf, type Charged, type ChargedDay } from './statement.ts'

/** What was counted of an item on a day, amounts in paise, nearly where a number cannot hold them. */
export interface ItemDay {
  impressions: number
  clicks: number
  orders: number
  attributedOrders: number
  revenue: number
  attributed: number
}

/** Where the counters lie. Days are UTC, both ends included. */
export interface ChargedStore {
  /** Up to when all has been charged, as RFC 3339; null while that cannot be said. What is read after it may be newer, never older. */
  asOf(): Promise<string | null>
  itemDay(itemId: number, day: string): Promise<ItemDay>
  /** Each ad with its charges, in the order of day and kind. */
  daysOf(ads: readonly Ad[], from: string, to: string): AsyncIterable<readonly [Ad, readonly ChargedDay[]]>
  /** Of all ads, those in no ads table too. */
  charges(from: string, to: string): Promise<readonly Charged[]>
}

/** The bills and figures that counters come to, wherever these lie. */
export function chargedView(ads: () => Promise<readonly Ad[]>, store: ChargedStore): Omit<BillingView, 'events'> {
  async function adsOf(advertiserId: string): Promise<readonly Ad[] | undefined> {
    const own = (await ads()).filter((each) => each.advertiserId === advertiserId)
    return own.length > 0 ? own : undefined
  }

  async function* linesOf(of: readonly Ad[], from: string, to: string) {
    for await (const [, days] of store.daysOf(of, from, to)) yield days.map(lineOf)
  }

  return {
    async itemDay(itemId, day) {
      const { impressions, clicks, orders, attributedOrders, revenue, attributed } = await store.itemDay(itemId, day)
      return {
        item_id: itemId,
        date: day,
        impressions,
        clicks,
        orders,
        attributed_orders: attributedOrders,
        revenue: toRupees(revenue),
        attributed_revenue: toRupees(attributed),
        ctr: rate(clicks, impressions),
        cvr: rate(attributedOrders, clicks),
      }
    },
    async adBill(adId, from, to) {
      const ad = (await ads()).find((each) => each.adId === adId)
      if (!ad) return undefined
      const days: ChargedDay[] = []
      for await (const [, some] of store.daysOf([ad], from, to)) days.push(...some)
      const { itemId: item_id, campaignId: campaign_id, advertiserId: advertiser_id, pricing, rate: paise } = ad
      const total = milliToRupees(sumOf(days))
      return { ad_id: adId, item_id, campaign_id, advertiser_id, pricing, rate: toRupees(paise), from, to, total, lines: days.map(lineOf) }
    },
    async statement(advertiserId, from, to) {
      const own = await adsOf(advertiserId)
      if (!own) return undefined
      const as_of = await store.asOf()
      const [budgets, told]: [StatementAd[], StatementLine[]] = [[], []]
      let [total, credits, count] = [0, 0, 0]
      for await (const [ad, days] of store.daysOf(own, from, to)) {
        budgets.push(budgetOf(ad, days))
        total += sumOf(days)
        credits += sumOf(days.filter(({ kind }) => kind === 'credit'))
        count += days.length
        told.push(...days.slice(0, LINES_COUNT_MAX - told.length).map(lineOf))
      }
      return {
        advertiser_id: advertiserId,
        from,
        to,
        as_of,
        total: milliToRupees(total),
        credits: milliToRupees(credits),
        ads: budgets,
        lines_total: count,
        lines: told,
      }
    },
    async lines(advertiserId, from, to) {
      const own = await adsOf(advertiserId)
      return own && linesOf(own, from, to)
    },
    async advertisers(from, to) {
      const all = await ads()
      const as_of = await store.asOf()
      return { from, to, as_of, ...billsOf(all, await store.charges(from, to)) }
    },
  }
}
