import { Gauge, Registry } from '../http/prometheus.ts'
import type { Tally } from '../reader/places.ts'
import { groups } from './groups.ts'
import type { Stores } from './stores.ts'
import { summaryOf, type Summary } from './summary.ts'

const OUTCOMES = ['applied', 'duplicate', 'late', 'skipped', 'dead'] as const satisfies readonly (keyof Tally)[]

/** What the summary says, as Prometheus is to see it. Totals are read from the stores: they go on over a restart, and are set, not counted. */
const FIGURES: [name: string, help: string, of: (summary: Summary) => number | null][] = [
  [
    'flowguard_watermark_seconds',
    "The stream's watermark, seconds since 1970.",
    ({ watermark_ms: ms }) => (ms === null ? null : ms / 1_000),
  ],
  ['flowguard_events_total', 'Events in the raw topics, without heartbeats.', ({ events_total: total }) => total],
  ['flowguard_orders_total', 'Orders answered by the stream.', ({ orders }) => orders],
  ['flowguard_orders_attributed_total', 'Orders due to a click.', ({ attributed }) => attributed],
  ['flowguard_pending_orders', 'Orders that the watermark has yet to pass.', ({ pending_orders: pending }) => pending],
  ['flowguard_outbox_orders', 'Order events on their way from the database to the log.', ({ outbox }) => outbox],
  ['flowguard_charges', 'Charges less credits.', ({ charged }) => charged.count],
  ['flowguard_charged_rupees', 'Charges less credits, in rupees.', ({ charged }) => charged.amount],
  ['flowguard_dead_letters_waiting', 'Dead letters that nobody has retried or dropped.', ({ dead }) => dead],
]

/** The pipeline's metrics: read from places and counters at each scrape. */
export function opsMetrics(stores: Stores): { registry: Registry; scrape: () => Promise<string> } {
  const registry = new Registry()
  const registers = [registry]
  const lag = new Gauge({
    name: 'flowguard_reader_lag',
    help: 'Records that a reader has yet to read.',
    labelNames: ['reader', 'topic', 'partition'],
    registers,
  })
  const records = new Gauge({
    name: 'flowguard_reader_records_total',
    help: 'Records read, by what became of them.',
    labelNames: ['reader', 'outcome'],
    registers,
  })
  const figures = FIGURES.map(([name, help, of]) => ({ gauge: new Gauge({ name, help, registers }), of }))
  return {
    registry,
    scrape() {
      const state = groups(stores)
      for (const { name: reader, tally, partitions } of state.readers) {
        for (const outcome of OUTCOMES) records.set({ reader, outcome }, tally[outcome])
        for (const { topic, partition, lag: behind } of partitions) lag.set({ reader, topic, partition }, behind)
      }
      const now = summaryOf(stores, state)
      for (const { gauge, of } of figures) {
        const value = of(now)
        if (value === null) gauge.remove()
        else gauge.set(value)
      }
      return registry.metrics()
    },
  }
}
