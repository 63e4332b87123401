import { ATTRIBUTED, CLICKS, GENERAL, ORDERS, type Topic } from '@flowguard/contract'
import { newestAlert, type AlertsState } from './alerts.ts'
import type { OpsDeps } from './deps.ts'
import { gatewayFigures, type GatewayFigures } from './gateway-figures.ts'
import { groups, type Groups } from './groups.ts'
import { rateMeter } from './rate-meter.ts'
import { summaryOf, type Summary } from './summary.ts'

const TOLD_TOPICS = [ORDERS, CLICKS, GENERAL, ATTRIBUTED] as const

export interface LiveState extends Groups {
  at: string
  version: string
  summary: Summary & { events_per_s: number | null }
  gateway: GatewayFigures
  /** Records a second, heartbeats aside, by reader and by topic. */
  reader_rates: Record<string, number | null>
  topic_rates: Record<string, number | null>
  alerts: AlertsState
  /** What the ETL is doing. */
  etl: ReturnType<OpsDeps['etl']['progress']> | null
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
  return async () => {
    const figures = await gateway()
    const state = groups(stores)
    const summary = summaryOf(stores, state)
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
