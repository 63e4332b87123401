/**
 * `npm run bench:engines`: clicks and orders on three brokers and PostgreSQL, acks from all, beside what Kafka's own producer and pgbench do on the same
 * machine in the same run; then the general lane's workers at 1, 2 and 4 processes; then the stream's operators beside Flink.
 *
 *   npm run bench:engines                 some five minutes
 *   npm run bench:engines -- --quick      shorter rounds
 *   npm run bench:engines -- --only flink one of clicks, orders, workers, flink (may be repeated)
 *   npm run bench:engines -- --json FILE  the figures as JSON besides
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ENGINE_NAMES, installEngines, startEngines, testEnvironment } from '../engines/engines.ts'
import { installKafka } from '../engines/kafka.ts'
import { freePorts } from '../engines/ports.ts'
import { installPostgres } from '../engines/postgres.ts'
import { openTemporaryFolder } from '../engines/run-folder.ts'
import { engineSettings } from '../test/support/engine-machine.ts'
import { engineAddress } from '../test/support/engines.ts'
import { companyRate } from './company.ts'
import { template } from './events.ts'
import { CONNECTIONS, FULL_BATCHES, OPEN_LOOP_PER_SECOND, openLoop, perSecond, refusals } from './gateway-measures.ts'
import { laneNow } from './lane-measures.ts'
import type { Result } from './load.ts'
import { kafkaProducer, postgresOrders } from './peers.ts'
import { openBench, type Bench, type Measured } from './processes.ts'
import { median } from './profile.ts'
import { createReport, type Report } from './report.ts'
import { againstFlink } from './flink.ts'
import { processors, usedByOthers } from './machine.ts'

interface Sizes {
  rounds: number
  roundMs: number
  latencyMs: number
  /** Events a worker process. */
  laneCount: number
  /** Clicks and orders for the stream. */
  streamCount: number
}

const MEASURES = ['clicks', 'orders', 'workers', 'flink'] as const
const FULL: Sizes = { rounds: 5, roundMs: 5_000, latencyMs: 20_000, laneCount: 120_000, streamCount: 300_000 }
const QUICK: Sizes = { rounds: 2, roundMs: 2_000, latencyMs: 5_000, laneCount: 30_000, streamCount: 200_000 }
const HEAD_END = '\r\n\r\n'
const WARM_UP_MS = 1_000
const WORKER_PROCESSES = [1, 2, 4] as const
/** Of a producer that begins cold, where ours has been at work for a while. What is counted must not hang on how many we take in a round. */
const PEER_WARM_UP_RECORDS = 100_000
const PEER_RECORDS = 500_000
const PEER_WARM_UP_MS = 10_000
/** What is measured beside FlowGuard. */
interface Peers {
  /** Kafka's jars, as a class path. */
  jars: string
  /** PostgreSQL's programs. */
  bin: string
}

/** Of the event alone, without the request around it. */
const clickBytes = bodyBytes(template('click', 1, 0).bytes)

function bodyBytes(request: Buffer): number {
  return request.length - request.indexOf(HEAD_END) - HEAD_END.length
}

const note = (text: string) => void process.stderr.write(`${text} …\n`)

async function clicks(bench: Bench, gateway: Measured, { jars }: Peers, sizes: Sizes, report: Report): Promise<void> {
  const group = 'Single clicks, acks from all of three brokers'
  const peer = { jars, brokers: engineAddress('kafka'), topic: 'bench-peer', recordBytes: clickBytes }
  const [ours, theirs]: [Result[], number[]] = [[], []]
  // Brokers that have just begun compile themselves first: both find them at work.
  await closedLoop(bench, gateway, 'click', { ...sizes, roundMs: PEER_WARM_UP_MS })
  for (let round = 0; round < sizes.rounds; round += 1) {
    ours.push(await closedLoop(bench, gateway, 'click', sizes))
    theirs.push((await kafkaProducer({ ...peer, warmUpCount: PEER_WARM_UP_RECORDS, count: PEER_RECORDS })).rate)
  }
  const [rate, theirRate] = [median(ours.map(perSecond)), median(theirs)]
  report.add(
    {
      group,
      name: `gateway, ${CONNECTIONS} connections`,
      value: rate,
      unit: 'clicks/s',
      note: `median of ${sizes.rounds} rounds in turn${refusals(...ours)}`,
    },
    {
      group,
      name: 'kafka-producer-perf-test',
      value: theirRate,
      unit: 'records/s',
      note: `${PEER_RECORDS} a round, of ${clickBytes} bytes, after ${PEER_WARM_UP_RECORDS} to warm up`,
    },
    { group, name: 'gateway to the bare producer', value: rate / theirRate, unit: '' },
  )
  const open = await openLoop(bench, gateway, { warmUpMs: PEER_WARM_UP_MS, durationMs: sizes.latencyMs })
  const countIn = (ms: number) => (OPEN_LOOP_PER_SECOND * ms) / 1_000
  const bare = await kafkaProducer({
    ...peer,
    warmUpCount: countIn(PEER_WARM_UP_MS),
    count: countIn(sizes.latencyMs),
    perSecond: OPEN_LOOP_PER_SECOND,
  })
  const latency = open.latency as NonNullable<Result['latency']>
  for (const key of ['p50', 'p95', 'p99'] as const) {
    report.add({
      group: `Clicks at an open-loop ${OPEN_LOOP_PER_SECOND}/s`,
      name: key,
      value: latency[key],
      unit: 'ms',
      note: `kafka-producer-perf-test, ${PEER_WARM_UP_MS / 1_000} s warm, ${bare[key]} ms${key === 'p99' ? `; the generator's own delay among ours: ${latency.lateP99.toFixed(2)} ms${refusals(open)}` : ''}`,
    })
  }
}

