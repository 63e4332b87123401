import { ALERT_KINDS } from '@flowguard/contract'
import { openByKind } from '../alerts/rows.ts'
import { Registry, shown } from '../http/prometheus.ts'
import type { Tally } from '../reader/places.ts'
import type { Audit } from './audit.ts'
import { groupsNow, outside, type Groups } from './groups.ts'
import type { Stores } from './stores.ts'
import { summaryNow, type Summary } from './summary.ts'

const OUTCOMES = ['applied', 'duplicate', 'late', 'skipped', 'dead'] as const satisfies readonly (keyof Tally)[]

type Figure = [type: 'counter' | 'gauge', name: string, help: string, of: (summary: Summary) => number | null]

/** What the summary says, as Prometheus is to see it. Totals are read from the stores: they go on over a restart. */
const FIGURES: Figure[] = [
  [
    'gauge',
    'flowguard_watermark_seconds',
    "The stream's watermark, seconds since 1970.",
    ({ watermark_ms: ms }) => (ms === null ? null : ms / 1_000),
  ],
  ['counter', 'flowguard_events_total', 'Events in the raw topics, without heartbeats.', ({ events_total: total }) => total],
  ['counter', 'flowguard_orders_total', 'Orders answered by the stream.', ({ orders }) => orders],
  ['counter', 'flowguard_orders_attributed_total', 'Orders due to a click.', ({ attributed }) => attributed],
  ['gauge', 'flowguard_pending_orders', 'Orders that the watermark has yet to pass.', ({ pending_orders: pending }) => pending],
  ['gauge', 'flowguard_outbox_orders', 'Order events on their way from the database to the log.', ({ outbox }) => outbox],
  ['gauge', 'flowguard_charges', 'Charges less credits.', ({ charged }) => charged.count],
  ['gauge', 'flowguard_charged_rupees', 'Charges less credits, in rupees.', ({ charged }) => charged.amount],
  ['counter', 'flowguard_revenue_rupees_total', 'What the orders answered came to, in rupees.', ({ revenue }) => revenue],
  [
    'counter',
    'flowguard_attributed_revenue_rupees_total',
    'The same of orders due to a click.',
    ({ attributed_revenue: revenue }) => revenue,
  ],
  ['gauge', 'flowguard_dead_letters_waiting', 'Dead letters that nobody has retried or dropped.', ({ dead }) => dead],
]

export interface OpsMetrics {
  registry: Registry
  scrape(): Promise<string>
  /** The books were gone through: what came of it is shown from then on. */
  audited(books: Audit, at: number): void
}

/** The pipeline's metrics: read from places and counters at each scrape, once for all. */
export function opsMetrics(stores: Stores): OpsMetrics {
  const registry = new Registry()
  let state: Groups | undefined
  let now: Summary | undefined
  let audited: { books: Audit; at: number } | undefined
  shown(registry, 'gauge', 'flowguard_reader_lag', 'Records that a reader has yet to read.', () =>
    (state?.readers ?? []).flatMap(({ name: reader, partitions }) =>
      partitions.map(({ topic, partition, lag }) => [{ reader, topic, partition }, lag] as const),
    ),
  )
  shown(registry, 'counter', 'flowguard_reader_records_total', 'Records read, by what became of them.', () =>
    (state?.readers ?? []).flatMap(({ name: reader, tally }) => OUTCOMES.map((outcome) => [{ reader, outcome }, tally[outcome]] as const)),
  )
  for (const [type, name, help, of] of FIGURES) {
    shown(registry, type, name, help, () => {
      const value = now ? of(now) : null
      return value === null ? [] : [[{}, value]]
    })
  }
  shown(registry, 'gauge', 'flowguard_alerts_open', 'Alerts that are open, by kind.', () => {
    const open = stores.pipeline ? openByKind(stores.pipeline.db) : []
    return ALERT_KINDS.map((kind) => [{ kind }, open.find((each) => each.kind === kind)?.count ?? 0] as const)
  })
  shown(registry, 'gauge', 'flowguard_audit_balanced', 'Whether the books balanced when they were last gone through (1) or not (0).', () =>
    audited ? [[{}, audited.books.balanced ? 1 : 0]] : [],
  )
  shown(registry, 'gauge', 'flowguard_audit_time_seconds', 'When that was, seconds since 1970.', () =>
    audited ? [[{}, audited.at / 1_000]] : [],
  )
  return {
    registry,
    async scrape() {
      const seen = await outside(stores)
      state = groupsNow(stores, seen)
      now = summaryNow(stores, seen, state)
      return registry.metrics()
    },
    audited(books, at) {
      audited = { books, at }
    },
  }
}
