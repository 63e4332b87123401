import type { Result } from './load.ts'
import type { Bench, Measured } from './processes.ts'
import { median, partsOf } from './profile.ts'
import type { Report } from './report.ts'

/** How long and how much is measured. */
export interface Sizes {
  /** In the log before anything but the start is measured. */
  filled: number
  /** Read by attribution beyond these, and measured. */
  stretch: number
  rounds: number
  roundMs: number
  latencyMs: number
  profileMs: number
  togetherMs: number
  /** General events in batches, and how long single ones are sent by schedule. */
  laneCount: number
  laneMs: number
}

export interface Contenders {
  edge: Measured
  withoutLog: Measured
  bare: Measured
}

export const CONNECTIONS = 64
/** 500 events each: together far below what the gateway's queue holds. */
const BATCH_CONNECTIONS = 8
const WARM_UP_MS = 500
export const OPEN_LOOP_PER_SECOND = 1_000
const P99_MS_AIM = 10
const RATIO_AIM = { click: 0.9, order: 0.5 } as const
const BATCH_500_AIM = 100_000

export const perSecond = ({ accepted, ms }: Result) => (accepted * 1_000) / ms

export const FULL_BATCHES = { traffic: 'mixed', size: 500, connections: BATCH_CONNECTIONS, warmUpMs: 0 } as const

/** A note where not every request was taken; nothing where all were. */
export function refusals(...results: readonly Result[]): string {
  const all = results.flatMap(({ refused }) => Object.entries(refused))
  return all.length === 0 ? '' : `; refused: ${all.map(([status, count]) => `${count} with ${status}`).join(', ')}`
}

/** Sends this many events through the gateway in batches of 500. Resolves to how many it said were accepted. */
export async function fill({ load }: Bench, { port }: Measured, count: number, report: Report): Promise<number> {
  const result = await load.run({ ...FULL_BATCHES, port, durationMs: 600_000, countMax: count })
  report.add({
    group: 'Batches, durable',
    name: `from 0 to ${count.toLocaleString('en-US')} events, by 500`,
    value: perSecond(result),
    unit: 'events/s',
    note: `generator ${(result.busy * 100).toFixed(0)}% of a core${refusals(result)}`,
  })
  return result.acceptedInAll
}

/** Single events of one kind: with the log, without it, and by a bare server; a round of each in turn. Resolves to what the edge accepted. */
export async function singles(
  bench: Bench,
  contenders: Contenders,
  traffic: 'click' | 'order',
  sizes: Sizes,
  report: Report,
): Promise<number> {
  const names = ['edge', 'withoutLog', 'bare'] as const
  const rounds: Record<(typeof names)[number], { result: Result; us: number }>[] = []
  let accepted = 0
  for (let round = 0; round < sizes.rounds; round += 1) {
    const measured: Partial<(typeof rounds)[number]> = {}
    for (const name of names) {
      const contender = contenders[name]
      const before = await contender.usage()
      const result = await bench.load.run({
        port: contender.port,
        traffic,
        size: 1,
        connections: CONNECTIONS,
        warmUpMs: WARM_UP_MS,
        durationMs: sizes.roundMs,
      })
      const after = await contender.usage()
      measured[name] = { result, us: ((after.cpu - before.cpu) / result.acceptedInAll) * 1_000_000 }
      if (name === 'edge') accepted += result.acceptedInAll
    }
    rounds.push(measured as (typeof rounds)[number])
  }
  const rate = (name: (typeof names)[number]) => median(rounds.map((round) => perSecond(round[name].result)))
  const cpu = (name: (typeof names)[number]) => median(rounds.map((round) => round[name].us))
  const ratio = (to: (typeof names)[number]) => median(rounds.map((round) => perSecond(round.edge.result) / perSecond(round[to].result)))
  const busy = (name: (typeof names)[number]) =>
    `generator ${(median(rounds.map((round) => round[name].result.busy)) * 100).toFixed(0)}% of a core`
  const note = (name: (typeof names)[number]) =>
    `${cpu(name).toFixed(0)} µs of CPU each; ${busy(name)}${refusals(...rounds.map((round) => round[name].result))}`
  const group = `Single ${traffic}s, durable, 64 connections, median of ${sizes.rounds} rounds in turn`
  report.add(
    { group, name: 'the edge', value: rate('edge'), unit: `${traffic}s/s`, note: note('edge') },
    { group, name: 'the same route, no log behind it', value: rate('withoutLog'), unit: `${traffic}s/s`, note: note('withoutLog') },
    { group, name: 'bare node:http', value: rate('bare'), unit: `${traffic}s/s`, note: note('bare') },
    {
      group,
      name: 'edge to the same route',
      value: ratio('withoutLog'),
      unit: '',
      aim: { atLeast: RATIO_AIM[traffic] },
      note: `${(cpu('withoutLog') / cpu('edge')).toFixed(2)} by CPU`,
    },
    { group, name: 'edge to bare node:http', value: ratio('bare'), unit: '' },
  )
  accepted += await profile(
    bench,
    contenders.edge,
    { traffic, size: 1, connections: CONNECTIONS, warmUpMs: 0 },
    sizes,
    group,
    'the edge',
    report,
  )
  return accepted
}

