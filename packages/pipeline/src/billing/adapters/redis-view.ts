import { CHARGE_KINDS, type Ad } from '@flowguard/contract'
import { redisCopyView } from '../../kernel/redis-copy.ts'
import type { BillingView } from '../billing-view.ts'
import { chargedView, type ChargedStore, type ItemDay } from '../charged-view.ts'
import { chargesOf, setOf } from '../counters.ts'
import type { Charged, ChargedDay } from '../statement.ts'
import { counterKeys } from './redis-keys.ts'

/** Ads that are asked for together, and days. */
const ADS_COUNT = 50
const DAYS_COUNT = 100
/** In the order of statements. */
const KINDS = CHARGE_KINDS.toSorted()
const ITEM_DAY = {
  impressions: 'impressions',
  clicks: 'clicks',
  orders: 'orders',
  attributedOrders: 'attributed_orders',
  revenue: 'revenue_paise',
  attributed: 'attributed_paise',
} as const satisfies Record<keyof ItemDay, string>

interface Options {
  url: string
  prefix: string
  ads: () => Promise<readonly Ad[]>
  /** The ledger is not in the counters. */
  events: BillingView['events']
}

/** The bills as the counters on Redis have them. Rejects with `counters_unavailable` while there are none. */
export function redisBillingView({ url, prefix, ads, events }: Options): BillingView & Disposable {
  const keys = counterKeys(prefix)
  const { redis, ofOneEpoch: ofEpoch, ...view } = redisCopyView(url, keys, 'the counters are being filled from the ledger')
  const ofOneEpoch = <T>(work: (of: ReturnType<typeof keys.of>) => Promise<T>) => ofEpoch((epoch) => work(keys.of(epoch)))
  const daysWithin = (days: string, from: string, to: string) => redis.zrangebylex(days, `[${from}`, `[${to}`)

  /** By ad, in the order of days and kinds. */
  function chargedDays(ads: readonly Ad[], from: string, to: string): Promise<ChargedDay[][]> {
    const wanted = ads.map(({ adId }) => KINDS.map((kind) => ({ adId, kind })))
    const fields = wanted.flat().flatMap(({ adId, kind }) => [chargesOf(kind, 'count', adId), chargesOf(kind, 'amount', adId)])
    return ofOneEpoch(async (of) => {
      const found: ChargedDay[][] = ads.map(() => [])
      const days = await daysWithin(of.days, from, to)
      for (let at = 0; at < days.length; at += DAYS_COUNT) {
        const some = days.slice(at, at + DAYS_COUNT)
        const answers = await Promise.all(some.map((day) => redis.hmget(of.set(setOf('charges', day)), ...fields)))
        answers.forEach((values, dayAt) => {
          wanted.forEach((lines, adAt) =>
            lines.forEach(({ adId, kind }, kindAt) => {
              const field = 2 * (adAt * KINDS.length + kindAt)
              const [count, amount] = [values[field], values[field + 1]]
              if (count) found[adAt]?.push({ adId, day: some[dayAt] as string, kind, count: Number(count), amount: Number(amount ?? 0) })
            }),
          )
        })
      }
      return found
    })
  }

  const store: ChargedStore = {
    asOf: () => ofOneEpoch(async (of) => JSON.parse((await redis.get(of.asOf)) ?? 'null') as string | null),
    itemDay: (itemId, day) =>
      ofOneEpoch(async (of) => {
        const values = await redis.hmget(of.set(setOf('items', day)), ...Object.values(ITEM_DAY).map((figure) => `${figure}:${itemId}`))
        return Object.fromEntries(Object.keys(ITEM_DAY).map((name, at) => [name, Number(values[at] ?? 0)])) as unknown as ItemDay
      }),
    async *daysOf(of, from, to) {
      for (let at = 0; at < of.length; at += ADS_COUNT) {
        const some = of.slice(at, at + ADS_COUNT)
        const days = await chargedDays(some, from, to)
        for (const [index, ad] of some.entries()) yield [ad, days[index] ?? []] as const
      }
    },
    charges: (from, to) =>
      ofOneEpoch(async (of) => {
        const sums = new Map<string, Charged>()
        const days = await daysWithin(of.days, from, to)
        for (let at = 0; at < days.length; at += DAYS_COUNT) {
          const sets = await Promise.all(days.slice(at, at + DAYS_COUNT).map((day) => redis.hgetall(of.set(setOf('charges', day)))))
          for (const fields of sets) for (const [field, value] of Object.entries(fields)) plusField(sums, field, Number(value))
        }
        return [...sums.values()]
      }),
  }

  return { ...chargedView(ads, store), events, [Symbol.dispose]: view[Symbol.dispose] }
}

/** As `chargesOf` names them. */
function plusField(sums: Map<string, Charged>, field: string, value: number): void {
  const [, kind, figure, adId] = /^(\w+)\.(count|amount):(.*)$/s.exec(field) as unknown as [
    string,
    Charged['kind'],
    'count' | 'amount',
    string,
  ]
  const key = `${kind}:${adId}`
  let sum = sums.get(key)
  if (!sum) sums.set(key, (sum = { adId, kind, count: 0, amount: 0 }))
  sum[figure] += value
}
