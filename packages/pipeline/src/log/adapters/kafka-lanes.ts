import type { Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Place } from '../event-log.ts'
import type { Driver } from './kafka-driver.ts'
import { openLane, readError, type Lane } from './kafka-lane.ts'
import type { Offsets } from './kafka-offsets.ts'
import { countFrom, holds, type Stretch } from './kafka-stretch.ts'

/** A reader that goes back takes one more, until what it left behind is old enough to go. */
const LANES_MAX = 8
/** A partition that nobody has read for so long is no longer fetched. */
const UNUSED_MS = 30_000
/** A broker that has just begun to lead may not know for a moment how far the partition goes. */
const LOOK_AGAIN_MS = 500
/** How long a consumer of its own may take to tell what lies behind a gap. */
const PROVE_MS_MAX = 10_000

/** Where a reader stands, and what was fetched for it there. */
export interface Cursor {
  place: Place
  lane: Lane
  stretch: Stretch
}

/** Another stretch has its place, or a reader ahead of this one let go of what this one has yet to read. */
export const isStale = ({ place, stretch }: Cursor): boolean => stretch.isLeft || !holds(stretch, place.next)
/** Nothing more comes for it before it is known what lies there. */
export const isBeforeGap = ({ place, stretch }: Cursor): boolean => stretch.gapTo !== undefined && stretch.to === place.next
export const countIn = ({ place, stretch }: Cursor): number => countFrom(stretch, place.next)

interface Options {
  driver: Driver
  address: KafkaAddress
  offsets: Offsets
}

/** The consumers of one log: one for a reader that only goes on. */
export function kafkaLanes({ driver, address, offsets }: Options) {
  const lanes: Lane[] = []
  const ending = new Set<Promise<void>>()
  let isClosed = false
  let sweptAt = performance.now()
  const nameOf = ({ topic, partition }: Place) => `${address.brokers.join(',')}: ${address.prefix}${topic}-${partition}`

  function known(place: Place): Cursor | undefined {
    for (const lane of lanes) {
      const stretch = lane.find(place)
      if (stretch) return { place, lane, stretch }
    }
    return undefined
  }

  /** A stretch that holds the place; a new one where there is none. */
  async function cursorOf(place: Place): Promise<Cursor> {
    const found = known(place)
    if (!found) {
      await refuseOutside(place)
      return begun(laneFor(place), place)
    }
    if (!isBeforeGap(found)) return found
    const to = await behindGap(place)
    found.lane.leave(found.stretch)
    return begun(laneFor(place), place, to)
  }

  async function begun(lane: Lane, place: Place, to?: number): Promise<Cursor> {
    try {
      return { place, lane, stretch: await lane.begin(place, to) }
    } catch (error) {
      // It could not even connect: the next reader tries with another.
      retire(lane)
      throw error
    }
  }

  /**
   * Where the log goes on behind the place: what a consumer says that fetches nothing else. The driver tells of damage in place of records, but not if others came before
   * in the same answer. Rejects with `store_corrupt` where it is damage.
   */
  async function behindGap(place: Place): Promise<number> {
    const lane = openLane(driver, address)
    try {
      const { stretch } = await begun(lane, place)
      const isKnown = () => stretch.gapTo !== undefined || stretch.to > place.next || stretch.isAtEnd
      if (await lane.filled(isKnown, performance.now() + PROVE_MS_MAX)) return stretch.gapTo ?? place.next
      throw new FlowGuardError('log_unavailable', `${nameOf(place)} gave nothing from ${place.next} on for ${PROVE_MS_MAX} ms`)
    } catch (error) {
      throw readError(error as Error)
    } finally {
      await lane[Symbol.asyncDispose]()
    }
  }

  function laneFor({ topic, partition }: Place): Lane {
    if (isClosed) throw new FlowGuardError('log_unavailable', 'the log is closed')
    const free = lanes.find((lane) => !lane.hasBegun(topic, partition))
    if (free) return free
    const [oldest] = lanes.toSorted((a, b) => a.usedAt() - b.usedAt())
    if (oldest && lanes.length >= LANES_MAX) retire(oldest)
    const opened = openLane(driver, address)
    lanes.push(opened)
    return opened
  }

  function retire(lane: Lane): void {
    if (!lanes.includes(lane)) return
    lanes.splice(lanes.indexOf(lane), 1)
    const ended = lane[Symbol.asyncDispose]().finally(() => ending.delete(ended))
    ending.add(ended)
  }

  async function refuseOutside(place: Place): Promise<void> {
    const { topic, partition, next } = place
    const look = async () => (await offsets.bounds(topic, [partition])).get(partition) ?? { start: 0, end: 0 }
    let { start, end } = await look()
    if (next > end) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
      void ({ start, end } = await look())
    }
    if (next > end) throw new FlowGuardError('log_truncated', `${nameOf(place)} ends at ${end}; the reader had reached ${next}`)
    if (next < start) throw new FlowGuardError('log_expired', `${nameOf(place)} begins at ${start}; the reader had reached ${next}`)
  }

  function sweep(): void {
    const now = performance.now()
    if (now - sweptAt < UNUSED_MS) return
    sweptAt = now
    for (const lane of lanes.filter((each) => each.usedAt() < now - UNUSED_MS)) retire(lane)
    for (const lane of lanes) lane.leaveUnused(now - UNUSED_MS)
  }

  return {
    async cursorsOf(places: readonly Place[]): Promise<Cursor[]> {
      sweep()
      for (;;) {
        const cursors: Cursor[] = []
        for (const place of places) cursors.push(await cursorOf(place))
        if (!cursors.some(isStale)) return cursors
      }
    },
    /** What the consumers have been told of it: nobody is asked. */
    emptyTo(place: Place): number {
      const cursor = known(place)
      return cursor && countIn(cursor) === 0 ? cursor.stretch.to : place.next
    },
    /** Its readers begin anew where they stand, in another. */
    retire,
    /** What lies before these offsets is gone. */
    forget(topic: Topic, before: ReadonlyMap<number, number>): void {
      for (const lane of lanes) for (const [partition, offset] of before) lane.forget(topic, partition, offset)
    },
    async [Symbol.asyncDispose](): Promise<void> {
      isClosed = true
      for (let [lane] = lanes; lane; [lane] = lanes) retire(lane)
      await Promise.all(ending)
    },
  }
}
