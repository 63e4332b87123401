import { setImmediate } from 'node:timers/promises'
import {
  ATTRIBUTED,
  isoOf,
  LATENESS_MS,
  milliToRupees,
  rate,
  toRupees,
  type Ad,
  type StatementAd,
  type StatementLine,
} from '@flowguard/contract'
import { guarded, openReadOnly } from '../../kernel/sqlite.ts'
import { LINES_COUNT_MAX, type BillingView } from '../billing-view.ts'
import { billsOf, budgetOf, lineOf, sumOf, type Charged, type ChargedDay } from '../statement.ts'

/** Orders are charged once the stream has answered them, all else by billing itself. */
const TIME = "select min(time_ms) as time from places where reader in ('billing', 'stream')"
/**
 * And charged by a reader of the answers, which lie in each partition in the order of their time: where some are unread, all before the last that was read are
 * charged. -1 where none was.
 */
const ANSWERS = `select case when next > began then time_ms else -1 end as time, next < coalesce((
    select base_offset + count from log_batches where topic = p.topic and partition = p.partition order by base_offset desc limit 1
  ), 0) as behind
  from places p where reader = 'billing-orders' and topic = '${ATTRIBUTED}'`
/** From ad to ad and then its days, by the key: however old the counters are, only the days that are asked for are read. */
const NEXT_AD = 'select min(ad_id) as adId from ad_counters where ad_id > ?'
const CHARGED =
  'select ad_id as adId, kind, sum(count) as count, sum(amount) as amount from ad_counters where ad_id = ? and day between ? and ? group by kind'
const LINES = 'select ad_id as adId, day, kind, count, amount from ad_counters where ad_id = ? and day between ? and ? order by day, kind'
/** Ads are read one after the other; after so long, others of this process have their turn. One ad's year takes a few milliseconds at most. */
const TURN_MS = 5

/** Reads another process's `pipeline.db`, opened when it is first asked: the gateway may be up before it is there. `now` in milliseconds, for turns. */
export function sqliteBillingView(
  path: string,
  ads: () => Promise<readonly Ad[]>,
  now: () => number = () => performance.now(),
): BillingView & Disposable {
  let opened: ReturnType<typeof open> | undefined
  const read = <T>(work: (store: ReturnType<typeof open>) => T): T => guarded(path, () => work((opened ??= open(path))))

  function asOf(): string | null {
    // Time first: whatever was answered before then is in the log as it is looked at after.
    const { time } = read(({ db }) => db.prepare(TIME).get()) as { time: number | null }
    const answers = read(({ db }) => db.prepare(ANSWERS).all()) as { time: number; behind: number }[]
    if (time === null || time < 0 || answers.length === 0) return null
    const unread = answers.flatMap((each) => (each.behind ? [each.time] : []))
    return unread.some((each) => each < 0) ? null : isoOf(Math.min(time - LATENESS_MS, ...unread))
  }

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

  async function adsOf(advertiserId: string): Promise<readonly Ad[] | undefined> {
    const own = (await ads()).filter((each) => each.advertiserId === advertiserId)
    return own.length > 0 ? own : undefined
  }

  async function* linesOf(of: readonly Ad[], from: string, to: string) {
    for await (const [, days] of daysOf(of, from, to)) yield days.map(lineOf)
  }

  return {
    async itemDay(itemId, day) {
      // As real: a column of integers may hold more than a number does exactly.
      const row = read(({ db }) =>
        db
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
      const days = read(({ lines }) => lines.all(adId, from, to)) as unknown as ChargedDay[]
      const { itemId: item_id, campaignId: campaign_id, advertiserId: advertiser_id, pricing, rate: paise } = ad
      const total = milliToRupees(sumOf(days))
      return { ad_id: adId, item_id, campaign_id, advertiser_id, pricing, rate: toRupees(paise), from, to, total, lines: days.map(lineOf) }
    },
    async statement(advertiserId, from, to) {
      const own = await adsOf(advertiserId)
      if (!own) return undefined
      // Before the lines: they may be newer than it says, never older.
      const as_of = asOf()
      const [budgets, told]: [StatementAd[], StatementLine[]] = [[], []]
      let [total, credits, count] = [0, 0, 0]
      for await (const [ad, days] of daysOf(own, from, to)) {
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
      const as_of = asOf()
      return { from, to, as_of, ...billsOf(all, await charges(from, to)) }
    },
    async events({ adId, day, kind, after, limit }) {
      const { rows, total: count } = read(({ db: store }) => ({
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
      opened?.db.close()
    },
  }
}

/** Prepared once. Throws `store_missing` until its owner has made the tables. */
function open(path: string) {
  const db = openReadOnly(path)
  try {
    return { db, next: db.prepare(NEXT_AD), charged: db.prepare(CHARGED), lines: db.prepare(LINES) }
  } catch (error) {
    db.close()
    throw error
  }
}
