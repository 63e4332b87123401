import { step } from '../kernel/crash.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { observeReader, type Gathered, type ReaderObserver } from '../kernel/observer.ts'
import { BACKOFF, backoffMs } from '../kernel/retry.ts'
import type { LogRecord } from '../log/event-log.ts'
import { addInTurns, expiredIn, IDLE_MS, logIdIn, READ_COUNT_MAX, tirelessly, type Feed } from '../reader/batching.ts'
import { sayExpired } from '../reader/expired.ts'
import type { Batch, Bronze, LoadPlace, LoadStep } from '../warehouse/warehouse.ts'
import { LOADER, type Mirror } from './mirror.ts'

export interface LoaderOptions {
  bronze: Bronze
  /** What is loaded, and from where. */
  feeds: readonly Feed[]
  mirror: Mirror
  /** A batch is loaded once it has so many records, or the first of them is so old. */
  rowsMax: number
  ageMs: number
  /** The same of one that has no rows, only heartbeats; `ageMs` where it is not given. */
  quietMs?: number
  clock: Clock
  logger: Logger
}

/** What was put into the batches that are under way, for the figures. */
const gatheredFor = new WeakMap<Batch, Gathered>()
/** The log is not what it was: no reader goes on then. */
const LOG_FAULTS = ['log_replaced', 'log_truncated', 'store_corrupt', 'file_invalid'] as const

/**
 * Loads the log into bronze, batch by batch, until the signal aborts. A warehouse that cannot be used holds up nobody else: it is said, and tried again;
 * the log keeps what is to be loaded.
 */
export function loader(options: LoaderOptions): Part {
  const { clock, logger } = options
  const trouble = 'nothing can be loaded into the warehouse just now; it is tried again'
  const observer = observeReader(LOADER, clock)
  return tirelessly((signal, onProgress) => load(options, signal, { observer, onLoaded: onProgress }), {
    observer,
    trouble,
    logFaults: LOG_FAULTS,
    logger,
  })
}

/** Loads what the log holds now, and resolves once that is done. */
export async function loadToLevel(options: LoaderOptions, signal: AbortSignal, onLoaded: (rows: number) => void): Promise<void> {
  await load(options, signal, { observer: observeReader(LOADER, options.clock), onLoaded, isToLevel: true })
}

interface Loading {
  observer: ReaderObserver
  onLoaded: (rows: number) => void
  isToLevel?: boolean
}

async function load(options: LoaderOptions, signal: AbortSignal, { observer, onLoaded, isToLevel = false }: Loading): Promise<void> {
  const loaded = await begin(options)
  // Where the next batch begins: ahead of what is loaded by the batch that is under way.
  const ahead = loaded.map((each) => ({ ...each }))
  let underWay: Promise<boolean> | undefined
  // Nobody waits for more to come where what came is not loaded.
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  try {
    for (;;) {
      const batch = await filled(options, ahead, stop, { observer, isBusy: () => underWay !== undefined, isToLevel })
      let goesOn = false
      try {
        goesOn = (await underWay) !== false
      } finally {
        if (!goesOn) batch?.[Symbol.dispose]()
      }
      if (!batch || !goesOn) return
      const rows = batch.steps.reduce((sum, { applied }) => sum + applied, 0)
      const mine = committed(options, loaded, batch, signal).then((isLoaded) => {
        if (!isLoaded) return false
        onLoaded(rows)
        if (underWay === mine) underWay = undefined
        return true
      })
      // Whoever awaits it next is told.
      mine.catch(() => failed.abort())
      underWay = mine
    }
  } finally {
    await underWay
  }
}

/**
 * Where loading goes on: where the log deleted by itself what was to be loaded next, behind that. Throws `warehouse_missing` where the warehouse does not hold what
 * was loaded into it once.
 */
async function begin({ bronze, feeds, mirror, logger }: LoaderOptions): Promise<LoadPlace[]> {
  const before = await bronze.places()
  for (const { topic, partition, next, read } of mirror.read()) {
    const has = before.find((each) => each.topic === topic && each.partition === partition)?.next ?? 0
    if (read > 0 && has < next) {
      throw new FlowGuardError('warehouse_missing', `${topic}-${partition} was loaded up to ${next}; the warehouse has it up to ${has}`)
    }
  }
  const from = await Promise.all(
    feeds.flatMap(({ log, topics }) =>
      topics.map(async (topic) => {
        const other = before.find((each) => each.topic === topic && each.logId !== log.id)
        if (other) throw new FlowGuardError('log_replaced', `the warehouse knows the log ${other.logId} of ${topic}; this is ${log.id}`)
        return (await log.ends(topic)).map(({ partition, start }) => ({ topic, partition, next: start, logId: log.id }))
      }),
    ),
  )
  let places = await bronze.begin(from.flat())
  const stretches = await expiredIn(feeds, places)
  if (stretches.length > 0) {
    places = await bronze.expire(stretches)
    sayExpired(logger, LOADER, stretches)
  }
  mirror.write(places)
  return [...places]
}

