import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { installEngines, startEngines, testEnvironment } from '../engines/engines.ts'
import type { Ports } from '../engines/ports.ts'
import type { RunFolder } from '../engines/run-folder.ts'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { silentLogger } from '../packages/pipeline/src/kernel/logging.ts'
import { transaction } from '../packages/pipeline/src/kernel/sqlite.ts'
import type { LogRecord } from '../packages/pipeline/src/log/event-log.ts'
import { openPipelineStore } from '../packages/pipeline/src/pipeline-store.ts'
import { gateIn } from '../packages/pipeline/src/reader/gate.ts'
import { deploy } from '../packages/pipeline/src/stream/flink/deployment.ts'
import { streamProcessor } from '../packages/pipeline/src/stream/processor.ts'
import { flinkStage, type FlinkStage } from '../packages/pipeline/src/stream/testing/flink.ts'
import { logged } from '../packages/pipeline/src/stream/testing/logged.ts'
import { sorted, type StreamRows } from '../packages/pipeline/src/stream/testing/oracle.ts'
import { embeddedRows } from '../packages/pipeline/src/stream/testing/embedded.ts'
import { madeUpEvents } from '../test/support/files.ts'
import { isDeepStrictEqual } from 'node:util'
import type { Report } from './report.ts'

const SEED = 7
const BATCH_COUNT = 5_000
const DOUBLE_CLICK_MS = 2_000
const PARALLELISM = 2
const TICKS_A_SECOND = 100
const RATIO_AIM = 5
const START_RATIO_AIM = 100

interface Options {
  folder: RunFolder
  ports: Ports
  events: number
  report: Report
}

/** The same events by the embedded operators and by Flink, one after the other, on this machine: how many a second of processor time, and how long until they begin. */
export async function againstFlink({ folder, ports, events, report }: Options): Promise<void> {
  const group = `Attribution, windows and sessions of ${events.toLocaleString('en-US')} events, embedded and on Flink`
  const installed = await installEngines(['flink'])
  const startedAt = performance.now()
  await using engines = await startEngines(installed, folder, ports)
  const clusterSeconds = (performance.now() - startedAt) / 1_000
  Object.assign(process.env, testEnvironment(['flink'], folder, ports, undefined))
  const work = folder.path('bench')
  mkdirSync(work, { recursive: true })
  await using stage = await flinkStage(work, { parallelism: PARALLELISM })
  await stage.append(logged(madeUpEvents(events, mulberry32(SEED)), stage.topics))
  const records = await stage.raw()
  const expected = sorted(embeddedRows(records, stage.topics, DOUBLE_CLICK_MS))
  const ours = embedded(join(work, 'pipeline.db'), records, stage)
  const theirs = await onFlink(stage, expected, engines.servers.get('flink-taskmanager')?.pid)
  const rate = (made: { cpuSeconds: number }) => records.length / made.cpuSeconds
  const clock = (made: { seconds: number }) => `${((records.length / made.seconds / 1_000) | 0).toLocaleString('en-US')}k/s by the clock`
  const flinkStart = clusterSeconds + theirs.startSeconds
  report.add(
    { group, name: 'embedded', value: rate(ours), unit: 'events/s', note: `per core; ${clock(ours)}, committed to the disk` },
    {
      group,
      name: 'Flink',
      value: rate(theirs),
      unit: 'events/s',
      note: `per core of its TaskManager; ${clock(theirs)}, from its start to the last row`,
    },
    { group, name: 'embedded to Flink', value: rate(ours) / rate(theirs), unit: '', aim: { atLeast: RATIO_AIM }, note: 'the same rows' },
    { group, name: 'embedded: ready', value: ours.startSeconds, unit: 's' },
    {
      group,
      name: 'Flink: ready',
      value: flinkStart,
      unit: 's',
      note: `${clusterSeconds.toFixed(1)} s of it the cluster, the rest the job to its first checkpoint`,
    },
    { group, name: 'Flink to embedded: ready', value: flinkStart / ours.startSeconds, unit: '', aim: { atLeast: START_RATIO_AIM } },
  )
}

interface Made {
  startSeconds: number
  seconds: number
  cpuSeconds: number
}

function embedded(path: string, records: readonly LogRecord[], { topics }: FlinkStage): Made {
  const openedAt = performance.now()
  using store = openPipelineStore(path, topics, Date.now)
  const { db, derived } = store
  const handler = streamProcessor({ db, derived, gate: gateIn(db, 'stream', topics), doubleClickMs: DOUBLE_CLICK_MS, logger: silentLogger })
  handler.load([])
  const [startedAt, before] = [performance.now(), process.cpuUsage()]
  for (let at = 0; at < records.length; at += BATCH_COUNT) transaction(db, () => handler.apply(records.slice(at, at + BATCH_COUNT)))
  const { user, system } = process.cpuUsage(before)
  return {
    startSeconds: (startedAt - openedAt) / 1_000,
    seconds: (performance.now() - startedAt) / 1_000,
    cpuSeconds: (user + system) / 1e6,
  }
}

async function onFlink(stage: FlinkStage, expected: StreamRows, pid: number | undefined): Promise<Made> {
  if (pid === undefined) throw new Error('no TaskManager runs')
  const [startedAt, before] = [performance.now(), cpuSecondsOf(pid)]
  await deploy(stage.options)
  const readyAt = performance.now()
  const found = await stage.rowsLike(expected)
  const made = {
    startSeconds: (readyAt - startedAt) / 1_000,
    seconds: (performance.now() - startedAt) / 1_000,
    cpuSeconds: cpuSecondsOf(pid) - before,
  }
  if (!isDeepStrictEqual(sorted(found), expected)) throw new Error('Flink has made other rows: a comparison would say nothing')
  return made
}

/** User and system time of a process so far. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}
