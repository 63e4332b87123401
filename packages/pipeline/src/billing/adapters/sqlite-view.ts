import { setImmediate } from 'node:timers/promises'
import { milliToRupees, type Ad } from '@flowguard/contract'
import { storeView } from '../../kernel/sqlite.ts'
import { asOfIn } from '../as-of.ts'
import type { BillingView } from '../billing-view.ts'
import { chargedView, type ItemDay } from '../charged-view.ts'
import type { ChargedDays } from '../published.ts'
import type { Charged, ChargedDay } from '../statement.ts'

/** From ad to ad and then its days, by the key: however old the counters are, only the days that are asked for are read. */
const NEXT_AD = 'select min(ad_id) as adId from ad_counters where ad_id > ?'
const CHARGED =
  'select ad_id as adId, kind, sum(count) as count, sum(amount) as amount from ad_counters where ad_id = ? and day between ? and ? group by kind'
const LINES = 'select ad_id as adId, day, kind, count, amount from ad_counters where ad_id = ? and day between ? and ? order by day, kind'
const [FIRST_DAY, LAST_DAY] = ['0000-01-01', '9999-12-31']
/** Ads are read one after the other; after so long, others of this process have their turn. One ad's year takes a few milliseconds at most. */
const TURN_MS = 5

/** Reads another process's `pipeline.db`: the gateway may be up before it is there. `now` in milliseconds, for turns. */
export function sqliteBillingView(
  path: string,
  ads: () => Promise<readonly Ad[]>,
  now: () => number = () => performance.now(),
): BillingView & { chargedDays: ChargedDays } & Disposable {
  const { read, ...view } = storeView(path, (db) => ({ next: db.prepare(NEXT_AD), charged: db.prepare(CHARGED), lines: db.prepare(LINES) }))

  const asOf = () => read((_, db) => asOfIn(db))

  function turns(): () => Promise<void> {
    let until = now() + TURN_MS
    return async () => {
      if (now() < until) return
      await setImmediate()
      until = now() + TURN_MS
    }
  }

  async function* daysOf(of: readonly Ad[], from: string, to: string): AsyncGenerator<[Ad, ChargedDay[]]> {
    const turn = turns()
    for (const ad of of) {
      yield [ad, read(({ lines }) => lines.all(ad.adId, from, to)) as unknown as ChargedDay[]]
      await turn()
    }
  }

  async function charges(from: string, to: string): Promise<Charged[]> {
    const all: Charged[] = []
    const turn = turns()
    for (let last = ''; ; await turn()) {
      const { adId } = read(({ next }) => next.get(last)) as { adId: string | null }
      if (adId === null) return all
      all.push(...(read(({ charged }) => charged.all(adId, from, to)) as unknown as Charged[]))
      last = adId
    }
  }

  async function* chargedDays(): AsyncGenerator<ChargedDay[]> {
    const turn = turns()
    for (let last = ''; ; await turn()) {
      const { adId } = read(({ next }) => next.get(last)) as { adId: string | null }
      if (adId === null) return
      yield read(({ lines }) => lines.all(adId, FIRST_DAY, LAST_DAY)) as unknown as ChargedDay[]
      last = adId
    }
  }

  async function itemDay(itemId: number, day: string): Promise<ItemDay> {
    // As real: a column of integers may hold more than a number does exactly.
    const row = read((_, db) =>
      db
        .prepare(
          `select impressions, clicks, orders, attributed_orders as attributedOrders, cast(revenue_paise as real) as revenue,
             cast(attributed_paise as real) as attributed
           from item_counters where item_id = ? and day = ?`,
        )
        .get(itemId, day),
    ) as ItemDay | undefined
    return row ?? { impressions: 0, clicks: 0, orders: 0, attributedOrders: 0, revenue: 0, attributed: 0 }
  }

  return {
    ...chargedView(ads, { asOf: async () => asOf(), itemDay, daysOf, charges }),
    async events({ adId, day, kind, after, limit }) {
      const { rows, total: count } = read((_, store) => ({
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
    chargedDays,
    [Symbol.dispose]: view[Symbol.dispose],
  }
}
