import type { Topic } from '@flowguard/contract'
import type { LogRecord, PartitionEnds } from './event-log.ts'

export interface PartitionUsage extends PartitionEnds {
  topic: Topic
  /** Records kept; of a log with gaps, as many at most. */
  records: number
  /** What they take, without the engine's own share; null where the engine does not say. */
  bytes: number | null
  /** When the oldest and the newest record kept were appended, milliseconds since 1970; null where there is none. */
  oldestMs: number | null
  newestMs: number | null
}

/** Records that were got together: on SQLite a row, whose records were appended together; elsewhere what one fetch brought. Never empty. */
export interface Batch {
  topic: Topic
  partition: number
  /** Of the first record. */
  offset: number
  /** After the last record: `offset + count`, but in a log with gaps. */
  end: number
  count: number
  /** What is wrong with it; undefined where it is whole. Then `records` gives nothing that can be trusted. */
  fault: string | undefined
  /** In the order of their offsets, which they carry themselves: in a log with gaps the place among them says nothing. */
  records(): readonly LogRecord[]
}

/**
 * A log looked at from beside: for the books, traces and figures. It reports damage where a reader would refuse to go on. A walk that is begun ends where
 * the partition ends then or later, and waits for nothing; whoever breaks it off has let go of it. Rejects with `log_unavailable` where the log does not answer.
 */
export interface LogView {
  readonly id: string
  /**
   * Whether an offset may be no record: what a log's engine writes between them, or leaves out. Where it may, differences of offsets are a bound and no count:
   * what retention has taken cannot be counted any more, and what is missing cannot be told from what never was.
   */
  readonly hasGaps: boolean
  partitions(topic: Topic): number
  /** In the order of the partitions. */
  ends(topic: Topic): Promise<readonly PartitionEnds[]>
  /** May read every batch's head: for a person, not for each second. */
  usage(topic: Topic): Promise<readonly PartitionUsage[]>
  /** Every batch kept, the oldest first, each checked for whether it is whole and fits its neighbour, as far as the engine lets it be seen. */
  batches(topic: Topic, partition: number): AsyncIterable<Batch>
  /** The latest first; the records in each in the order of their offsets. */
  batchesBackwards(topic: Topic, partition: number): AsyncIterable<Batch>
  /**
   * Batches from the one that holds `offset` on, and where none does, from the next one on in that direction: the later ones, or the earlier ones backwards.
   * The first may begin before the offset, or end behind it.
   */
  batchesAt(topic: Topic, partition: number, offset: number, direction: 'later' | 'earlier'): AsyncIterable<Batch>
  /** Of the first record appended at or after `ms`, or of an earlier one in its batch; the end where there is none. */
  offsetSince(topic: Topic, partition: number, ms: number): Promise<number>
  /** When the oldest record kept was appended; undefined where there is none. */
  oldestMs(topic: Topic, partition: number): Promise<number | undefined>
  /** Records whose value holds the text, the newest first, of batches appended at or after `range.from` or before `range.before`. */
  find(topic: Topic, partition: number, text: string, range: { from: number } | { before: number }): AsyncIterable<LogRecord>
}

/** What of a log is walked for the books. */
export type WalkedLog = Pick<LogView, 'id' | 'hasGaps' | 'ends' | 'batches' | 'oldestMs'>

/** A log in a store of this machine: its ends are told at once, in whatever transaction is open on the store. */
export interface LocalLogView extends LogView {
  endsNow(topic: Topic): readonly PartitionEnds[]
}

/** Records of the batch from `from` on and before `next`: without unpacking it, where it has no gaps. */
export function countIn(batch: Batch, from: number, next: number): number {
  const [low, high] = [Math.max(from, batch.offset), Math.min(next, batch.end)]
  if (high <= low) return 0
  if (low === batch.offset && high === batch.end) return batch.count
  if (batch.end - batch.offset === batch.count) return high - low
  return batch.records().filter(({ offset }) => offset >= low && offset < high).length
}
