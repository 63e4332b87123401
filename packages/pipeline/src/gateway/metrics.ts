import { RAW_TOPICS } from '@flowguard/contract'
import { Counter, Gauge, Histogram, Registry } from '../http/prometheus.ts'
import { SECONDS_BUCKETS } from '../http/request-metrics.ts'
import type { Lane } from '../workers/lane-view.ts'
import type { Ingest } from './ingest.ts'

const CODES_COUNT_MAX = 64

export interface GatewayMetrics {
  registry: Registry
  refused(code: string): void
  received(count: number): void
  written(seconds: number): void
  totals(): { received: number; refused: number }
}

/** One registry a server. What the hot path counts are plain numbers, made into metrics when somebody asks. */
export function createMetrics(ingest: Ingest, lane: () => Promise<Lane>): GatewayMetrics {
  const registry = new Registry()
  const registers = [registry]
  const refusedByCode = new Map<string, number>()
  let receivedCount = 0
  const { stats } = ingest
  const total = () => [...refusedByCode.values()].reduce((sum, count) => sum + count, 0)

  const counted = (name: string, help: string, value: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(value())
      },
    })
  laneMetrics(registry, lane)
  counted('flowguard_events_received_total', 'Events that reached the gateway, by any route.', () => receivedCount)
  counted('flowguard_events_duplicate_total', 'Events that the gateway knew already.', () => stats.duplicates)
  counted('flowguard_events_unwritten_total', 'Events that were good and could not be written.', () => stats.failed)
  const writing = new Histogram({
    name: 'flowguard_event_write_duration_seconds',
    help: 'From an event or a batch that is read to its being durable.',
    registers,
    buckets: SECONDS_BUCKETS,
  })
  new Counter({
    name: 'flowguard_events_appended_total',
    help: 'Events that are durable, by topic.',
    labelNames: ['topic'],
    registers,
    collect() {
      this.reset()
      for (const topic of RAW_TOPICS) this.inc({ topic }, stats.deliveredByTopic[topic])
    },
  })
  new Counter({
    name: 'flowguard_events_refused_total',
    help: 'Events and requests that were refused, by code.',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset()
      for (const [code, count] of refusedByCode) this.inc({ code }, count)
    },
  })
  const gauge = (name: string, help: string, value: () => number | Promise<number>) =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await value())
      },
    })
  gauge('flowguard_gateway_queue_events', 'Events on their way to the disk.', () => stats.events)
  gauge('flowguard_gateway_queue_bytes', 'Bytes on their way to the disk.', () => stats.bytes)
  gauge('flowguard_process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss())

  return {
    registry,
    refused(code) {
      const name = refusedByCode.has(code) || refusedByCode.size < CODES_COUNT_MAX ? code : 'other'
      refusedByCode.set(name, (refusedByCode.get(name) ?? 0) + 1)
    },
    received(count) {
      receivedCount += count
    },
    written: (seconds) => writing.observe(seconds),
    totals: () => ({ received: receivedCount, refused: total() }),
  }
}

/** The general lane under EventFlow's names. Read from the stores: these go on over a restart of the gateway. */
function laneMetrics(registry: Registry, lane: () => Promise<Lane>): void {
  const registers = [registry]
  const counters: [string, string, (now: Lane) => number][] = [
    ['events_received_total', 'General events that were accepted.', ({ received }) => received],
    ['events_processed_total', 'General events that a worker has processed.', ({ processed }) => processed],
    ['events_failed_total', 'General events that failed for good: each is a dead letter.', ({ failed }) => failed],
    ['events_duplicate_total', 'General events that a worker knew already.', ({ duplicate }) => duplicate],
  ]
  for (const [name, help, of] of counters) {
    new Counter({
      name,
      help,
      registers,
      async collect() {
        const value = of(await lane())
        this.reset()
        this.inc(value)
      },
    })
  }
  const gauges: [string, string, (now: Lane) => number][] = [
    ['queue_depth', 'General events that no worker has taken yet.', ({ queueLength }) => queueLength],
    ['active_workers', 'Workers of the general lane that live.', ({ workers }) => workers],
  ]
  for (const [name, help, of] of gauges) {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(of(await lane()))
      },
    })
  }
  const name = 'event_processing_duration_seconds'
  const help = 'General events, from their receipt to the end of their processing.'
  // What the workers have counted is shown as it is: a histogram of the library counts only what it was told, one by one.
  const get = async () => ({ name, help, type: 'histogram', values: histogramValues(name, (await lane()).durations) })
  registry.registerMetric({ name, help, get } as unknown as InstanceType<typeof Histogram>)
}

/** As Prometheus counts: each bucket with all below it. */
function histogramValues(name: string, { bounds, buckets, seconds }: Lane['durations']) {
  let count = 0
  const values = buckets.map((events, at) => {
    count += events
    return { metricName: `${name}_bucket`, labels: { le: bounds[at] ?? '+Inf' }, value: count }
  })
  return [...values, { metricName: `${name}_sum`, labels: {}, value: seconds }, { metricName: `${name}_count`, labels: {}, value: count }]
}
