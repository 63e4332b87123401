import { DEAD, LATENESS_MS, RAW_TOPICS, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import type { LogView } from '../log/log-view.ts'
import { noTally, type Standing, type Tally } from '../reader/places.ts'
import { READERS, type ReaderName, type ReaderSpec } from '../reader/readers.ts'
import { standingsOf, type Stores } from './stores.ts'
import { isRaw, iso } from './topics.ts'

export interface GroupPartition {
  topic: Topic
  partition: number
  /** The next offset that it will read. */
  next: number
  end: number
  lag: number
  /** The highest event time that it has seen there; null before the first. */
  time: string | null
  /** Among what it skipped. */
  heartbeats: number
  tally: Tally
}

export interface Group {
  name: ReaderName
  lag: number
  /** Everything that was in its topics when asked has been read. */
  caught_up: boolean
  tally: Tally
  partitions: GroupPartition[]
}

export interface Groups {
  readers: Group[]
  /** The stream's: what came before it has been answered. Null until every partition has said a time. */
  watermark_ms: number | null
  watermark: string | null
}

/** Where every reader stands. The log's ends are read before the places, so that `caught_up` is true of everything appended before the question. */
export function groups(stores: Stores): Groups {
  const rawEnds = new Map<Topic, number[]>(RAW_TOPICS.map((topic) => [topic, endsOf(stores, topic)]))
  const laneEnds = new Map<Topic, number[]>([[DEAD, endsIn(stores, stores.lane?.log, DEAD)]])
  const specs: readonly (ReaderSpec & { name: ReaderName })[] = READERS
  stores.pipeline?.db.exec('begin')
  try {
    const standings = standingsOf(stores)
    const readers = specs.map(({ name, topics, log }): Group => {
      const partitions = topics.flatMap((topic: Topic) =>
        ((log === 'lane' ? laneEnds : rawEnds).get(topic) ?? endsOf(stores, topic)).map((end, partition) =>
          standing(standings, name, topic, partition, end),
        ),
      )
      const lag = partitions.reduce((sum, each) => sum + each.lag, 0)
      return { name, lag, caught_up: stores.pipeline !== undefined && lag === 0, tally: sumOf(partitions), partitions }
    })
    const watermark = watermarkOf(stores, standings)
    return { readers, watermark_ms: watermark, watermark: iso(watermark) }
  } finally {
    stores.pipeline?.db.exec('rollback')
  }
}

/** The watermark as a reader of the raw topics knows it, from its places. */
export function watermarkOf(stores: Stores, standings: readonly Standing[], reader: ReaderName = 'stream'): number | null {
  const times = TIMED_TOPICS.flatMap((topic) =>
    Array.from(
      { length: stores.topics[topic].partitions },
      (_, partition) =>
        standings.find((each) => each.reader === reader && each.topic === topic && each.partition === partition)?.timeMs ?? -1,
    ),
  )
  const lowest = Math.min(...times)
  return lowest < 0 ? null : lowest - LATENESS_MS
}

function endsOf(stores: Stores, topic: Topic): number[] {
  return endsIn(stores, (isRaw(topic) ? stores.raw : stores.pipeline)?.log, topic)
}

function endsIn(stores: Stores, log: LogView | undefined, topic: Topic): number[] {
  return log ? log.ends(topic).map(({ end }) => end) : new Array<number>(stores.topics[topic].partitions).fill(0)
}

function standing(standings: readonly Standing[], reader: string, topic: Topic, partition: number, end: number): GroupPartition {
  const found = standings.find((each) => each.reader === reader && each.topic === topic && each.partition === partition)
  if (!found) return { topic, partition, next: 0, end, lag: end, time: null, heartbeats: 0, tally: noTally() }
  const { next, timeMs, heartbeats, read, applied, duplicate, late, skipped, dead } = found
  const time = iso(timeMs < 0 ? null : timeMs)
  return {
    topic,
    partition,
    next,
    end,
    lag: Math.max(0, end - next),
    time,
    heartbeats,
    tally: { read, applied, duplicate, late, skipped, dead },
  }
}

function sumOf(partitions: readonly GroupPartition[]): Tally {
  const sum = noTally()
  for (const { tally } of partitions) for (const key of Object.keys(sum) as (keyof Tally)[]) sum[key] += tally[key]
  return sum
}
