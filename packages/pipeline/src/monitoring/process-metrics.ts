import type { StatsFs } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { shown, type Registry } from '../http/prometheus.ts'

const LAG_RESOLUTION_MS = 20
const STARTED_AT = performance.timeOrigin / 1_000
const QUANTILES = { p50: 50, p90: 90, p99: 99 } as const
/** A tick that is on time counts as this long. */
const LAG_NONE_NS = LAG_RESOLUTION_MS * 1e6

let delay: ReturnType<typeof monitorEventLoopDelay> | undefined

export interface ProcessOptions {
  version: string
  /** The folder whose disk must have room. */
  dataDir: string
}

/** What every process says of itself, under the names that Prometheus' own libraries use. */
export function processMetrics(registry: Registry, { version, dataDir }: ProcessOptions): void {
  const gauge = (name: string, help: string, value: () => number) => shown(registry, 'gauge', name, help, () => [[{}, value()]])
  const counter = (name: string, help: string, value: () => number) => shown(registry, 'counter', name, help, () => [[{}, value()]])
  counter('process_cpu_user_seconds_total', 'Processor time in its own code.', () => process.cpuUsage().user / 1e6)
  counter('process_cpu_system_seconds_total', 'Processor time in the system.', () => process.cpuUsage().system / 1e6)
  counter('process_cpu_seconds_total', 'Processor time.', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  gauge('process_start_time_seconds', 'When it was started, seconds since 1970.', () => STARTED_AT)
  gauge('process_resident_memory_bytes', 'Memory that it holds.', () => process.memoryUsage.rss())
  gauge('nodejs_heap_size_used_bytes', 'Of the heap, what is used.', () => process.memoryUsage().heapUsed)
  gauge('nodejs_heap_size_total_bytes', 'The heap.', () => process.memoryUsage().heapTotal)
  gauge('nodejs_external_memory_bytes', 'Memory outside the heap that objects in it hold.', () => process.memoryUsage().external)
  lagMetrics(registry)
  shown(registry, 'gauge', 'flowguard_build_info', 'The version that runs; always 1.', () => [
    [{ version, node: process.versions.node }, 1],
  ])
  diskMetrics(registry, dataDir)
}

/** How long the event loop was held up, since it was asked last. */
function lagMetrics(registry: Registry): void {
  delay ??= monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  delay.enable()
  const own = delay
  const seconds = (ns: number) => Math.max(0, ns - LAG_NONE_NS) / 1e9
  for (const [name, percent] of Object.entries(QUANTILES)) {
    shown(
      registry,
      'gauge',
      `nodejs_eventloop_lag_${name}_seconds`,
      `How long the event loop was held up, ${name} since it was asked last.`,
      () => [[{}, seconds(own.percentile(percent))]],
    )
  }
  shown(registry, 'gauge', 'nodejs_eventloop_lag_max_seconds', 'The longest since it was asked last.', () => {
    const longest = own.max
    own.reset()
    return [[{}, seconds(longest)]]
  })
}

function diskMetrics(registry: Registry, dataDir: string): void {
  const gauge = (name: string, help: string, of: (disk: StatsFs) => number) =>
    shown(registry, 'gauge', name, help, async () => {
      // No figure, rather than no metrics at all, where the folder cannot be looked at.
      const disk = await statfs(dataDir).catch(() => undefined)
      return disk ? [[{}, of(disk)]] : []
    })
  gauge('flowguard_disk_free_bytes', 'Free on the disk that holds DATA_DIR.', ({ bavail, bsize }) => bavail * bsize)
  gauge('flowguard_disk_size_bytes', 'The disk that holds DATA_DIR.', ({ blocks, bsize }) => blocks * bsize)
}
