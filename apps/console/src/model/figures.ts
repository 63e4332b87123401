import type { PastState } from 'flowguard/answers'

export type PartId =
  | 'gateway'
  | 'database'
  | 'log'
  | 'stream'
  | 'billing'
  | 'billing-orders'
  | 'workers'
  | 'loader'
  | 'attributed'
  | 'ledger'
  | 'alerts'
  | 'dead'
  | 'etl'

export interface Figures {
  /** A second; null where that is not known. */
  rate: number | null
  /** What it is behind by; null where it cannot be. */
  lag: number | null
}

/** The sum of what is known; null where nothing is. */
export const sumOfRates = (rates: readonly (number | null | undefined)[]): number | null =>
  rates.reduce<number | null>((sum, each) => (each === null || each === undefined ? sum : (sum ?? 0) + each), null)

/** What is drawn of each part: of the state of now, and of those that have been. */
export function figuresOf(state: PastState): Record<PartId, Figures> {
  const { summary, gateway, etl } = state
  const reader = (name: string): Figures => ({
    rate: state.reader_rates[name] ?? null,
    lag: state.readers.find((each) => each.name === name)?.lag ?? 0,
  })
  return {
    gateway: { rate: gateway.events_per_s, lag: gateway.queue },
    database: { rate: state.topic_rates['raw.orders.v1'] ?? null, lag: summary.outbox },
    log: { rate: summary.events_per_s, lag: null },
    stream: reader('stream'),
    billing: reader('billing'),
    'billing-orders': reader('billing-orders'),
    workers: reader('workers'),
    loader: reader('loader'),
    attributed: { rate: state.topic_rates['attributed.events.v1'] ?? null, lag: summary.pending_orders },
    ledger: { rate: sumOfRates(Object.values(state.charge_rates)), lag: null },
    alerts: { rate: null, lag: null },
    dead: { rate: sumOfRates(Object.values(state.dead_rates)), lag: summary.dead },
    etl: { rate: state.reader_rates['loader'] ?? null, lag: etl ? etl.days - etl.days_done : 0 },
  }
}

export interface Sample extends Figures {
  /** Seconds since 1970. */
  at: number
}

export type History = ReadonlyMap<PartId, readonly Sample[]>

/** So much of what has been is drawn. */
export const SPAN_SECONDS = 180
const GAP_SECONDS_MAX = 5

/** What has been and this state: the oldest first, once each, and no more than is drawn. */
export function withState(history: History, state: PastState): History {
  const at = Date.parse(state.at) / 1_000
  return new Map(
    Object.entries(figuresOf(state)).map(([name, figures]) => {
      const id = name as PartId
      const before = (history.get(id) ?? []).filter((sample) => sample.at < at && sample.at >= at - SPAN_SECONDS)
      const last = before.at(-1)?.at ?? at
      // Nobody looked meanwhile: no line is drawn over it.
      const gap = at - last > GAP_SECONDS_MAX ? [{ at: last + 1, rate: null, lag: null }] : []
      return [id, [...before, ...gap, { at, ...figures }]]
    }),
  )
}
