import type { FraudRule, FraudRules } from '../../../alerts/rules.ts'

/** What a user did, as it was sent; none of it is late or a repeat. */
export interface Sent {
  kind: 'click' | 'impression' | 'order'
  id: string
  ts: number
  user: string
  item: number
  ad: string | null
  address: string | null
  paise: number
  isBot: boolean
}

/** One opening of an alert. */
export interface Opening {
  id: string
  state: 'open' | 'resolved'
  count: number
  value: number
  since: number
  lastSeen: number
  resolvedAt: number | null
}

interface Happened {
  ts: number
  member: string
  limit: number
  value?: number
}

const second = (ts: number) => Math.floor(ts / 1_000)

/**
 * The rules, word for word: each subject by itself, everything that it did looked at again for each second. `attributed`: the ids of orders that a click earned, by
 * which alone two orders of one instant and item are told apart before their ids.
 */
export function fraudOracle(
  sent: readonly Sent[],
  {
    rules,
    watermark,
    cooldownMs,
    attributed,
  }: { rules: FraudRules; watermark: number; cooldownMs: number; attributed: ReadonlySet<string> },
): Opening[] {
  const rank = { click: 0, impression: 1, order: 2 }
  const visits = sent
    .filter(({ isBot, ts }) => !isBot && ts < watermark)
    .toSorted(
      (a, b) =>
        a.ts - b.ts ||
        rank[a.kind] - rank[b.kind] ||
        a.item - b.item ||
        Number(attributed.has(a.id)) - Number(attributed.has(b.id)) ||
        (a.id < b.id ? -1 : 1),
    )
  const clicks = visits.filter(({ kind, ad }) => kind === 'click' && ad !== null)
  const orders = visits.filter(({ kind }) => kind === 'order')
  const plain = (limit: number) => () => limit
  return [
    ...of('orders_per_user', orders, ({ user }) => user, plain(rules.orders_per_user!.at_least)),
    ...of('clicks_per_user', clicks, ({ user }) => user, plain(rules.clicks_per_user!.at_least)),
    ...of(
      'clicks_per_ad',
      clicks,
      ({ ad }) => ad as string,
      (each) => adLimit(each),
    ),
    ...of(
      'clicks_per_address',
      clicks.filter(({ address }) => address),
      ({ address }) => address as string,
      plain(rules.clicks_per_address!.at_least),
    ),
    ...of(
      'accounts_per_address',
      visits.filter(({ address }) => address),
      ({ address }) => address as string,
      plain(rules.accounts_per_address!.at_least),
    ),
    ...of(
      'order_value',
      orders.filter((each, at) => isUnusual(each, orders.slice(0, at))),
      ({ user }) => user,
      plain(1),
    ),
  ]

  function adLimit(click: Sent): number {
    const { at_least: least, times_usual: times, within_seconds: seconds } = rules.clicks_per_ad!
    const minute = Math.floor(click.ts / 60_000)
    const before = clicks.filter(
      ({ ad, ts }) => ad === click.ad && Math.floor(ts / 60_000) < minute && Math.floor(ts / 60_000) >= minute - 15,
    )
    return Math.max(least, Math.ceil((times * (before.length / 15) * seconds) / 60))
  }

  function isUnusual({ item, paise }: Sent, before: readonly Sent[]): boolean {
    const { times_usual: times, sigmas, at_least_rupees: rupees } = rules.order_value!
    const own = before.filter((each) => each.item === item).slice(-64)
    const known = (own.length >= 20 ? own : before.slice(-256)).map((each) => each.paise)
    if (known.length < 20) return false
    const middle = middleOf(known)
    const mad = middleOf(known.map((each) => Math.abs(Math.log(each) - Math.log(middle))))
    return paise >= rupees * 100 && paise > Math.max(middle * times, Math.exp(Math.log(middle) + sigmas * 1.4826 * mad), rupees * 100)
  }

  function of(rule: FraudRule, events: readonly Sent[], subjectOf: (each: Sent) => string, limitOf: (each: Sent) => number): Opening[] {
    const subjects = Map.groupBy(events, subjectOf)
    return [...subjects].flatMap(([subject, own]) => {
      const happened = own.map((each) => ({
        ts: each.ts,
        member: rule === 'accounts_per_address' ? each.user : each.id,
        limit: limitOf(each),
        ...(rule === 'order_value' && { value: each.paise / 100 }),
      }))
      return merged(openings(`${rule}/${subject}`, happened, rules[rule]!.within_seconds, watermark), cooldownMs)
    })
  }
}

function openings(name: string, happened: readonly Happened[], windowSeconds: number, watermark: number): Opening[] {
  const found: Opening[] = []
  let open: (Opening & { limit: number }) | undefined
  const countAt = (at: number, until: number) =>
    new Set(happened.slice(0, until + 1).flatMap(({ ts, member }) => (second(ts) > at - windowSeconds ? [member] : []))).size
  const endBy = (until: number, last: number) => {
    if (!open) return
    for (let at = second(open.lastSeen); at <= second(until) && at <= second(open.lastSeen) + windowSeconds; at += 1) {
      if (countAt(at, last) >= open.limit) continue
      Object.assign(open, { state: 'resolved', resolvedAt: at * 1_000 })
      open = undefined
      return
    }
  }
  happened.forEach(({ ts, limit, value }, at) => {
    endBy(ts, at - 1)
    const count = countAt(second(ts), at)
    if (count >= limit) {
      if (!open) {
        open = { id: `${name}/${ts}`, state: 'open', count: 0, value: 0, since: ts, lastSeen: ts, resolvedAt: null, limit }
        found.push(open)
      }
      Object.assign(open, { count: open.count + 1, value: value ?? Math.max(open.value, count), lastSeen: ts, limit })
    } else if (open) {
      Object.assign(open, { state: 'resolved', resolvedAt: ts })
      open = undefined
    }
  })
  endBy(watermark, happened.length - 1)
  return found
}

/** What comes again within the cooldown is the same alert. */
function merged(openings: readonly Opening[], cooldownMs: number): Opening[] {
  const alerts: Opening[] = []
  for (const { id, state, count, value, since, lastSeen, resolvedAt } of openings) {
    const last = alerts.at(-1)
    if (last && since - (last.resolvedAt as number) <= cooldownMs)
      Object.assign(last, { state, value, lastSeen, resolvedAt, count: last.count + count })
    else alerts.push({ id, state, count, value, since, lastSeen, resolvedAt })
  }
  return alerts
}

function middleOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}
