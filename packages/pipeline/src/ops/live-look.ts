import { ATTRIBUTED, CHARGE_KINDS, CLICKS, GENERAL, ORDERS, type ChargeKind, type Topic } from '@flowguard/contract'
import { totalsOf } from '../reader/totals.ts'
import { newestAlert, type AlertsState } from './alerts.ts'
import type { OpsDeps } from './deps.ts'
import { gatewayFigures, type GatewayFigures } from './gateway-figures.ts'
import { groupsNow, outside, type Groups } from './groups.ts'
import { rateMeter } from './rate-meter.ts'
import { summaryNow, type Summary } from './summary.ts'

const TOLD_TOPICS = [ORDERS, CLICKS, GENERAL, ATTRIBUTED] as const

export interface LiveState extends Groups {
  at: string
  version: string
  summary: Summary & { events_per_s: number | null }
  gateway: GatewayFigures
  /** Records a second, heartbeats aside, by reader and by topic. */
  reader_rates: Record<string, number | null>
  topic_rates: Record<string, number | null>
  /** Rows of the ledger a second. */
  charge_rates: Record<ChargeKind, number | null>
  /** Dead letters a second, by the reader that buried them. */
  dead_rates: Record<string, number | null>
  alerts: AlertsState
  /** What the ETL is doing. */
  etl: NonNullable<ReturnType<OpsDeps['etl']['progress']>> | null
}

/** What is kept of a state once it has been: what charts are drawn of. */
export type PastState = Pick<LiveState, 'at' | 'reader_rates' | 'topic_rates' | 'charge_rates' | 'dead_rates'> & {
  summary: Pick<LiveState['summary'], 'events_per_s' | 'outbox' | 'pending_orders' | 'dead'>
  gateway: Pick<GatewayFigures, 'events_per_s' | 'queue'>
  readers: Pick<Groups['readers'][number], 'name' | 'lag'>[]
  etl: { days: number; days_done: number } | null
}

export function pastOf({ at, summary, gateway, readers, etl, ...state }: LiveState): PastState {
  const { events_per_s: perSecond, outbox, pending_orders: pending, dead } = summary
  return {
    at,
    summary: { events_per_s: perSecond, outbox, pending_orders: pending, dead },
    gateway: { events_per_s: gateway.events_per_s, queue: gateway.queue },
    readers: readers.map(({ name, lag }) => ({ name, lag })),
    reader_rates: state.reader_rates,
    topic_rates: state.topic_rates,
    charge_rates: state.charge_rates,
    dead_rates: state.dead_rates,
    etl: etl && { days: etl.days, days_done: etl.days_done },
  }
}

/** Reads the state of everything, as it is now. Rates are over the last seconds in which it was asked for. */
export function liveLook({
  stores,
  etl,
  clock,
  version,
  gatewayMetrics,
}: Pick<OpsDeps, 'stores' | 'etl' | 'clock' | 'version' | 'gatewayMetrics'>): () => Promise<LiveState> {
  const gateway = gatewayFigures(gatewayMetrics, clock)
  const meters = new Map<string, ReturnType<typeof rateMeter>>()
  const rate = (name: string, total: number) => {
    let meter = meters.get(name)
    if (!meter) meters.set(name, (meter = rateMeter()))
    return meter(total, clock())
  }
  const chargeRates = () => {
    const totalOf = stores.pipeline && totalsOf(stores.pipeline.db)
    const rates = CHARGE_KINDS.map((kind) => [kind, rate(`charges ${kind}`, totalOf?.(kind).count ?? 0)] as const)
    return Object.fromEntries(rates) as Record<ChargeKind, number | null>
  }
  return async () => {
    const figures = await gateway()
    const seen = await outside(stores)
    // From here on nothing is awaited: the pipeline's figures are of one moment, or all but.
    const state = groupsNow(stores, seen)
    const summary = summaryNow(stores, seen, state)
    return {
      at: new Date(clock()).toISOString(),
      version,
      ...state,
      summary: { ...summary, events_per_s: rate('events', summary.events_total) },
      gateway: figures,
      reader_rates: Object.fromEntries(
        state.readers.map(({ name, tally, partitions }) => [name, rate(`reader ${name}`, tally.read - heartbeatsIn(partitions))]),
      ),
      topic_rates: Object.fromEntries(TOLD_TOPICS.map((topic) => [topic, rate(`topic ${topic}`, recordsIn(state, topic))])),
      charge_rates: chargeRates(),
      dead_rates: Object.fromEntries(state.readers.map(({ name, tally }) => [name, rate(`dead ${name}`, tally.dead)])),
      alerts: newestAlert(stores),
      etl: etl.progress() ?? null,
    }
  }
}

const heartbeatsIn = (partitions: readonly { heartbeats: number }[]) => partitions.reduce((sum, { heartbeats }) => sum + heartbeats, 0)

/** Records ever appended, without the heartbeats that its first reader has met. */
function recordsIn({ readers }: Groups, topic: Topic): number {
  const partitions = readers.find((reader) => reader.partitions.some((each) => each.topic === topic))?.partitions ?? []
  return partitions.filter((each) => each.topic === topic).reduce((sum, { end, heartbeats }) => sum + end - heartbeats, 0)
}
