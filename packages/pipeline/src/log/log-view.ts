import type { Topic } from '@flowguard/contract'
import type { LogRecord, PartitionEnds } from './event-log.ts'

export interface PartitionUsage extends PartitionEnds {
  topic: Topic
  /** Records kept. */
  records: number
  /** What their rows hold, without SQLite's own share. */
  bytes: number
  /** When the oldest and the newest row kept were appended, milliseconds since 1970; null where there is none. */
  oldestMs: number | null
  newestMs: number | null
}

/** One row of the log: records appended together. */
export interface Batch {
  topic: Topic
  partition: number
  /** Of the first record. */
  offset: number
  count: number
  appendedAt: number
  /** What is wrong with the row; undefined where it is whole. Then `records` gives nothing that can be trusted. */
  fault: string | undefined
  records(): readonly LogRecord[]
}

/**
 * An embedded log looked at from beside: for the books, traces and figures. Synchronous, so that several looks can share one read transaction.
 * It reports damage where a reader would refuse to go on.
 */
export interface LogView {
  readonly id: string
  partitions(topic: Topic): number
  ends(topic: Topic): readonly PartitionEnds[]
  /** Reads every row's head: for a person, not for each second. */
  usage(topic: Topic): readonly PartitionUsage[]
  /** Every row kept, the oldest first, each checked against its checksum and its neighbour. */
  batches(topic: Topic, partition: number): Iterable<Batch>
  /** The latest rows first. */
  batchesBackwards(topic: Topic, partition: number): Iterable<Batch>
  /** Rows from the one that holds `offset` on: the later ones, or the earlier ones backwards. */
  batchesAt(topic: Topic, partition: number, offset: number, direction: 'later' | 'earlier'): Iterable<Batch>
  /** Where the rows appended at or after `ms` begin; the end where there are none. */
  offsetSince(topic: Topic, partition: number, ms: number): number
  /** When the oldest row kept was appended; undefined where there is none. */
  oldestMs(topic: Topic, partition: number): number | undefined
  /** Records whose value holds the text, the newest first, of rows appended at or after `range.from` or before `range.before`. */
  find(topic: Topic, partition: number, text: string, range: { from: number } | { before: number }): Iterable<LogRecord>
}
