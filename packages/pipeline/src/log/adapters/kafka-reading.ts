import type { Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { LogRecord, Place } from '../event-log.ts'
import { ERR, type Driver, type DriverError } from './kafka-driver.ts'
import { countIn, isBeforeGap, isStale, kafkaLanes, type Cursor } from './kafka-lanes.ts'
import type { Offsets } from './kafka-offsets.ts'
import { isFull, takeFrom } from './kafka-stretch.ts'

/** How long a partition may have nothing where its broker says that there is something. */
const FETCH_MS_MAX = 10_000
/** Once there is something: how long the rest of what was asked for is waited for. */
const FILL_MS = 20
/** Once there is as much as was asked for: how long partitions that lag behind the others are waited for. */
const FAIR_MS = 200

interface Options {
  driver: Driver
  address: KafkaAddress
  offsets: Offsets
}

/** The half of the log that reads: from any place. */
export function kafkaReading({ driver, address, offsets }: Options) {
  const lanes = kafkaLanes({ driver, address, offsets })
  let turn = 0

  /** Everything that is there now: what was acknowledged before is read, and nothing waited for that is not. */
  async function readNow(places: readonly Place[], countMax: number): Promise<LogRecord[]> {
    const deadline = performance.now() + FETCH_MS_MAX
    for (;;) {
      const cursors = await lanes.cursorsOf(places)
      if (isFair(cursors, countMax, () => false)) return takeShares(cursors, countMax, turn++)
      const ends = await endsOf(offsets, cursors)
      const isAtEnd = (cursor: Cursor) => cursor.stretch.to >= endIn(ends, cursor)
      if (await filled(cursors, () => isMuch(cursors, countMax, isAtEnd), deadline)) {
        await filled(cursors, () => isFair(cursors, countMax, isAtEnd), performance.now() + FAIR_MS)
        if (!cursors.some(isStale)) return takeShares(cursors, countMax, turn++)
      }
      if (performance.now() < deadline) continue
      for (const { lane } of cursors) lanes.retire(lane)
      const names = places.map(({ topic, partition }) => `${topic}-${partition}`)
      throw new FlowGuardError('log_unavailable', `Kafka gave nothing of ${names.join(', ')} for ${FETCH_MS_MAX} ms`)
    }
  }

  async function readOrWait(places: readonly Place[], countMax: number, deadline: number): Promise<LogRecord[]> {
    for (;;) {
      const cursors = await lanes.cursorsOf(places)
      await lookAfter(cursors)
      const isAny = () => cursors.some((cursor) => countIn(cursor) > 0)
      if (await filled(cursors, isAny, deadline)) {
        await filled(cursors, () => isFair(cursors, countMax, ({ stretch }) => stretch.isAtEnd), performance.now() + FILL_MS)
        if (isAny() && !cursors.some(isStale)) return takeShares(cursors, countMax, turn++)
      }
      if (performance.now() >= deadline) return []
    }
  }

  /** Each lane of the cursors is waited for; the first that ends the waiting ends it for all. */
  async function filled(cursors: readonly Cursor[], isFilled: () => boolean, deadline: number): Promise<boolean> {
    const isOver = () => isFilled() || cursors.some((cursor) => isStale(cursor) || isBeforeGap(cursor))
    if (isOver()) return isFilled()
    const used = [...new Set(cursors.map(({ lane }) => lane))]
    try {
      await Promise.race(used.map((lane) => lane.filled(isOver, deadline)))
    } catch (error) {
      // A place that is not there is told by the offsets; anything else each partition tells by itself.
      const isOutside = (error as DriverError).code === ERR.offsetReset
      for (const lane of used) {
        if (isOutside) lanes.retire(lane)
        else lane.doubt()
      }
    }
    return isFilled()
  }

  /**
   * A driver may stop fetching a partition without a word: now and then each is held against what its broker says. Rejects with `log_unavailable` where none says anything,
   * so that whoever waits for a log that is gone is told.
   */
  async function lookAfter(cursors: readonly Cursor[]): Promise<void> {
    const now = performance.now()
    const due = cursors.filter(({ stretch }) => now - stretch.lookedAt > FETCH_MS_MAX)
    if (due.length === 0) return
    const ends = await endsOf(offsets, due)
    for (const cursor of due) {
      const { stretch, lane } = cursor
      const { to, seen } = stretch
      if (seen && seen.to === to && seen.end > to && countIn(cursor) === 0) lanes.retire(lane)
      Object.assign(stretch, { lookedAt: now, seen: { to, end: endIn(ends, cursor) } })
    }
  }

  return {
    async read(places: readonly Place[], countMax: number, waitMs: number): Promise<LogRecord[]> {
      if (places.length > 0) {
        return waitMs === 0 ? readNow(places, countMax) : readOrWait(places, countMax, performance.now() + waitMs)
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs))
      return []
    },
    emptyTo: (place: Place): number => lanes.emptyTo(place),
    forget: (topic: Topic, before: ReadonlyMap<number, number>): void => lanes.forget(topic, before),
    [Symbol.asyncDispose]: () => lanes[Symbol.asyncDispose](),
  }
}

