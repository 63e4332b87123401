import { FULL_BATCHES, perSecond, refusals, type Sizes } from './gateway-measures.ts'
import type { Result } from './load.ts'
import type { Bench, Measured } from './processes.ts'
import type { Report } from './report.ts'

const CONNECTIONS = 64
const OPEN_LOOP_PER_SECOND = 1_000
const P95_MS_AIM = 10
const SINGLES_AIM = 10_000
const POLL_MS = 20
const STALL_MS = 60_000
const GROUP = 'General lane, from POST to processed_events'

/** Sends general events, and waits until the workers have processed all that were accepted. Resolves to what was sent and how long all of it took. */
async function worked(port: number, send: () => Promise<Result>): Promise<{ result: Result; ms: number }> {
  const before = await processed(port)
  const startedAt = performance.now()
  const result = await send()
  let [last, movedAt] = [-1, performance.now()]
  for (;;) {
    const now = (await processed(port)) - before
    if (now >= result.acceptedInAll) return { result, ms: performance.now() - startedAt }
    if (now !== last) movedAt = performance.now()
    last = now
    if (performance.now() - movedAt > STALL_MS)
      throw new Error(`the workers have processed ${now} of ${result.acceptedInAll} and do not go on`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

export interface LaneNow {
  processed: number
  active_workers: number
}

export async function laneNow(port: number): Promise<LaneNow> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
  return ((await answer.json()) as { general_lane: LaneNow }).general_lane
}

const processed = async (port: number) => (await laneNow(port)).processed

/** Batches and single events through the gateway and the workers, these in a process of their own. */
export async function lane(
  { load }: Bench,
  { edge, workers }: { edge: Measured; workers: Measured },
  sizes: Sizes,
  report: Report,
): Promise<void> {
  const { port } = edge
  const { cpu } = await workers.usage()
  const batches = await worked(port, () =>
    load.run({ ...FULL_BATCHES, traffic: 'general', port, durationMs: 600_000, countMax: sizes.laneCount }),
  )
  const used = (await workers.usage()).cpu - cpu
  const all = batches.result.acceptedInAll
  report.add({
    group: GROUP,
    name: 'batches of 500',
    value: (all * 1_000) / batches.ms,
    unit: 'events/s',
    note: `${((used * 1_000_000) / all).toFixed(1)} µs of CPU an event in the workers; accepted at ${perSecond(batches.result).toFixed(0)} a second${refusals(batches.result)}`,
  })
  const open = await worked(port, () =>
    load.run({
      traffic: 'general',
      size: 1,
      port,
      connections: CONNECTIONS,
      warmUpMs: 0,
      durationMs: sizes.laneMs,
      requestsPerSecond: OPEN_LOOP_PER_SECOND,
    }),
  )
  const { p50, p95, p99, max, lateP99 } = open.result.latency ?? { p50: NaN, p95: NaN, p99: NaN, max: NaN, lateP99: NaN }
  report.add({
    group: GROUP,
    name: `single, ${OPEN_LOOP_PER_SECOND} a second for ${sizes.laneMs / 1_000} s: p95`,
    value: p95,
    unit: 'ms',
    aim: { atMost: P95_MS_AIM },
    note: `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${max.toFixed(1)}, of which the generator p99 ${lateP99.toFixed(1)}; ${open.result.acceptedInAll} accepted, all processed${refusals(open.result)}`,
  })
  const closed = await worked(port, () =>
    load.run({ traffic: 'general', size: 1, port, connections: CONNECTIONS, warmUpMs: 0, durationMs: sizes.roundMs * 2 }),
  )
  report.add({
    group: GROUP,
    name: `single, ${CONNECTIONS} connections, as fast as it goes`,
    value: (closed.result.acceptedInAll * 1_000) / closed.ms,
    unit: 'events/s',
    aim: { atLeast: SINGLES_AIM },
    note: `generator ${(closed.result.busy * 100).toFixed(0)}% of a core${refusals(closed.result)}`,
  })
}
