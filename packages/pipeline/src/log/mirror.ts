import { setTimeout as wait } from 'node:timers/promises'
import { DAY_MS, type Topic } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { aborted, pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { BACKOFF, backoffMs } from '../kernel/retry.ts'
import type { EventLog, LogRecord, Place } from './event-log.ts'

/** Of one transaction. */
const BATCH_COUNT_MAX = 2_000
const WAIT_MS = 250
/** How long what is in hand is waited for once it is to end. */
const LEAVE_MS_MAX = 2_000
/** A sink may forget a place that it has not been told for a week. */
const TELL_ALL_MS = DAY_MS

/** How far a log has been shipped, and which one it was. */
export interface MirrorPlace extends Place {
  logId: string
}

/** Where the records of a local log go, with the place behind them in the same transaction. */
export interface MirrorSink extends AsyncDisposable {
  /**
   * Takes over: whoever shipped before can commit nothing more, and what it began is undone. Resolves to the places that were committed. Again after any failure:
   * it alone tells whether the transaction that failed was committed. A partition has no place only where it has never had a record: rejects with `place_lost`
   * where one is gone.
   */
  begin(): Promise<readonly MirrorPlace[]>
  /**
   * Resolves to those that it will never take, for they are too large: they are left out. Rejects with `place_moved` where another has taken over, and with what
   * is retriable where it is not known whether it was committed.
   */
  ship(records: readonly LogRecord[], places: readonly MirrorPlace[]): Promise<readonly LogRecord[]>
}

interface Options {
  /** The log to be shipped, in the store of those who write it. */
  log: EventLog
  topics: readonly Topic[]
  sink: MirrorSink
  clock: Clock
  logger: Logger
}

export interface Mirror {
  run: Part
  /** The offset in each partition before which all is shipped, and may be deleted here. Empty until that is known. */
  passed(topic: Topic): ReadonlyMap<number, number>
}

/** Resolves some time after the signal has aborted. */
async function left(signal: AbortSignal): Promise<void> {
  await aborted(signal)
  await wait(LEAVE_MS_MAX, undefined, { ref: false })
}

/** Ships what a local log holds, partition by partition, so that each record is in the sink exactly once, whatever dies when. */
export function mirror({ log, topics, sink, clock, logger }: Options): Mirror {
  let places: Place[] = []
  /** What the transaction whose outcome is unknown would have made of them. */
  let attempted: readonly Place[] = []
  /** When the sink was last told of all places. */
  let toldAllAt = 0
  const keyOf = ({ topic, partition }: { topic: Topic; partition: number }) => `${topic}-${partition}`
  const findIn = (all: readonly Place[], place: Place) => all.find((each) => keyOf(each) === keyOf(place))

  async function begin(): Promise<void> {
    const committed = await sink.begin()
    const now: Place[] = []
    for (const topic of topics) {
      for (const { partition, start, end } of await log.ends(topic)) {
        const found = committed.find((each) => each.topic === topic && each.partition === partition)
        const place = { topic, partition, next: found?.next ?? start }
        if (found) refuse(found, end)
        now.push(place)
      }
    }
    for (const place of places) {
      const next = findIn(now, place)?.next
      if (next === place.next || next === findIn(attempted, place)?.next) continue
      throw new FlowGuardError(
        'place_moved',
        `the mirror of ${keyOf(place)} stands at ${next}, and not at ${place.next}: another one ships too`,
      )
    }
    places = now
    attempted = []
    // Before any record: one that is there without a place would be taken for one whose place is lost.
    await tellAll()
  }

  async function tellAll(): Promise<void> {
    const now = clock()
    await sink.ship(
      [],
      places.map((place) => ({ ...place, logId: log.id })),
    )
    toldAllAt = now
  }

  function refuse({ topic, partition, next, logId }: MirrorPlace, end: number): void {
    const what = `the mirror of ${topic}-${partition}`
    if (logId !== log.id) throw new FlowGuardError('log_replaced', `${what} was made from the log ${logId}; this is ${log.id}`)
    if (next > end)
      throw new FlowGuardError('log_replaced', `${what} stands at ${next}; the log ends at ${end}: it was put back from an older copy`)
  }

  async function shipNext(): Promise<void> {
    const records = await log.read(places, { countMax: BATCH_COUNT_MAX, waitMs: WAIT_MS })
    if (records.length === 0) return
    const moved = new Map<string, MirrorPlace>()
    for (const record of records) {
      moved.set(keyOf(record), { topic: record.topic, partition: record.partition, next: record.offset + 1, logId: log.id })
    }
    attempted = [...moved.values()]
    const left = await sink.ship(records, [...moved.values()])
    places = places.map((place) => findIn(attempted, place) ?? place)
    attempted = []
    for (const { topic, partition, offset } of left)
      logger.error(
        { code: 'record_too_large', topic, partition, offset },
        'a record of pipeline.db is too large for its topic, and is not mirrored',
      )
  }

  async function shipAll(signal: AbortSignal): Promise<void> {
    let isBegun = false
    for (let tries = 0; !signal.aborted;) {
      try {
        if (!isBegun) await begin()
        isBegun = true
        if (Math.abs(clock() - toldAllAt) >= TELL_ALL_MS) await tellAll()
        await shipNext()
        tries = 0
      } catch (error) {
        if (!(error instanceof FlowGuardError && error.retriable)) throw error
        isBegun = false
        tries += 1
        logger.warn({ err: error }, 'derived topics cannot be mirrored; trying again')
        await pause(backoffMs(tries, BACKOFF), signal)
      }
    }
  }

  let last: Promise<void> = Promise.resolve()
  return {
    /** One after the other, however often it is run. A call of the sink that is still out when it is to end is waited for by the next alone: what it would commit is fenced. */
    async run(signal) {
      const before = last
      const shipping = before.catch(() => undefined).then(() => shipAll(signal))
      last = shipping
      shipping.catch(() => undefined)
      await Promise.race([shipping, left(signal)])
    },
    passed: (topic) => new Map(places.filter((place) => place.topic === topic).map(({ partition, next }) => [partition, next])),
  }
}
