import { RAW_TOPICS } from '@flowguard/contract'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { SECONDS_BUCKETS } from '../http/request-metrics.ts'
import type { Ingest } from './ingest.ts'

const CODES_COUNT_MAX = 64

/** How the general lane stands. */
export interface Lane {
  queueLength: number
  pendingMessages: number
  activeWorkers: number
}

export interface GatewayMetrics {
  registry: Registry
  refused(code: string): void
  received(count: number): void
  processed(seconds: number): void
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
  counted('events_received_total', 'Events that reached the gateway, by any route.', () => receivedCount)
  counted('events_processed_total', 'Events that were written durably and answered.', () => stats.delivered)
  counted('events_failed_total', 'Events that were refused, or that could not be written.', () => total() + stats.failed)
  counted('events_duplicate_total', 'Events that were known already.', () => stats.duplicates)
  const processing = new Histogram({
    name: 'event_processing_duration_seconds',
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
  gauge('queue_depth', 'Events of the general lane that no worker has taken yet.', async () => (await lane()).queueLength)
  gauge('active_workers', 'Workers of the general lane.', async () => (await lane()).activeWorkers)
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
    processed: (seconds) => processing.observe(seconds),
    totals: () => ({ received: receivedCount, refused: total() }),
  }
}
