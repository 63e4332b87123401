import type { Topic } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import type { LogView } from '../log/log-view.ts'
import type { Standing } from '../reader/places.ts'
import { checking, type Check } from './audit-check.ts'

/** What was found in one partition of a log. */
export interface PartitionWalk {
  topic: Topic
  partition: number
  logId: string
  start: number
  end: number
  records: number
  /** When the oldest row kept was appended; undefined where none is. */
  oldestMs: number | undefined
  /** Records that lie between where a reader began and its place, those already trimmed included; by reader. */
  read: ReadonlyMap<string, number>
  faults: string[]
}

/** Reads every row of a topic, checks it, and counts it for each reader. `visit` is given the records of rows that are whole. */
export function walkTopic(
  log: LogView,
  topic: Topic,
  standings: readonly Standing[],
  visit?: (record: LogRecord) => void,
): PartitionWalk[] {
  return log.ends(topic).map(({ partition, start, end }) => {
    const readers = standings.filter((each) => each.topic === topic && each.partition === partition)
    const read = new Map(readers.map(({ reader, began, next }) => [reader, Math.max(0, Math.min(next, start) - began)]))
    const faults: string[] = []
    let records = 0
    for (const batch of log.batches(topic, partition)) {
      records += batch.count
      for (const { reader, began, next } of readers) {
        const inside = Math.min(next, batch.offset + batch.count) - Math.max(began, batch.offset)
        if (inside > 0) read.set(reader, (read.get(reader) ?? 0) + inside)
      }
      if (batch.fault !== undefined) faults.push(`${topic}-${partition} at offset ${batch.offset}: ${batch.fault}`)
      else if (visit) for (const record of batch.records()) visit(record)
    }
    return { topic, partition, logId: log.id, start, end, records, oldestMs: log.oldestMs(topic, partition), read, faults }
  })
}

/** Every record from the first kept to the end is there once, and as it was written. */
export function wholeCheck(walks: readonly PartitionWalk[]): Check {
  const check = checking('the log is whole')
  for (const { faults } of walks) for (const fault of faults) check.fault(fault)
  const sum = (of: (walk: PartitionWalk) => number) => walks.reduce((total, walk) => total + of(walk), 0)
  return check.done({
    detail: 'records kept, by offset, against records found, each row by its checksum',
    expected: sum(({ start, end }) => end - start),
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
