import { SECOND_MS } from '@flowguard/contract'
import type { Clock } from '../kernel/lifecycle.ts'
import { rateMeter } from './rate-meter.ts'

const REQUEST_MS_MAX = 900
const SPAN_MS = 30 * SECOND_MS
const WRITING = 'flowguard_event_write_duration_seconds'

export interface GatewayFigures {
  /** Whether it answers. Nothing else is known where it does not. */
  up: boolean
  events_per_s: number | null
  /** Since it was started. */
  received: number
  refused: number
  duplicates: number
  /** Good events that could not be written. */
  unwritten: number
  /** On their way to the disk. */
  queue: number
  /** From an event that is read to its being durable, over the last half minute; null where there was none. */
  write_p50_ms: number | null
  write_p99_ms: number | null
}

type Bucket = { le: number; count: number }

/** How the gateway does, from its own metrics, each time it is asked. */
export function gatewayFigures(text: () => Promise<string>, clock: Clock): () => Promise<GatewayFigures> {
  const perSecond = rateMeter()
  let samples: { at: number; buckets: Bucket[] }[] = []
  return async () => {
    const metrics = await text().catch(() => undefined)
    if (metrics === undefined)
      return { up: false, events_per_s: null, received: 0, refused: 0, duplicates: 0, unwritten: 0, queue: 0, ...NO_LATENCY }
    const sum = (name: string) => figures(metrics, name).reduce((total, { value }) => total + value, 0)
    const received = sum('flowguard_events_received_total')
    const buckets = figures(metrics, `${WRITING}_bucket`).map(({ labels, value }) => ({ le: upperOf(labels), count: value }))
    const now = clock()
    // One that counts from the beginning again is another process.
    samples = samples.filter(({ at, buckets: old }) => now - at <= SPAN_MS && (old.at(-1)?.count ?? 0) <= (buckets.at(-1)?.count ?? 0))
    const before = samples[0]?.buckets
    samples.push({ at: now, buckets })
    const recent = before ? buckets.map(({ le, count }, at) => ({ le, count: count - (before[at]?.count ?? 0) })) : buckets
    return {
      up: true,
      events_per_s: perSecond(received, now),
      received,
      refused: sum('flowguard_events_refused_total'),
      duplicates: sum('flowguard_events_duplicate_total'),
      unwritten: sum('flowguard_events_unwritten_total'),
      queue: sum('flowguard_gateway_queue_events'),
      write_p50_ms: quantile(recent, 0.5),
      write_p99_ms: quantile(recent, 0.99),
    }
  }
}

/** The gateway's metrics as text. Rejects where it does not answer in time. */
export function metricsOf(gatewayUrl: string): () => Promise<string> {
  return async () => {
    const response = await fetch(`${gatewayUrl}/metrics/prometheus`, { signal: AbortSignal.timeout(REQUEST_MS_MAX) })
    return response.text()
  }
}

const NO_LATENCY = { write_p50_ms: null, write_p99_ms: null }

function figures(metrics: string, name: string): { labels: string; value: number }[] {
  return metrics.split('\n').flatMap((line) => {
    const rest = line.startsWith(name) ? line.slice(name.length) : ''
    if (rest[0] !== '{' && rest[0] !== ' ') return []
    const space = rest.lastIndexOf(' ')
    return [{ labels: rest.slice(0, space), value: Number(rest.slice(space + 1)) }]
  })
}

function upperOf(labels: string): number {
  const le = /le="([^"]+)"/.exec(labels)?.[1]
  return le === undefined || le === '+Inf' ? Infinity : Number(le)
}

/** As Prometheus reckons: straight between a bucket's bounds. */
function quantile(buckets: readonly Bucket[], share: number): number | null {
  const total = buckets.at(-1)?.count ?? 0
  if (total <= 0) return null
  const rank = total * share
  const at = buckets.findIndex(({ count }) => count >= rank)
  const [below, bucket] = [buckets[at - 1] ?? { le: 0, count: 0 }, buckets[at] as Bucket]
  if (bucket.le === Infinity) return below.le * 1_000
  const within = bucket.count === below.count ? 1 : (rank - below.count) / (bucket.count - below.count)
  return Math.round((below.le + (bucket.le - below.le) * within) * 1e5) / 100
}
