import { setTimeout as wait } from 'node:timers/promises'
import { until } from '../test/support/machine.ts'
import { FULL_BATCHES, perSecond, refusals, type Sizes } from './gateway-measures.ts'
import type { Watch } from './lag.ts'
import type { Bench, Measured } from './processes.ts'
import { median, partsOf } from './profile.ts'
import type { Report } from './report.ts'

const POLL_MS = 25
/** Heartbeats come on and on, so that nobody is ever quite level. */
const LEVEL_COUNT = 200
const CATCH_UP_MS_MAX = 300_000
const ATTRIBUTION_AIM = 80_000
const TOGETHER_AIM = 25_000
/** The loader's own batches are no lag: one is filled while another is loaded. */
const BATCHES_COUNT = 2 * 20_000
/** The governor holds the load above the first and lets it go on below the second. */
const LAG_HIGH = 30_000
const LAG_LOW = 15_000
/** Of the rate that the governor found: the first at which the lag stays level counts. */
const SHARES = [0.97, 0.9, 0.8, 0.7]

/** Lets one reader read the whole log. What counts is how it goes on after `filled` events are in its state. */
export async function catchUp(
  { reader, role, aim }: { reader: string; role: Measured; aim: boolean },
  { watch, sizes, report, group, name }: { watch: Watch; sizes: Sizes; report: Report; group: string; name: string },
): Promise<void> {
  const readTo = (count: number) =>
    until(`${reader} to read ${count}`, async () => (await watch.standing(reader)).read >= count, CATCH_UP_MS_MAX)
  const stand = async () => ({ at: performance.now(), ...(await role.usage()), ...(await watch.standing(reader)) })
  await readTo(sizes.filled * 0.2)
  let profiled = 0
  const found = await role.profiled(async () => {
    const { read: before } = await stand()
    await readTo(sizes.filled * 0.6)
    profiled = (await stand()).read - before
  })
  await readTo(sizes.filled)
  const from = await stand()
  await readTo(sizes.filled + sizes.stretch)
  const to = await stand()
  const read = to.read - from.read
  const rate = (read * 1_000) / (to.at - from.at)
  const cpu = to.cpu - from.cpu
  report.add({
    group,
    name,
    value: read / cpu,
    unit: 'events/s',
    ...(aim && { aim: { atLeast: ATTRIBUTION_AIM } }),
    note: `per core; ${(rate / 1_000).toFixed(1)}k/s by the clock`,
  })
  report.addTime({ group, name, parts: partsOf(found, profiled) })
  await levelled(reader, watch)
}

export function levelled(reader: string, watch: Watch): Promise<void> {
  return until(
    `${reader} to be level`,
    async () => watch.outbox() === 0 && (await watch.standing(reader)).lag < LEVEL_COUNT,
    CATCH_UP_MS_MAX,
  )
}

/** Gateway, attribution, billing and bronze at once: the rate at which the lag stays level. Resolves to what the edge accepted. */
export async function together(
  bench: Bench,
  { edge, pipeline, watch }: { edge: Measured; pipeline: Measured; watch: Watch },
  sizes: Sizes,
  report: Report,
): Promise<number> {
  const group = 'Gateway, attribution, billing and bronze at once'
  let accepted = 0
  const governed = await withLag(
    bench.load.run({ ...FULL_BATCHES, port: edge.port, warmUpMs: sizes.togetherMs / 3, durationMs: sizes.togetherMs }),
    watch,
    (lag) => {
      if (lag > LAG_HIGH) bench.load.hold(true)
      else if (lag < LAG_LOW) bench.load.hold(false)
    },
  )
  accepted += governed.result.acceptedInAll
  const found = perSecond(governed.result)
  report.add({
    group,
    name: 'found by holding the load while the lag is high',
    value: found,
    unit: 'events/s',
    note: refusals(governed.result).slice(2),
  })
  for (const share of SHARES) {
    await levelAll(watch)
    const { result, lags } = await withLag(
      bench.load.run({
        ...FULL_BATCHES,
        port: edge.port,
        durationMs: sizes.togetherMs,
        requestsPerSecond: (found * share) / FULL_BATCHES.size,
      }),
      watch,
    )
    accepted += result.acceptedInAll
    const third = Math.floor(lags.length / 3)
    const [early, late] = [median(lags.slice(third, 2 * third)), median(lags.slice(-third))]
    // Level: what waits at the end is less than the readers do in a second, and no more than it was, but for a fifth of that.
    const isLevel = late < perSecond(result) && late < early + perSecond(result) / 5
    if (!isLevel && share !== SHARES.at(-1)) continue
    report.add({
      group,
      name: isLevel ? 'sustained, lag level' : 'sent, lag NOT level',
      value: isLevel ? perSecond(result) : 0,
      unit: 'events/s',
      aim: { atLeast: TOGETHER_AIM },
      note: `lag ${Math.round(early)} in the middle, ${Math.round(late)} at the end, at ${(share * 100).toFixed(0)}% of what was found${refusals(result)}`,
    })
    break
  }
  await levelAll(watch)
  const rate = (found * 0.9) / FULL_BATCHES.size
  const profiled: { result?: Awaited<ReturnType<Bench['load']['run']>> } = {}
  const work = async () => {
    profiled.result = await bench.load.run({ ...FULL_BATCHES, port: edge.port, durationMs: sizes.profileMs, requestsPerSecond: rate })
  }
  for (const [name, each] of [
    ['the edge', edge],
    ['the pipeline', pipeline],
  ] as const) {
    const profile = await each.profiled(work)
    const count = profiled.result?.acceptedInAll ?? 0
    accepted += count
    report.addTime({ group, name, parts: partsOf(profile, count) })
  }
  await levelAll(watch)
  return accepted
}

async function levelAll(watch: Watch): Promise<void> {
  for (const reader of ['stream', 'billing', 'billing-orders', 'loader']) await levelled(reader, watch)
}

/** Watches the lag while the load runs: of the slowest reader of the raw topics, beyond what the loader holds in its batches, with the orders that wait for the log and the answers that wait for billing. */
async function withLag<T>(
  running: Promise<T>,
  watch: Watch,
  onLag: (lag: number) => void = () => undefined,
): Promise<{ result: T; lags: number[] }> {
  const lags: number[] = []
  let isOver = false
  const result = running.finally(() => {
    isOver = true
  })
  // It is awaited below, and must not count as unheard before.
  result.catch(() => undefined)
  while (!isOver) {
    const [stream, billing, orders, loader] = await Promise.all([
      watch.standing('stream'),
      watch.standing('billing'),
      watch.standing('billing-orders'),
      watch.standing('loader'),
    ])
    const lag = Math.max(stream.lag, billing.lag, loader.lag - BATCHES_COUNT) + orders.lag + watch.outbox()
    lags.push(lag)
    onLag(lag)
    await wait(POLL_MS)
  }
  return { result: await result, lags }
}
