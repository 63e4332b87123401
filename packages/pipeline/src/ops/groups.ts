import type { DatabaseSync } from 'node:sqlite'
import { DEAD, LATENESS_MS, RAW_TOPICS, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import type { PartitionEnds } from '../log/event-log.ts'
import type { TopicSpecs } from '../log/topics.ts'
import { noTally, standingsIn, type Standing, type Tally } from '../reader/places.ts'
import { FLINK_READER, readersOf, type ReaderName, type ReaderSpec } from '../reader/readers.ts'
import { passedIn } from '../stream/pending.ts'
import type { Stores } from './stores.ts'
import { iso, logOf } from './topics.ts'

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

/** What the state needs of the stores that may have to be waited for. */
export interface Outside {
  /** Order events on their way from the database to the log. */
  outbox: number
  /** Of each raw topic, partition by partition. */
  ends: ReadonlyMap<Topic, readonly number[]>
  laneEnds: readonly number[]
  laneStandings: readonly Standing[]
}

/** Read before the pipeline's own store: the outbox first, for what has left it since is in the log; then the logs' ends, and then where the workers stand. */
export async function outside(stores: Stores): Promise<Outside> {
  const at = await stores.look()
  const outbox = (await at.edge?.outboxOrders()) ?? 0
  const ends = new Map<Topic, readonly number[]>()
  for (const topic of RAW_TOPICS) ends.set(topic, endsIn(at.topics, topic, await logOf(at, topic)?.ends(topic)))
  const laneEnds = endsIn(at.topics, DEAD, await at.lane?.log.ends(DEAD))
  return { outbox, ends, laneEnds, laneStandings: (await at.lane?.standings()) ?? [] }
}

/** Where every reader stands. The log's ends are read before the places, so that `caught_up` is true of everything appended before the question. */
export async function groups(stores: Stores): Promise<Groups> {
  return groupsNow(stores, await outside(stores))
}

/** The same, of what has been read already, and of the pipeline's store as of one moment: nothing is awaited. */
export function groupsNow(
  { pipeline, topics: specs }: Pick<Stores, 'pipeline' | 'topics'>,
  { ends, laneEnds, laneStandings }: Outside,
): Groups {
  pipeline?.db.exec('begin')
  try {
    const standings = [...(pipeline ? standingsIn(pipeline.db) : []), ...laneStandings]
    const endsOf = (topic: Topic, log: ReaderSpec['log']) =>
      (log === 'lane' ? laneEnds : ends.get(topic)) ?? endsIn(specs, topic, pipeline?.log.endsNow(topic))
    const readers = readersOf(standings).map(({ name, topics, log }): Group => {
      const partitions = topics.flatMap((topic: Topic) =>
        endsOf(topic, log).map((end, partition) => standing(standings, name, topic, partition, end)),
      )
      const lag = partitions.reduce((sum, each) => sum + each.lag, 0)
      return { name, lag, caught_up: pipeline !== undefined && lag === 0, tally: sumOf(partitions), partitions }
    })
    const watermark = pipeline ? answeredTo(specs, standings, pipeline.db) : null
    return { readers, watermark_ms: watermark, watermark: iso(watermark) }
  } finally {
    pipeline?.db.exec('rollback')
  }
}

/** Before when all is answered, in a store of the pipeline: the stream's watermark; where Flink answers, how far that has come. */
export function answeredTo(topics: TopicSpecs, standings: readonly Standing[], db: DatabaseSync): number | null {
  const watermark = watermarkOf(topics, standings)
  if (!standings.some(({ reader }) => reader === FLINK_READER)) return watermark
  return watermark === null ? null : Math.min(watermark, passedIn(db)) || null
}

/** The watermark as a reader of the raw topics knows it, from its places. */
export function watermarkOf(topics: TopicSpecs, standings: readonly Standing[], reader: ReaderName = 'stream'): number | null {
  const times = TIMED_TOPICS.flatMap((topic) =>
    Array.from(
      { length: topics[topic].partitions },
      (_, partition) =>
        standings.find((each) => each.reader === reader && each.topic === topic && each.partition === partition)?.timeMs ?? -1,
    ),
  )
  const lowest = Math.min(...times)
  return lowest < 0 ? null : lowest - LATENESS_MS
}

function endsIn(topics: TopicSpecs, topic: Topic, ends: readonly PartitionEnds[] | undefined): readonly number[] {
  return ends ? ends.map(({ end }) => end) : new Array<number>(topics[topic].partitions).fill(0)
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
