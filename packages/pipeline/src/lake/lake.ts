import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { observeReader, type Gathered, type ReaderObserver } from '../kernel/observer.ts'
import { LAKE, type Mirror } from '../loader/mirror.ts'
import { addInTurns, expiredIn, IDLE_MS, logIdIn, QUIET_TIMES, READ_COUNT_MAX, tirelessly, type Feed } from '../reader/batching.ts'
import { sayExpired } from '../reader/expired.ts'
import type { LoadPlace } from '../warehouse/warehouse.ts'
import { commit, type LakeStand } from './commit.ts'
import type { LakeFiles } from './files.ts'
import { countEntries, readEntry } from './manifest.ts'
import type { Parquet, Stage } from './parquet.ts'
import { proveFence, sweep } from './upkeep.ts'

export interface LakeOptions {
  files: LakeFiles
  parquet: Parquet
  /** What is written down, and from where. */
  feeds: readonly Feed[]
  mirror: Mirror
  /** Records are written down once there are so many, or the first of them was read so long ago. */
  rowsMax: number
  ageMs: number
  clock: Clock
  logger: Logger
}

/** The log is not what it was: no reader goes on then. */
const LOG_FAULTS = ['log_replaced', 'log_truncated', 'file_invalid'] as const

/**
 * Writes the log down in the lake until the signal aborts, then what is in hand. A lake that cannot be used holds up nobody else: it is said, and tried again;
 * the log keeps what is to be written. Where another lake has written the next entry, it goes on from what that one says.
 */
export function lake(options: LakeOptions): Part {
  const { clock, logger } = options
  const trouble = 'nothing can be written into the lake just now; it is tried again'
  const observer = observeReader(LAKE, clock)
  return tirelessly((signal, onProgress) => write(options, signal, { observer, onWritten: onProgress }), {
    observer,
    trouble,
    logFaults: LOG_FAULTS,
    logger,
  })
}

interface Writing {
  observer: ReaderObserver
  onWritten: () => void
}

async function write(options: LakeOptions, signal: AbortSignal, { observer, onWritten }: Writing): Promise<void> {
  const { files, mirror, clock, logger } = options
  const stand = await begin(options)
  mirror.write(stand.places)
  await sweep(files, stand.number, { clock, logger })
  for (;;) {
    const gathered = observer.gather()
    using stage = await filled(options, stand.places, signal, { observer, gathered })
    if (!stage) return
    const startedAt = performance.now()
    // An entry of many files takes its time: each of them that is put shows that it goes on.
    await commit({ ...options, onPut: () => observer.turn() }, stand, stage, signal)
    gathered.committed(startedAt)
    onWritten()
    try {
      mirror.write(stand.places)
    } catch (error) {
      if (!(error instanceof FlowGuardError && error.retriable)) throw error
      logger.warn({ err: error }, 'the standing of the lake cannot be written; the next entry writes it')
    }
  }
}

/** Where the lake goes on: behind its last entry, and in what it has never read, or the log has deleted meanwhile, from the first record kept. */
async function begin({ files, feeds, mirror, logger }: LakeOptions): Promise<LakeStand> {
  await proveFence(files)
  const number = await countEntries(files)
  const before = number === 0 ? [] : (await readEntry(files, number)).places
  const places: LoadPlace[] = []
  for (const { log, topics } of feeds) {
    for (const topic of topics) {
      const other = before.find((each) => each.topic === topic && each.logId !== log.id)
      if (other)
        throw new FlowGuardError('log_replaced', `the lake ${files.where} knows the log ${other.logId} of ${topic}; this is ${log.id}`)
      for (const { partition, start } of await log.ends(topic)) {
        const known = before.find((each) => each.topic === topic && each.partition === partition)
        places.push({ topic, partition, logId: log.id, began: start, expired: 0, next: start, read: 0, applied: 0, skipped: 0, ...known })
      }
    }
  }
  // The next entry says so: until then another start finds the same.
  const stretches = await expiredIn(feeds, places)
  for (const { topic, partition, from, to } of stretches) {
    const place = places.find((each) => each.topic === topic && each.partition === partition) as LoadPlace
    Object.assign(place, { next: to, expired: place.expired + to - from })
  }
  sayExpired(logger, LAKE, stretches)
  for (const { topic, partition, next, read } of mirror.read()) {
    const place = places.find((each) => each.topic === topic && each.partition === partition)
    if (read > 0 && place && place.next < next)
      logger.warn(
        { topic, partition, was: next, is: place.next },
        'the lake is another one, or has lost entries: the log is read again as far as it keeps',
      )
  }
  return { number, places }
}

/** What is to be written next: full, or old, or what there is when the signal aborts. Undefined where there is nothing more. */
async function filled(
  { parquet, feeds, rowsMax, ageMs }: LakeOptions,
  places: readonly LoadPlace[],
  signal: AbortSignal,
  { observer, gathered }: { observer: ReaderObserver; gathered: Gathered },
): Promise<Stage | undefined> {
  const ahead = places.map(({ topic, partition, next }) => ({ topic, partition, next }))
  const stage = parquet.stage(logIdIn(feeds))
  const hasRows = () => stage.steps.some(({ applied }) => applied > 0)
  let firstAt: number | undefined
  try {
    while (!signal.aborted) {
      const before = stage.count
      for (const { log, topics } of feeds) {
        const own = ahead.filter(({ topic }) => topics.includes(topic))
        const countMax = Math.min(READ_COUNT_MAX, rowsMax - stage.count)
        if (countMax > 0 && !stage.isFull) {
          const records = await log.read(own, { countMax, waitMs: 0 })
          await addInTurns(stage, records)
          gathered.add(records)
        }
        for (const { topic, partition, next } of stage.steps) {
          const place = ahead.find((each) => each.topic === topic && each.partition === partition)
          if (place) place.next = next
        }
      }
      observer.turn()
      if (stage.count > 0) firstAt ??= performance.now()
      const ageNow = firstAt === undefined ? 0 : performance.now() - firstAt
      if (stage.count >= rowsMax || stage.isFull || (firstAt !== undefined && ageNow >= (hasRows() ? ageMs : QUIET_TIMES * ageMs)))
        return stage
      if (stage.count === before) await pause(IDLE_MS, signal)
    }
    if (hasRows()) return stage
  } catch (error) {
    stage[Symbol.dispose]()
    throw error
  }
  stage[Symbol.dispose]()
  return undefined
}