/** The next batch: full, or old while no other is under way, or what there is when the signal aborts. Undefined where there is nothing more to load. */
async function filled(
  { bronze, feeds, rowsMax, ageMs, quietMs = ageMs }: LoaderOptions,
  places: readonly LoadPlace[],
  signal: AbortSignal,
  { observer, isBusy, isToLevel }: { observer: ReaderObserver; isBusy: () => boolean; isToLevel: boolean },
): Promise<Batch | undefined> {
  const batch = await bronze.batch(logIdIn(feeds))
  const gathered = observer.gather()
  gatheredFor.set(batch, gathered)
  const hasRows = () => batch.steps.some(({ applied }) => applied > 0)
  let firstAt: number | undefined
  try {
    while (!signal.aborted) {
      const before = batch.count
      for (const { log, topics } of feeds) {
        const own = places.filter(({ topic }) => topics.includes(topic))
        const countMax = Math.min(READ_COUNT_MAX, rowsMax - batch.count)
        if (countMax <= 0) continue
        const records = await log.read(own, { countMax, waitMs: 0 })
        await take(batch, places, records)
        gathered.add(records)
      }
      observer.turn()
      if (batch.count > 0) firstAt ??= performance.now()
      const isOld = firstAt !== undefined && performance.now() - firstAt >= (hasRows() ? ageMs : quietMs) && !isBusy()
      if (batch.count >= rowsMax || isOld) return batch
      if (batch.count > before) continue
      if (isToLevel) break
      await pause(IDLE_MS, signal)
    }
  } catch (error) {
    batch[Symbol.dispose]()
    throw error
  }
  if (batch.count > 0) return batch
  batch[Symbol.dispose]()
  return undefined
}

async function take(batch: Batch, places: readonly LoadPlace[], records: readonly LogRecord[]): Promise<void> {
  await addInTurns(batch, records)
  for (const each of batch.steps) placeOf(places, each).next = each.next
}

/**
 * Loads the batch, as often as it takes, says so in the mirror, and resolves to true. Once the signal has aborted it is tried no more, and false: the next start
 * does it.
 */
async function committed(
  { bronze, mirror, clock, logger }: LoaderOptions,
  loaded: readonly LoadPlace[],
  batch: Batch,
  signal: AbortSignal,
): Promise<boolean> {
  using _files = batch
  const startedAt = performance.now()
  for (let tries = 1; ; tries += 1) {
    try {
      await bronze.load(batch, clock())
      break
    } catch (error) {
      // A commit that failed may have come through all the same.
      if (tries > 1 && hasCode(error, 'place_moved') && (await isLoaded(bronze, batch))) break
      if (!(error instanceof FlowGuardError && error.retriable)) throw error
      logger.warn({ code: error.code, err: error, tries }, 'a batch cannot be loaded; trying again')
      await pause(backoffMs(tries, BACKOFF), signal)
      if (signal.aborted) return false
    }
  }
  gatheredFor.get(batch)?.committed(startedAt)
  for (const each of batch.steps) {
    const place = placeOf(loaded, each)
    place.next = each.next
    place.read += each.read
    place.applied += each.applied
    place.skipped += each.skipped
  }
  try {
    mirror.write(loaded)
  } catch (error) {
    if (!(error instanceof FlowGuardError && error.retriable)) throw error
    logger.warn({ err: error }, 'the standing of the loader cannot be written; the next batch writes it')
  }
  step('loader.after-mirror')
  return true
}

async function isLoaded(bronze: Bronze, { steps }: Batch): Promise<boolean> {
  const places = await bronze.places()
  return steps.every((each) => placeOf(places, each).next === each.next)
}

function placeOf(places: readonly LoadPlace[], { topic, partition }: Pick<LoadStep, 'topic' | 'partition'>): LoadPlace {
  return places.find((each) => each.topic === topic && each.partition === partition) as LoadPlace
}
