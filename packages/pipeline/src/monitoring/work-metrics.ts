import { shown, shownSpread, type Registry } from '../http/prometheus.ts'
import { measures, type ReaderMeasures } from '../kernel/measures.ts'

/** What the parts of this process do: the numbers of kernel/measures.ts. What is not done here has no series. */
export function workMetrics(registry: Registry): void {
  logMetrics(registry)
  readerMetrics(registry)
  relayMetrics(registry)
  shown(registry, 'gauge', 'flowguard_lease_held', 'Whether this process holds the lease (1) or stands by (0), by what runs once.', () =>
    [...measures.leases].map(([lease, state]) => [{ lease }, state === 'held' ? 1 : 0] as const),
  )
}

function logMetrics(registry: Registry): void {
  const { appends } = measures
  shown(registry, 'counter', 'flowguard_log_appended_records_total', 'Records appended to a log, by topic; heartbeats too.', () =>
    [...appends].map(([topic, { records }]) => [{ topic }, records] as const),
  )
  shown(registry, 'counter', 'flowguard_log_append_errors_total', 'Appends that failed.', () =>
    [...appends].map(([topic, { errors }]) => [{ topic }, errors] as const),
  )
  shownSpread(registry, 'flowguard_log_append_duration_seconds', 'From an append that is asked for to its being durable, by topic.', () =>
    [...appends].map(([topic, { seconds }]) => [{ topic }, seconds] as const),
  )
}

function readerMetrics(registry: Registry): void {
  const { readers } = measures
  const each = <T>(of: (reader: ReaderMeasures) => T) => [...readers].map(([reader, own]) => [{ reader }, of(own)] as const)
  shownSpread(registry, 'flowguard_reader_batch_records', 'Records of one batch.', () => each(({ batchRecords }) => batchRecords))
  shownSpread(registry, 'flowguard_reader_batch_duration_seconds', 'From a batch that is there to its commit.', () =>
    each(({ batchSeconds }) => batchSeconds),
  )
  shownSpread(
    registry,
    'flowguard_event_latency_seconds',
    "From the gateway's receipt of an event to the commit of what a reader made of it.",
    () => each(({ latency }) => latency),
  )
  shown(registry, 'counter', 'flowguard_reader_dead_letters_total', 'Dead letters that a reader has written, by reason.', () =>
    [...readers].flatMap(([reader, { dead }]) => Object.entries(dead).map(([reason, count]) => [{ reader, reason }, count] as const)),
  )
  shown(registry, 'gauge', 'flowguard_reader_silent_seconds', 'Since a reader last came back from the log, with records or without.', () =>
    [...readers].flatMap(([reader, { turnAt }]) =>
      turnAt === undefined ? [] : [[{ reader }, (performance.now() - turnAt) / 1_000] as const],
    ),
  )
  shownSpread(registry, 'flowguard_attribution_latency_seconds', "From the receipt of an order to the stream's answer.", () =>
    readers.has('stream') ? [[{}, measures.attributed]] : [],
  )
}

function relayMetrics(registry: Registry): void {
  const { relay } = measures
  const here = <T>(value: () => T) => (relay.isHere ? ([[{}, value()]] as const) : [])
  shown(registry, 'counter', 'flowguard_relay_shipped_records_total', 'Records that the relay has taken from the outbox to the log.', () =>
    here(() => relay.shipped),
  )
  shown(registry, 'counter', 'flowguard_relay_failures_total', 'What the relay had to try again.', () => here(() => relay.failures))
  shownSpread(registry, 'flowguard_relay_batch_duration_seconds', 'From rows of the outbox that are read to their being forgotten.', () =>
    here(() => relay.seconds),
  )
  shown(
    registry,
    'gauge',
    'flowguard_outbox_age_seconds',
    'Since the oldest order in the outbox was received; 0 where there is none.',
    () => here(() => (relay.oldestMs === undefined ? 0 : Math.max(0, Date.now() - relay.oldestMs) / 1_000)),
  )
}
