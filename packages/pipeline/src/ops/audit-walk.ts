import type { Topic } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import { countIn, type WalkedLog } from '../log/log-view.ts'
import type { Standing } from '../reader/places.ts'
import { checking, type Check } from './audit-check.ts'

/** What was found in one partition of a log. */
export interface PartitionWalk {
  topic: Topic
  partition: number
  logId: string
  /** Of the log: whether differences of offsets are a bound and no count. */
  hasGaps: boolean
  start: number
  end: number
  records: number
  /** When the oldest row kept was appended; undefined where none is. */
  oldestMs: number | undefined
  /** Records that lie between where a reader began and its place, by reader; where the log has no gaps those already trimmed too, but for what expired. */
  read: ReadonlyMap<string, number>
  faults: string[]
}

/** Reads every batch of a topic, checks it, and counts it for each reader. `visit` is given the records of those that are whole. */
export async function walkTopic(
  log: WalkedLog,
  topic: Topic,
  standings: readonly Standing[],
  visit?: (record: LogRecord) => void,
): Promise<PartitionWalk[]> {
  const walks: PartitionWalk[] = []
  for (const { partition, start, end } of await log.ends(topic)) {
    const readers = standings.filter((each) => each.topic === topic && each.partition === partition)
    const read = new Map(readers.map((each) => [each.reader, log.hasGaps ? 0 : takenBefore(start, each)]))
    const faults: string[] = []
    let records = 0
    for await (const batch of log.batches(topic, partition)) {
      records += batch.count
      for (const { reader, began, next } of readers) {
        const inside = countIn(batch, began, next)
        if (inside > 0) read.set(reader, (read.get(reader) ?? 0) + inside)
      }
      if (batch.fault !== undefined) faults.push(`${topic}-${partition} at offset ${batch.offset}: ${batch.fault}`)
      else if (visit) for (const record of batch.records()) visit(record)
    }
    const { id: logId, hasGaps } = log
    walks.push({ topic, partition, logId, hasGaps, start, end, records, oldestMs: await log.oldestMs(topic, partition), read, faults })
  }
  return walks
}

/** Offsets that a reader has passed and the log keeps no more, without those that expired before it came to them: as many records at most. */
export function takenBefore(start: number, { began, expired, next }: Standing): number {
  return Math.max(0, Math.min(next, start) - began - expired)
}

/** Every record from the first kept to the end is there once, and as it was written. */
export function wholeCheck(walks: readonly PartitionWalk[]): Check {
  const check = checking('the log is whole')
  for (const { faults } of walks) for (const fault of faults) check.fault(fault)
  const sum = (of: (walk: PartitionWalk) => number) => walks.reduce((total, walk) => total + of(walk), 0)
  return check.done({
    detail: `records kept, by offset, against records found, each row by its checksum${walks.some(({ hasGaps }) => hasGaps) ? '; where offsets have gaps, records found' : ''}`,
    expected: sum(({ hasGaps, start, end, records }) => (hasGaps ? records : end - start)),
    actual: sum(({ records }) => records),
  })
}

/** Whether a topic has lost records to retention, so that what is not found in it may have been there. */
export function isTrimmed(walks: readonly PartitionWalk[], topic: Topic, partition?: number): boolean {
  return walks.some((walk) => walk.topic === topic && (partition === undefined || walk.partition === partition) && walk.start > 0)
}

/** What was appended after this cannot have been trimmed from the topic: -Infinity where nothing was. */
export function keptSinceMs(walks: readonly PartitionWalk[], topic: Topic, partition?: number): number {
  const trimmed = walks.filter(
    (walk) => walk.topic === topic && (partition === undefined || walk.partition === partition) && walk.start > 0,
  )
  return Math.max(-Infinity, ...trimmed.map(({ oldestMs }) => oldestMs ?? Infinity))
}
