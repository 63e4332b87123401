import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { isoOf, LATENESS_MS, milliToRupees, rate, toRupees, type Ad, type ChargeKind, type StatementLine } from '@flowguard/contract'
import { guarded, openReadOnly } from '../../kernel/sqlite.ts'
import type { BillingView } from '../billing-view.ts'
import { billsOf, budgetsOf, sumOf, type Charged } from '../statement.ts'

interface LineRow {
  ad_id: string
  day: string
  kind: ChargeKind
  count: number
  amount: number
}

/** Orders are charged once the stream has answered them, all else by billing itself. */
const AS_OF = "select min(time_ms) as time from places where reader in ('billing', 'stream')"
/** From ad to ad and then its days, by the key: however old the counters are, only the days that are asked for are read. */
const NEXT_AD = 'select min(ad_id) as adId from ad_counters where ad_id > ?'
const CHARGED =
  'select kind, sum(count) as count, sum(amount) as amount from ad_counters where ad_id = ? and day between ? and ? group by kind'
/** Ads that are summed up at once, some milliseconds: then others of this process have their turn. */
const ADS_A_TURN = 200
const LINES = 'select ad_id, day, kind, count, amount from ad_counters where ad_id = ? and day between ? and ? order by day, kind'

/** Reads another process's `pipeline.db`, opened when it is first asked: the gateway may be up before it is there. */
export function sqliteBillingView(path: string, ads: () => Promise<readonly Ad[]>): BillingView & Disposable {
  let db: DatabaseSync | undefined
  const read = <T>(work: (store: DatabaseSync) => T): T => {
    db ??= openReadOnly(path)
    const store = db
    return guarded(path, () => work(store))
  }

  const asOf = () => {
    const { time } = read((store) => store.prepare(AS_OF).get()) as { time: number | null }
    return time === null || time < 0 ? null : isoOf(time - LATENESS_MS)
  }

  async function lines(of: readonly Ad[], from: string, to: string): Promise<StatementLine[]> {
    const rows = read((store) => of.flatMap(({ adId }) => store.prepare(LINES).all(adId, from, to) as unknown as LineRow[]))
    return rows.map(({ ad_id, day, kind, count, amount }) => ({
      ad_id,
      date: day,
      kind,
      count,
      amount: milliToRupees(amount),
      events_url: `/api/v1/billing/ads/${encodeURIComponent(ad_id)}/events?date=${day}&kind=${kind}`,
    }))
  }

  async function charges(from: string, to: string): Promise<Charged[]> {
    const all: Charged[] = []
    const turn = (after: string) =>
      read((store) => {
        const [next, of] = [store.prepare(NEXT_AD), store.prepare(CHARGED)]
        let last = after
        for (let count = 0; count < ADS_A_TURN; count += 1) {
          const { adId } = next.get(last) as { adId: string | null }
          if (adId === null) return undefined
          for (const row of of.all(adId, from, to)) all.push({ adId, ...(row as unknown as Omit<Charged, 'adId'>) })
          last = adId
        }
        return last
      })
    for (let last = turn(''); last !== undefined; last = turn(last)) await setImmediate()
    return all
  }

  return {
    async itemDay(itemId, day) {
      // As real: a column of integers may hold more than a number does exactly.
      const row = read((store) =>
        store
          .prepare(
            `select impressions, clicks, orders, attributed_orders, cast(revenue_paise as real) as revenue, cast(attributed_paise as real) as attributed
             from item_counters where item_id = ? and day = ?`,
          )
          .get(itemId, day),
      ) as Record<'impressions' | 'clicks' | 'orders' | 'attributed_orders' | 'revenue' | 'attributed', number> | undefined
      const { impressions = 0, clicks = 0, orders = 0, attributed_orders = 0, revenue = 0, attributed = 0 } = row ?? {}
      return {
        item_id: itemId,
        date: day,
        impressions,
        clicks,
        orders,
        attributed_orders,
        revenue: toRupees(revenue),
        attributed_revenue: toRupees(attributed),
        ctr: rate(clicks, impressions),
        cvr: rate(attributed_orders, clicks),
      }
    },
    async adBill(adId, from, to) {
      const ad = (await ads()).find((each) => each.adId === adId)
      if (!ad) return undefined
      const all = await lines([ad], from, to)
      const { itemId: item_id, campaignId: campaign_id, advertiserId: advertiser_id, pricing, rate: paise } = ad
      return { ad_id: adId, item_id, campaign_id, advertiser_id, pricing, rate: toRupees(paise), from, to, total: sumOf(all), lines: all }
    },
    async statement(advertiserId, from, to) {
      const own = (await ads()).filter((each) => each.advertiserId === advertiserId)
      if (own.length === 0) return undefined
      // Before the lines: they may be newer than it says, never older.
      const as_of = asOf()
      const all = await lines(own, from, to)
      return { advertiser_id: advertiserId, from, to, as_of, total: sumOf(all), ads: budgetsOf(own, all), lines: all }
    },
    async advertisers(from, to) {
      const all = await ads()
      const as_of = asOf()
      return { from, to, as_of, ...billsOf(all, await charges(from, to)) }
    },
    async events({ adId, day, kind, after, limit }) {
      const { rows, total: count } = read((store) => ({
        rows: store
          .prepare('select seq, event_id, amount from ledger where ad_id = ? and day = ? and kind = ? and seq > ? order by seq limit ?')
          .all(adId, day, kind, after, limit + 1) as { seq: number; event_id: string; amount: number }[],
        total: (
          store.prepare('select count from ad_counters where ad_id = ? and day = ? and kind = ?').get(adId, day, kind) as
            | { count: number }
            | undefined
        )?.count,
      }))
      const page = rows.slice(0, limit)
      return {
        ad_id: adId,
        date: day,
        kind,
        total: count ?? 0,
        next_after: rows.length > limit ? (page.at(-1)?.seq ?? null) : null,
        events: page.map(({ event_id, amount }) => ({ event_id, amount: milliToRupees(amount) })),
      }
    },
    [Symbol.dispose]() {
      db?.close()
    },
  }
}
