/** What is watched. The names are those of the rules. */
export const ANOMALY_RULES = ['order_rate', 'ctr', 'cvr', 'revenue', 'refused', 'dead'] as const
export type AnomalyRule = (typeof ANOMALY_RULES)[number]
export type Direction = 'below' | 'above'

/** What one minute of event time came to, over all items and campaigns. */
export interface MinuteTotals {
  /** Its first millisecond. */
  minute: number
  impressions: number
  clicks: number
  orders: number
  attributedOrders: number
  revenuePaise: number
  /** What the gateway refused. */
  refused: number
  /** Letters that came into `dead.v1`. */
  dead: number
}

export const noTotals = (minute: number): MinuteTotals => ({
  minute,
  impressions: 0,
  clicks: 0,
  orders: 0,
  attributedOrders: 0,
  revenuePaise: 0,
  refused: 0,
  dead: 0,
})

/** How many there were, of how much they could have come: what is usual is the one divided by the other. */
export interface Seen {
  sum: number
  exposure: number
}

/** Whose noise it is: of a count Poisson's, of a share the binomial, of an amount that of the single amounts. */
export type NoiseKind = 'count' | 'share' | 'amount'

interface Measure {
  noise: NoiseKind
  directions: readonly Direction[]
  seen: (totals: MinuteTotals) => Seen
}

/**
 * Revenue is judged by the orders that it came of, so that a stop of orders is one alert and not two, and a wrong price is one however many order. A count is of
 * its minutes.
 */
export const MEASURES: Readonly<Record<AnomalyRule, Measure>> = {
  order_rate: { noise: 'count', directions: ['below', 'above'], seen: ({ orders }) => ({ sum: orders, exposure: 1 }) },
  ctr: { noise: 'share', directions: ['below', 'above'], seen: ({ clicks, impressions }) => ({ sum: clicks, exposure: impressions }) },
  cvr: {
    noise: 'share',
    directions: ['below', 'above'],
    seen: ({ attributedOrders, clicks }) => ({ sum: attributedOrders, exposure: clicks }),
  },
  revenue: {
    noise: 'amount',
    directions: ['below', 'above'],
    seen: ({ revenuePaise, orders }) => ({ sum: revenuePaise, exposure: orders }),
  },
  refused: { noise: 'count', directions: ['above'], seen: ({ refused }) => ({ sum: refused, exposure: 1 }) },
  dead: { noise: 'count', directions: ['above'], seen: ({ dead }) => ({ sum: dead, exposure: 1 }) },
}

export function byRule<T>(valueOf: (rule: AnomalyRule) => T): Record<AnomalyRule, T> {
  return Object.fromEntries(ANOMALY_RULES.map((rule) => [rule, valueOf(rule)])) as Record<AnomalyRule, T>
}
