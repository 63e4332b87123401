import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CLICKS,
  isoOf,
  LATENESS_MS,
  MINUTE_MS,
  ORDERS,
  parseLogged,
  SESSION_GAP_MS,
  TIMED_TOPICS,
  WINDOW_MS,
  type Topic,
} from '@flowguard/contract'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import { partitionOf } from '../kernel/partition.ts'
import { fetchFile } from '../lake/contents.ts'
import { readEntries, type ListedFile } from '../lake/manifest.ts'
import { sqliteLogView } from '../log/adapters/sqlite-view.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { LogView } from '../log/log-view.ts'
import type { TopicSpecs } from '../log/topics.ts'
import { FILES, type Looked, type PipelineLook } from '../ops/stores.ts'
import { openPipelineStore } from '../pipeline-store.ts'
import { gateIn } from '../reader/gate.ts'
import { passedIn } from '../stream/pending.ts'
import { streamProcessor } from '../stream/processor.ts'
import { comparison, inOrderOfAppending, workOff, type Compared, type Differing, type Stretch } from '../stream/recompute.ts'
import { openLake } from './lake.ts'

/** An order's click, a window's minute and the session that was on: what lies so far before a stretch has a part in it. */
const BEFORE_MS = WINDOW_MS + SESSION_GAP_MS + MINUTE_MS
/** Of the lake so many hours are read beyond a stretch: a session that began in it may go on. */
const BEYOND_MS = 24 * 60 * MINUTE_MS

export interface Recomputed {
  stretch: Stretch
  records: number
  totals: Compared[]
  differing: () => Generator<Differing>
}

interface Options {
  settings: Settings
  at: Looked
  stretch: Stretch
  source: 'log' | 'lake'
  signal: AbortSignal
  onRecords: (count: number) => void
}

/**
 * Works a stretch of the past out once more from the log or the lake, in a store of its own that goes with it, and compares. What the live stream has yet to settle
 * is left out. Throws `log_expired` where the log no longer holds what it takes, `settings_invalid` where nothing of the stretch is settled.
 */
