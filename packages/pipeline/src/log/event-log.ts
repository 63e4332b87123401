import type { Topic } from '@flowguard/contract'

/** What one partition holds a record under: offsets rise by one, from 0. */
export interface Position {
  topic: Topic
  partition: number
  offset: number
}

/** Where a reader goes on: `next` is the offset of the first record that it has not worked off. */
export interface Place {
  topic: Topic
  partition: number
  next: number
}

export type Headers = Readonly<Record<string, string>>

export interface NewRecord {
  key: string
  value: string | Uint8Array
  headers: Headers
  /** Only where the key must not decide: a heartbeat goes to every partition. */
  partition?: number
}

export interface LogRecord extends Position {
  key: string | null
  /** UTF-8 text; where the bytes are none, their nearest reading, and `bytes` has them as they are. */
  value: string
  bytes?: Uint8Array
  headers: Headers
  /** Milliseconds since 1970: what retention counts from. */
  appendedAt: number
  /** Room for what its readers make of it, where several of a process read the same object; null where nobody shares it. The log never looks. */
  memo?: unknown
}

export interface PartitionEnds {
  partition: number
  /** Offset of the oldest record kept, or of the next one where none is. */
  start: number
  /** Offset of the next record to be appended. */
  end: number
}

/** An ordered, partitioned, durable log. Order holds within a partition; the key's murmur2 decides the partition, as on Kafka. */
export interface EventLog extends AsyncDisposable {
  /** Made with the log and never changed: a log that was replaced has another. */
  readonly id: string
  partitions(topic: Topic): number
  /** Resolves once every record survives `kill -9`. Rejects with `log_unavailable` or `disk_full`, and then none or all may be there. */
  append(topic: Topic, records: readonly NewRecord[]): Promise<readonly Position[]>
  /**
   * Records of these partitions from their places on, at most `countMax` in all and from each its share, in the order of their partition.
   * Waits up to `waitMs` where there are none. Rejects with `store_corrupt` at the first damaged or missing record, and never reads past it;
   * with `log_truncated` where a place lies beyond the end.
   */
  read(places: readonly Place[], limit: { countMax: number; waitMs: number }): Promise<readonly LogRecord[]>
  ends(topic: Topic): Promise<readonly PartitionEnds[]>
  /** Deletes what was appended before `appendedBefore` and lies before the partition's entry in `readBefore`. Resolves to the records deleted. */
  trim(topic: Topic, limits: { appendedBefore: number; readBefore: ReadonlyMap<number, number> }): Promise<number>
}

/** A log that lies in its writer's own store: what is appended commits with the transaction that is open there, or not at all. */
export interface TransactionalLog extends EventLog {
  appendNow(topic: Topic, records: readonly NewRecord[]): readonly Position[]
}