async function orders(bench: Bench, gateway: Measured, { bin }: Peers, sizes: Sizes, report: Report): Promise<void> {
  const group = 'Single orders, durable in PostgreSQL'
  const peer = {
    pgbench: join(bin, 'pgbench'),
    psql: join(bin, 'psql'),
    url: process.env['DATABASE_URL'] as string,
    folder: bench.folder,
  }
  const [ours, theirs]: [Result[], number[]] = [[], []]
  for (let round = 0; round < sizes.rounds; round += 1) {
    ours.push(await closedLoop(bench, gateway, 'order', sizes))
    theirs.push(await postgresOrders({ ...peer, clients: CONNECTIONS, seconds: Math.ceil(sizes.roundMs / 1_000) }))
  }
  const [rate, theirRate] = [median(ours.map(perSecond)), median(theirs)]
  report.add(
    {
      group,
      name: `gateway, ${CONNECTIONS} connections`,
      value: rate,
      unit: 'orders/s',
      note: `median of ${sizes.rounds} rounds in turn${refusals(...ours)}`,
    },
    {
      group,
      name: 'pgbench, an order a transaction',
      value: theirRate,
      unit: 'orders/s',
      note: `${CONNECTIONS} clients, three inserts each`,
    },
    { group, name: 'gateway to pgbench', value: rate / theirRate, unit: '' },
  )
}

const closedLoop = (bench: Bench, { port }: Measured, traffic: 'click' | 'order', { roundMs }: Sizes) =>
  bench.load.run({ port, traffic, size: 1, connections: CONNECTIONS, warmUpMs: WARM_UP_MS, durationMs: roundMs })

/** For 1, 2 and 4 processes in turn as many events wait as keep them busy for the same time. */
async function workers(bench: Bench, gateway: Measured, sizes: Sizes, report: Report): Promise<void> {
  const group = 'General lane: from Kafka to processed_events in PostgreSQL, one worker a process'
  let one = 0
  for (const count of WORKER_PROCESSES) {
    note(`${count} worker processes`)
    const before = (await laneNow(gateway.port)).processed
    const sent = await bench.load.run({
      ...FULL_BATCHES,
      traffic: 'general',
      port: gateway.port,
      durationMs: 600_000,
      countMax: sizes.laneCount * count,
    })
    const company = await Promise.all(Array.from({ length: count }, () => bench.startRole('workers')))
    const look = async () => {
      const now = await laneNow(gateway.port)
      return { ...now, processed: now.processed - before }
    }
    const { rate, counted } = await companyRate({ count, total: sent.acceptedInAll, look })
    if (count === 1) one = rate
    report.add({
      group,
      name: `${count} processes`,
      value: rate,
      unit: 'events/s',
      note: `${(rate / one).toFixed(2)} of one; over the ${counted} of ${sent.acceptedInAll} that were left when all were at work${refusals(sent)}`,
    })
    await Promise.all(company.map((worker) => worker.stop()))
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string', multiple: true }, json: { type: 'string' } },
  })
  const unknown = (values.only ?? []).filter((name) => !(MEASURES as readonly string[]).includes(name))
  if (unknown.length > 0) throw new Error(`--only takes ${MEASURES.join(', ')}; not ${unknown.join(', ')}`)
  const isChosen = (name: (typeof MEASURES)[number]) => values.only?.includes(name) ?? true
  const sizes = values.quick ? QUICK : FULL
  note('engines')
  const names = ENGINE_NAMES.filter((name) => !['prometheus', 'toxiproxy', 'flink', 'spark'].includes(name))
  const installed = await installEngines(names)
  const peers: Peers = { jars: (await installKafka()).lib, bin: (await installPostgres()).bin }
  const others = await usedByOthers()
  using folder = openTemporaryFolder()
  const ports = await freePorts()
  await using engines = await startEngines(installed, folder, ports)
  Object.assign(process.env, testEnvironment(names, folder, ports, installed.drivers))
  await using settings = await engineSettings()
  Object.assign(process.env, settings.env, { WORKERS: '1' })
  await using bench = await openBench(async () => {
    await engines[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })
  const report = createReport({
    Node: process.versions.node,
    processors: processors(),
    'used by others before': others,
    engines: 'three brokers, PostgreSQL, Redis, all on this machine',
  })
  if (isChosen('clicks') || isChosen('orders') || isChosen('workers')) {
    const gateway = await bench.startRole('gateway')
    const relay = await bench.startRole('relay')
    if (isChosen('clicks')) {
      note('clicks')
      await clicks(bench, gateway, peers, sizes, report)
    }
    if (isChosen('orders')) {
      note('orders')
      await orders(bench, gateway, peers, sizes, report)
    }
    await relay.stop()
    if (isChosen('workers')) await workers(bench, gateway, sizes, report)
    await gateway.stop()
  }
  if (isChosen('flink')) {
    note('Flink')
    await againstFlink({ folder, ports, events: sizes.streamCount, report })
  }
  report.print((text) => process.stdout.write(text))
  if (values.json) writeFileSync(values.json, `${JSON.stringify(report.json(), null, 2)}\n`)
}

await main()