/** Batches of 100 and of 500, in turn. Resolves to what the edge accepted. */
export async function batches(bench: Bench, { edge, withoutLog }: Contenders, sizes: Sizes, report: Report): Promise<number> {
  const kinds = [
    { name: 'by 100', size: 100, to: edge },
    { name: 'by 500', size: 500, to: edge },
    { name: 'by 500, no log behind it', size: 500, to: withoutLog },
  ]
  const results = new Map<string, Result[]>(kinds.map(({ name }) => [name, []]))
  let accepted = 0
  for (let round = 0; round < sizes.rounds; round += 1) {
    for (const { name, size, to } of kinds) {
      const result = await bench.load.run({ ...FULL_BATCHES, size, port: to.port, warmUpMs: WARM_UP_MS, durationMs: sizes.roundMs })
      results.get(name)?.push(result)
      if (to === edge) accepted += result.acceptedInAll
    }
  }
  const group = 'Batches, durable'
  for (const { name, size, to } of kinds) {
    const all = results.get(name) as Result[]
    const busy = median(all.map((each) => each.busy))
    report.add({
      group,
      name,
      value: median(all.map(perSecond)),
      unit: 'events/s',
      ...(size === 500 && to === edge && { aim: { atLeast: BATCH_500_AIM } }),
      note: `generator ${(busy * 100).toFixed(0)}% of a core${refusals(...all)}`,
    })
  }
  return accepted + (await profile(bench, edge, FULL_BATCHES, sizes, group, 'the edge, by 500', report))
}

/** Single clicks by schedule, whatever the answers take. */
export function openLoop({ load }: Bench, { port }: Measured, times: { warmUpMs: number; durationMs: number }): Promise<Result> {
  return load.run({ port, traffic: 'click', size: 1, connections: CONNECTIONS, ...times, requestsPerSecond: OPEN_LOOP_PER_SECOND })
}

/** An open loop of single clicks, from the intended time of sending on: what waits for the machine counts. Resolves to what the edge accepted. */
export async function latency(bench: Bench, { edge, withoutLog }: Contenders, sizes: Sizes, report: Report): Promise<number> {
  const rounds: { edge: Result; withoutLog: Result }[] = []
  for (let round = 0; round < sizes.rounds; round += 1) {
    const run = (server: Measured) => openLoop(bench, server, { warmUpMs: WARM_UP_MS, durationMs: sizes.latencyMs })
    rounds.push({ edge: await run(edge), withoutLog: await run(withoutLog) })
  }
  const at = (name: 'edge' | 'withoutLog', key: 'p50' | 'p95' | 'p99' | 'lateP99') =>
    median(rounds.map((round) => (round[name].latency as NonNullable<Result['latency']>)[key]))
  const group = `Answers to clicks at an open-loop 1,000/s, median of ${sizes.rounds} rounds in turn`
  const late = (name: 'edge' | 'withoutLog') => `the generator's own delay among it: p99 ${at(name, 'lateP99').toFixed(2)} ms`
  report.add(
    { group, name: 'p50', value: at('edge', 'p50'), unit: 'ms', note: `no log: ${at('withoutLog', 'p50').toFixed(2)}` },
    { group, name: 'p95', value: at('edge', 'p95'), unit: 'ms', note: `no log: ${at('withoutLog', 'p95').toFixed(2)}` },
    {
      group,
      name: 'p99',
      value: at('edge', 'p99'),
      unit: 'ms',
      aim: {
        atMost: P99_MS_AIM,
        alternative: { words: 'twice the no-log route', isMet: at('edge', 'p99') <= 2 * at('withoutLog', 'p99') },
      },
      note: `no log: ${at('withoutLog', 'p99').toFixed(2)}; ${late('edge')}${refusals(...rounds.map((round) => round.edge))}`,
    },
  )
  return rounds.reduce((sum, round) => sum + round.edge.acceptedInAll, 0)
}

type ProfiledJob = Pick<Parameters<Bench['load']['run']>[0], 'traffic' | 'size' | 'connections' | 'warmUpMs'>

/** By itself, after the figures: watching costs time. */
async function profile(
  bench: Bench,
  edge: Measured,
  job: ProfiledJob,
  { profileMs }: Sizes,
  group: string,
  name: string,
  report: Report,
): Promise<number> {
  let accepted = 0
  const found = await edge.profiled(async () => {
    accepted = (await bench.load.run({ ...job, port: edge.port, durationMs: profileMs })).acceptedInAll
  })
  report.addTime({ group, name, parts: partsOf(found, accepted) })
  return accepted
}