export async function recomputed(
  { settings, at, stretch, source, signal, onRecords }: Options,
  show: (found: Recomputed) => Promise<void>,
): Promise<void> {
  const { pipeline, raw, topics } = at
  if (!pipeline) throw new FlowGuardError('store_missing', 'the stream has written nothing yet')
  const settled = passedIn(pipeline.db)
  if (stretch.from >= settled)
    throw new FlowGuardError(
      'settings_invalid',
      `the stream has settled only what was before ${isoOf(settled)}: there is nothing to compare from ${isoOf(stretch.from)} on`,
    )
  removeAbandoned(settings.DATA_DIR)
  const folder = mkdtempSync(join(settings.DATA_DIR, `recompute-${process.pid}-`))
  try {
    using own = openPipelineStore(join(folder, FILES.pipeline), topics, at.clock)
    const handler = streamProcessor({
      db: own.db,
      derived: own.derived,
      gate: gateIn(own.db, 'stream', topics),
      doubleClickMs: Number(settings.DOUBLE_CLICK_MS),
      logger: silentLogger,
    })
    handler.load([])
    let passed = settled
    const follow = { signal, onRecords }
    let records: number
    if (source === 'log') {
      if (!raw) throw new FlowGuardError('store_missing', 'there is no log of orders and clicks yet')
      await refuseForgotten(raw, stretch)
      records = await workOff(own.db, handler, inOrderOfAppending(raw), follow)
    } else {
      await using lake = openLake(settings)
      const files = await filesOf(lake, stretch)
      passed = Math.min(passed, ...TIMED_TOPICS.map((topic) => reachOf(files, topic)))
      const late = lateIn(pipeline)
      records = await workOff(own.db, handler, inOrderOfTime({ lake, files, topics, late, passed, signal }), follow)
    }
    const compared = comparison(own.db, stretch, passed)
    await compared.add('live', pipeline.log)
    await compared.add('recomputed', sqliteLogView(own.db, topics) as LogView)
    if (!signal.aborted)
      await show({
        stretch: { ...stretch, to: Math.min(stretch.to, passed) },
        records,
        totals: compared.totals(),
        differing: () => compared.differing(),
      })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Where retention has taken the beginning of a partition, what hangs on it cannot be worked out. */
async function refuseForgotten(raw: LogView, { from }: Stretch): Promise<void> {
  for (const topic of TIMED_TOPICS) {
    for (const { partition, start, end } of await raw.ends(topic)) {
      if (start === 0 || start === end) continue
      const kept = await firstTime(raw, topic, partition)
      if (kept !== undefined && kept + BEFORE_MS > from) {
        throw new FlowGuardError(
          'log_expired',
          `${topic}-${partition} goes back to ${isoOf(kept)}; a stretch from ${isoOf(from)} needs what happened since ${isoOf(from - BEFORE_MS)}. ` +
            `Begin at ${isoOf(kept + BEFORE_MS)}, or work it out from the lake: --source lake`,
        )
      }
    }
  }
}

async function firstTime(raw: LogView, topic: Topic, partition: number): Promise<number | undefined> {
  for await (const batch of raw.batches(topic, partition)) {
    for (const { value } of batch.records()) {
      const event = parseLogged(value)
      if (!('invalid' in event)) return event.ts
    }
  }
  return undefined
}

async function filesOf({ files }: ReturnType<typeof openLake>, { from, to }: Stretch): Promise<ListedFile[]> {
  const found: ListedFile[] = []
  for await (const entry of readEntries(files)) {
    for (const file of entry.files) {
      const isTimed = file.topic === ORDERS || file.topic === CLICKS
      if (isTimed && (file.max_ts ?? -Infinity) >= from - BEFORE_MS && (file.min_ts ?? Infinity) < to + BEYOND_MS) found.push(file)
    }
  }
  if (found.length === 0)
    throw new FlowGuardError('store_missing', `the lake holds no orders or clicks from ${isoOf(from)} to ${isoOf(to)}`)
  return found
}

/** How far the lake's files of a topic go. */
const reachOf = (files: readonly ListedFile[], topic: Topic) =>
  files.reduce((most, file) => (file.topic === topic ? Math.max(most, file.max_ts ?? -Infinity) : most), -Infinity)

/** What came too late to count, by topic and id: in a lake nothing is late, for it is read in the order of time. */
function lateIn({ db }: PipelineLook): ReadonlySet<string> {
  const rows = db.prepare('select topic, event_id as id from late_events').all() as { topic: string; id: string }[]
  return new Set(rows.map(({ topic, id }) => `${topic} ${id}`))
}

interface InLake {
  lake: ReturnType<typeof openLake>
  files: readonly ListedFile[]
  topics: TopicSpecs
  late: ReadonlySet<string>
  passed: number
  signal: AbortSignal
}

/** The lake's records hour by hour, and behind them as many heartbeats as let time come to where the live stream is. */
async function* inOrderOfTime({ lake, files, topics, late, passed, signal }: InLake): AsyncGenerator<readonly LogRecord[]> {
  let offset = 0
  const recordOf = (topic: Topic, partition: number, value: string, ts: number, contentHash?: string): LogRecord => ({
    topic,
    partition,
    offset: (offset += 1),
    key: null,
    value,
    headers: contentHash === undefined ? {} : { content_hash: contentHash },
    appendedAt: ts,
    memo: null,
  })
  const hours = [...Map.groupBy(files, ({ day, hour }) => `${day} ${String(hour).padStart(2, '0')}`)].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [, own] of hours) {
    const paths: string[] = []
    try {
      for (const file of own) paths.push(await fetchFile(lake.files, file, lake.folder))
      for await (const rows of lake.parquet.read(paths, signal)) {
        yield rows.flatMap(({ topic, text, contentHash }) => {
          const event = text === undefined ? undefined : parseLogged(text)
          if (!event || !text || 'invalid' in event || event.event_type === 'heartbeat' || late.has(`${topic} ${event.event_id}`)) return []
          return [recordOf(topic, partitionOf(event.user_id ?? event.event_id, topics[topic].partitions), text, event.ts, contentHash)]
        })
      }
    } finally {
      for (const path of paths) await rm(path, { force: true })
    }
  }
  const ts = passed + LATENESS_MS
  const heartbeat = JSON.stringify({ event_type: 'heartbeat', ts })
  yield TIMED_TOPICS.flatMap((topic) =>
    Array.from({ length: topics[topic].partitions }, (_, partition) => recordOf(topic, partition, heartbeat, ts)),
  )
}

/** What others left behind that were killed at it. */
export function removeAbandoned(dataDir: string): void {
  for (const name of readdirSync(dataDir)) {
    const pid = Number(/^recompute-(\d+)-/.exec(name)?.[1])
    if (pid > 0 && !isRunning(pid)) rmSync(join(dataDir, name), { recursive: true, force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Somebody else's is there all the same.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
