/**
 * `npm run bench`: what the product does on this machine, with the load on the same machine, each figure beside its aim.
 *
 *   npm run bench                       everything, after three million events: 20 minutes
 *   npm run bench -- --quick            after 300,000, and shorter rounds
 *   npm run bench -- --only latency     one of start, batches, clicks, orders, latency, attribution, stream, bronze, together, lane, gold
 *                                       (may be repeated)
 *   npm run bench -- --json FILE        the figures as JSON besides
 *
 * Clicks, impressions and orders have random ids, come of twenty thousand users and a hundred dishes with three ads each, at the time now, and lie in
 * nine partitions.
 */
import { closeSync, fdatasyncSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { template } from './events.ts'
import { batches, fill, latency, singles, type Contenders, type Sizes } from './gateway-measures.ts'
import { openWatch } from './lag.ts'
import { processors, usedByOthers } from './machine.ts'
import { gold } from './gold-measures.ts'
import { lane } from './lane-measures.ts'
import { openBench, type Bench, type Measured, type Start } from './processes.ts'
import { median } from './profile.ts'
import { catchUp, levelled, together } from './reader-measures.ts'
import { createReport, type Report } from './report.ts'
import { stream } from './stream-measures.ts'
import { bronze } from './warehouse-measures.ts'

const MEASURES = ['start', 'batches', 'clicks', 'orders', 'latency', 'attribution', 'stream', 'bronze', 'together', 'lane', 'gold'] as const
type Measure = (typeof MEASURES)[number]

const FULL: Sizes = {
  filled: 3_000_000,
  stretch: 500_000,
  rounds: 5,
  roundMs: 2_000,
  latencyMs: 5_000,
  profileMs: 3_000,
  togetherMs: 12_000,
  laneCount: 300_000,
  laneMs: 60_000,
}
const QUICK: Sizes = {
  filled: 300_000,
  stretch: 200_000,
  rounds: 3,
  roundMs: 1_000,
  latencyMs: 2_000,
  profileMs: 1_500,
  togetherMs: 4_000,
  laneCount: 50_000,
  laneMs: 5_000,
}
const MIB = 1024 * 1024
const EDGE_MB_AIM = 250
const PIPELINE_MB_AIM = 600
const START_SECONDS_AIM = 1
const STARTS = 3

function note(text: string): void {
  process.stderr.write(`${text} …\n`)
}

/** What a flush of 4 KiB costs here, ms: every durable answer waits for one. */
function flushMs(folder: string): number {
  const file = openSync(join(folder, 'flush'), 'w')
  const times = Array.from({ length: 100 }, () => {
    const startedAt = performance.now()
    writeSync(file, Buffer.alloc(4096))
    fdatasyncSync(file)
    return performance.now() - startedAt
  })
  closeSync(file)
  return median(times)
}

const START_GROUP = `\`flowguard up\` until it is ready, median of ${STARTS}`

function addStart(report: Report, name: string, starts: readonly Start[]): void {
  const middle = (of: (start: Start) => number) => median(starts.map(of))
  const note = `the command ${middle((each) => each.command).toFixed(2)}, then side by side edge ${middle((each) => each.edge).toFixed(2)} and pipeline ${middle((each) => each.pipeline).toFixed(2)}`
  report.add({ group: START_GROUP, name, value: middle((each) => each.seconds), unit: 's', aim: { atMost: START_SECONDS_AIM }, note })
}

async function starts(bench: Bench, report: Report): Promise<void> {
  const [cold, warm]: [Start[], Start[]] = [[], []]
  for (let round = 0; round < STARTS; round += 1) {
    const dataDir = join(bench.folder, `start-${round}`)
    cold.push(await bench.startUp(dataDir))
    warm.push(await bench.startUp(dataDir))
  }
  addStart(report, 'cold: new data folder', cold)
  addStart(report, 'warm: existing data', warm)
}

async function warmStart(bench: Bench, accepted: number, report: Report): Promise<void> {
  const warm: Start[] = []
  for (let round = 0; round < STARTS; round += 1) warm.push(await bench.startUp(bench.dataDir))
  addStart(report, `warm: ${accepted.toLocaleString('en-US')} events`, warm)
}

async function memory(name: string, process: Measured, aim: number, report: Report): Promise<void> {
  const { rss, rssMax, heap, buffers } = await process.usage()
  const mib = (bytes: number) => Math.round(bytes / MIB)
  report.add({
    group: 'Memory after the run',
    name,
    value: rss / MIB,
    unit: 'MiB',
    aim: { atMost: aim },
    note: `heap ${mib(heap)}, buffers ${mib(buffers)}, the rest the runtime and SQLite; highest ${mib(rssMax)}`,
  })
}

async function measureGateway(bench: Bench, edge: Measured, chosen: ReadonlySet<Measure>, sizes: Sizes, report: Report): Promise<number> {
  const contenders: Contenders = {
    edge,
    withoutLog: await bench.startFile('edge-without-log.ts'),
    bare: await bench.startFile('bare-http.ts'),
  }
  let accepted = 0
  if (chosen.has('batches')) {
    note('batches')
    accepted += await batches(bench, contenders, sizes, report)
  }
  for (const [measure, traffic] of [
    ['clicks', 'click'],
    ['orders', 'order'],
  ] as const) {
    if (!chosen.has(measure)) continue
    note(`single ${measure}`)
    accepted += await singles(bench, contenders, traffic, sizes, report)
  }
  if (chosen.has('latency')) {
    note('latency')
    accepted += await latency(bench, contenders, sizes, report)
  }
  await Promise.all([contenders.withoutLog.stop(), contenders.bare.stop()])
  return accepted
}

async function measureReaders(
  bench: Bench,
  edge: Measured,
  acceptedBefore: number,
  chosen: ReadonlySet<Measure>,
  sizes: Sizes,
  report: Report,
): Promise<number> {
  const group = `One reader alone, from the log to its commit, after ${sizes.filled.toLocaleString('en-US')} events`
  let accepted = acceptedBefore
  note('attribution')
  const stream = await bench.startRole('stream')
  await using watch = openWatch(bench.dataDir)
  await catchUp({ reader: 'stream', role: stream, aim: true }, { watch, sizes, report, group, name: 'attribution' })
  await stream.stop()
  if (chosen.has('bronze') || chosen.has('together')) {
    note('bronze')
    await bronze(bench, watch, sizes, report)
  }
  if (chosen.has('together')) {
    note('billing')
    const pipeline = await bench.startRole('pipeline')
    await catchUp({ reader: 'billing', role: pipeline, aim: false }, { watch, sizes, report, group, name: 'billing' })
    note('all together')
    accepted += await together(bench, { edge, pipeline, watch }, sizes, report)
    await memory('edge', edge, EDGE_MB_AIM, report)
    await memory('pipeline', pipeline, PIPELINE_MB_AIM, report)
    await levelled('stream', watch)
    await pipeline.stop()
  }
  const { read, heartbeats, lag } = await watch.standing('stream')
  report.add(
    { group: 'Accepted is durable', name: 'events answered as accepted', value: accepted, unit: '' },
    {
      group: 'Accepted is durable',
      name: 'events in the log',
      value: read - heartbeats,
      unit: '',
      aim: { atLeast: accepted },
      note: `${heartbeats} heartbeats besides, ${lag} records unread`,
    },
  )
  return accepted
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string', multiple: true }, json: { type: 'string' } },
  })
  const unknown = values.only?.filter((name) => !(MEASURES as readonly string[]).includes(name)) ?? []
  if (unknown.length > 0) throw new Error(`--only takes ${MEASURES.join(', ')}; not ${unknown.join(', ')}`)
  const chosen = new Set((values.only ?? MEASURES) as readonly Measure[])
  const sizes = values.quick ? QUICK : FULL
  const startedAt = performance.now()
  await using bench = await openBench()
  const report = createReport({
    Node: process.versions.node,
    processors: processors(),
    'used by others before': await usedByOthers(),
    'an event': `${Math.round(template('mixed', 500, 0).bytes.length / 500)} bytes`,
    'a flush of 4 KiB': `${flushMs(bench.folder).toFixed(2)} ms`,
  })
  if (chosen.has('start')) {
    note('starts')
    await starts(bench, report)
  }
  if (chosen.has('gold')) {
    note('silver and gold')
    await gold(bench.folder, values.quick ? [300_000] : [1_000_000, 10_000_000], report)
  }
  if (chosen.has('stream')) {
    note('attribution, windows and sessions')
    await stream(bench.folder, values.quick ? [10_000, 100_000] : [10_000, 100_000, 1_000_000], report)
  }
  if ([...chosen].some((measure) => !['start', 'gold', 'stream'].includes(measure))) {
    note('filling the log')
    const edge = await bench.startRole('edge')
    let accepted = await fill(bench, edge, sizes.filled + sizes.stretch, report)
    if (['batches', 'clicks', 'orders', 'latency'].some((name) => chosen.has(name as Measure))) {
      accepted += await measureGateway(bench, edge, chosen, sizes, report)
    }
    if (['attribution', 'bronze', 'together'].some((name) => chosen.has(name as Measure)))
      accepted = await measureReaders(bench, edge, accepted, chosen, sizes, report)
    if (chosen.has('lane')) {
      note('the general lane')
      const workers = await bench.startRole('workers')
      await lane(bench, { edge, workers }, sizes, report)
      await workers.stop()
    }
    await edge.stop()
    if (chosen.has('start')) {
      note('starting with all of it')
      await warmStart(bench, accepted, report)
    }
  }
  report.print((text) => process.stdout.write(text))
  process.stdout.write(`took ${((performance.now() - startedAt) / 1_000).toFixed(0)} s\n`)
  if (values.json) writeFileSync(values.json, `${JSON.stringify(report.json(), null, 2)}\n`)
}

await main()
