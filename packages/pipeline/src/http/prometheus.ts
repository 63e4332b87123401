import { createRequire } from 'node:module'
import type * as PromClient from 'prom-client'
import type { Distribution } from '../kernel/distribution.ts'

const require = createRequire(import.meta.url)

// By its file: its main module loads OpenTelemetry too, for measures of the process that nobody here asks for, and so each start would wait for that.
export const Registry = require('prom-client/lib/registry.js') as typeof PromClient.Registry
export type Registry = PromClient.Registry

type Labels = Readonly<Record<string, string | number>>
/** Values by their labels. */
export type Series<T> = Iterable<readonly [labels: Labels, value: T]>

/** A counter or a gauge whose values are plain numbers elsewhere: read when somebody asks. */
export function shown(
  registry: Registry,
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  series: () => Series<number> | Promise<Series<number>>,
): void {
  register(registry, { name, help, type }, async () => [...(await series())].map(([labels, value]) => ({ labels, value })))
}

/** The same of a histogram. */
export function shownSpread(registry: Registry, name: string, help: string, series: () => Series<Omit<Distribution, 'observe'>>): void {
  register(registry, { name, help, type: 'histogram' }, async () =>
    [...series()].flatMap(([labels, spread]) => spreadValues(name, labels, spread)),
  )
}

type Value = { metricName?: string; labels: Labels; value: number }

// The library's own metrics count only what they are told, one by one; what it asks of a metric is this.
function register(registry: Registry, head: { name: string; help: string; type: string }, values: () => Promise<Value[]>): void {
  const get = async () => ({ ...head, values: await values() })
  registry.registerMetric({ ...head, get } as unknown as PromClient.Metric)
}

/** As Prometheus counts: each bucket with all below it. */
function spreadValues(name: string, labels: Labels, { bounds, buckets, sum }: Omit<Distribution, 'observe'>): Value[] {
  let count = 0
  const values: Value[] = buckets.map((own, at) => {
    count += own
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bounds[at] ?? '+Inf' }, value: count }
  })
  return [...values, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: count }]
}
