import { RAW_TOPICS } from '@flowguard/contract'
import { Registry, shown, shownSpread } from '../http/prometheus.ts'
import { distribution, SECONDS_BUCKETS } from '../kernel/distribution.ts'
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
  const writing = distribution(SECONDS_BUCKETS)
  const refusedByCode = new Map<string, number>()
  let receivedCount = 0
  let isLaneRead = true
  const { stats } = ingest
  const total = () => [...refusedByCode.values()].reduce((sum, count) => sum + count, 0)

  const counted = (name: string, help: string, value: () => number) => shown(registry, 'counter', name, help, () => [[{}, value()]])
  counted('flowguard_events_received_total', 'Events that reached the gateway, by any route.', () => receivedCount)
  counted('flowguard_events_duplicate_total', 'Events that the gateway knew already.', () => stats.duplicates)
  counted('flowguard_events_unwritten_total', 'Events that were good and could not be written.', () => stats.failed)
  shownSpread(registry, 'flowguard_event_write_duration_seconds', 'From an event or a batch that is read to its being durable.', () => [
    [{}, writing],
  ])
  shown(registry, 'counter', 'flowguard_events_appended_total', 'Events that are durable, by topic.', () =>
    RAW_TOPICS.map((topic) => [{ topic }, stats.deliveredByTopic[topic]] as const),
  )
  shown(registry, 'counter', 'flowguard_events_refused_total', 'Events and requests that were refused, by code.', () =>
    [...refusedByCode].map(([code, count]) => [{ code }, count] as const),
  )
  const gauge = (name: string, help: string, value: () => number) => shown(registry, 'gauge', name, help, () => [[{}, value()]])
  gauge('flowguard_gateway_queue_events', 'Events on their way to the disk.', () => stats.events)
  gauge('flowguard_gateway_queue_bytes', 'Bytes on their way to the disk.', () => stats.bytes)

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
    written: writing.observe,
    totals: () => ({ received: receivedCount, refused: total() }),
  }
}

/** The general lane under EventFlow's names, as it stands now. Read from the stores: these go on over a restart of the gateway. */
function laneText(now: Lane): Promise<string> {
  const registry = new Registry()
  const figure = (type: 'counter' | 'gauge', name: string, help: string, value: number) =>
    shown(registry, type, name, help, () => [[{}, value]])
  figure('counter', 'events_received_total', 'General events that were accepted.', now.received)
  figure('counter', 'events_processed_total', 'General events that a worker has processed.', now.processed)
  figure('counter', 'events_failed_total', 'General events that failed for good: each is a dead letter.', now.failed)
  figure('counter', 'events_duplicate_total', 'General events that a worker knew already.', now.duplicate)
  figure('gauge', 'queue_depth', 'General events that no worker has taken yet.', now.queueLength)
  figure('gauge', 'active_workers', 'Workers of the general lane that live.', now.workers)
  const { bounds, buckets, seconds: sum } = now.durations
  const help = 'General events, from their receipt to the end of their processing.'
  shownSpread(registry, 'event_processing_duration_seconds', help, () => [[{}, { bounds, buckets, sum }]])
  return registry.metrics()
}