const endIn = (ends: ReadonlyMap<string, number>, { stretch }: Cursor) => ends.get(`${stretch.topic}/${stretch.partition}`) ?? 0

async function endsOf(offsets: Offsets, cursors: readonly Cursor[]): Promise<Map<string, number>> {
  const ends = new Map<string, number>()
  await Promise.all(
    [...new Set(cursors.map(({ place }) => place.topic))].map(async (topic) => {
      const partitions = cursors.filter(({ place }) => place.topic === topic).map(({ place }) => place.partition)
      for (const [partition, end] of await offsets.ends(topic, partitions)) ends.set(`${topic}/${partition}`, end)
    }),
  )
  return ends
}

/** Whether there is as much as was asked for, or all that there is. */
function isMuch(cursors: readonly Cursor[], countMax: number, isAtEnd: (cursor: Cursor) => boolean): boolean {
  let sum = 0
  for (const cursor of cursors) sum += countIn(cursor)
  return sum >= countMax || cursors.every((cursor) => isAtEnd(cursor) || isFull(cursor.stretch))
}

/** And of each partition its share, or all that it has. */
function isFair(cursors: readonly Cursor[], countMax: number, isAtEnd: (cursor: Cursor) => boolean): boolean {
  const share = Math.max(1, Math.floor(countMax / cursors.length))
  return (
    isMuch(cursors, countMax, isAtEnd) && cursors.every((cursor) => isAtEnd(cursor) || isFull(cursor.stretch) || countIn(cursor) >= share)
  )
}

/** About as much of each place, and all of what is asked for where that is there. With more partitions than records each has its `turn`. */
function takeShares(cursors: readonly Cursor[], countMax: number, turn: number): LogRecord[] {
  const share = Math.max(1, Math.floor(countMax / Math.max(1, cursors.length)))
  const records: LogRecord[] = []
  const hungry: { cursor: Cursor; next: number }[] = []
  const first = cursors.length > countMax ? turn % cursors.length : 0
  for (const cursor of [...cursors.slice(first), ...cursors.slice(0, first)]) {
    if (records.length >= countMax) break
    const taken = takeFrom(cursor.stretch, cursor.place.next, share)
    for (const record of taken) records.push(record)
    if (taken.length === share) hungry.push({ cursor, next: (taken.at(-1) as LogRecord).offset + 1 })
  }
  for (const { cursor, next } of hungry) {
    if (records.length >= countMax) break
    const left = Math.min(Math.ceil((countMax - records.length) / hungry.length), countMax - records.length)
    for (const record of takeFrom(cursor.stretch, next, left)) records.push(record)
  }
  return records
}
