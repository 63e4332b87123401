import { RAW_TOPICS } from '@flowguard/contract'
import { Counter, Gauge, Histogram, Registry } from '../http/prometheus.ts'
import { SECONDS_BUCKETS } from '../http/request-metrics.ts'
import type { Logger } from '../kernel/logging.ts'
import type { Lane } from '../workers/lane-view.ts'
import type { Ingest } from './ingest.ts'

const CODES_COUNT_MAX = 64

export interface GatewayMetrics {
  registry: Registry
  /** Everything in Prometheus' text format. */
  text(): Promise<string>
  /** How the general lane stands; undefined, and a warning, where its store cannot be read just now. */
  laneNow(): Promise<Lane | undefined>
  refused(code: string): void
  received(count: number): void
  written(seconds: number): void
  totals(): { received: number; refused: number }
}

/** One registry a server. What the hot path counts are plain numbers, made into metrics when somebody asks. */
export function createMetrics(ingest: Ingest, lane: () => Promise<Lane>, logger: Logger): GatewayMetrics {
  const registry = new Registry()
  const registers = [registry]
  const refusedByCode = new Map<string, number>()
  let receivedCount = 0
  let isLaneRead = true
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
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  gauge('flowguard_gateway_queue_events', 'Events on their way to the disk.', () => stats.events)
  gauge('flowguard_gateway_queue_bytes', 'Bytes on their way to the disk.', () => stats.bytes)
  gauge('flowguard_process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss())

  async function laneNow(): Promise<Lane | undefined> {
    try {
      const now = await lane()
      isLaneRead = true
      return now
    } catch (error) {
      // Once, and not at each scrape.
      if (isLaneRead) logger.warn({ err: error }, 'metrics: the general lane cannot be read; its figures are left out')
      isLaneRead = false
      return undefined
    }
  }

  return {
    registry,
    laneNow,
    async text() {
      const now = await laneNow()
      return `${now ? await laneText(now) : ''}${await registry.metrics()}`
    },
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

/** The general lane under EventFlow's names, as it stands now. Read from the stores: these go on over a restart of the gateway. */
function laneText(now: Lane): Promise<string> {
  const registry = new Registry()
  const registers = [registry]
  const counters: [string, string, number][] = [
    ['events_received_total', 'General events that were accepted.', now.received],
    ['events_processed_total', 'General events that a worker has processed.', now.processed],
    ['events_failed_total', 'General events that failed for good: each is a dead letter.', now.failed],
    ['events_duplicate_total', 'General events that a worker knew already.', now.duplicate],
  ]
  for (const [name, help, value] of counters) new Counter({ name, help, registers }).inc(value)
  const gauges: [string, string, number][] = [
    ['queue_depth', 'General events that no worker has taken yet.', now.queueLength],
    ['active_workers', 'Workers of the general lane that live.', now.workers],
  ]
  for (const [name, help, value] of gauges) new Gauge({ name, help, registers }).set(value)
  const name = 'event_processing_duration_seconds'
  const help = 'General events, from their receipt to the end of their processing.'
  // What the workers have counted is shown as it is: a histogram of the library counts only what it was told, one by one.
  const get = async () => ({ name, help, type: 'histogram', values: histogramValues(name, now.durations) })
  registry.registerMetric({ name, help, get } as unknown as InstanceType<typeof Histogram>)
  return registry.metrics()
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
