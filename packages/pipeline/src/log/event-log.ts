import type { Topic } from '@flowguard/contract'

/** What one partition holds a record under: what we append gets offsets that rise by one, from 0. */
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
  /**
   * Resolves once every record survives `kill -9`. Rejects with `log_unavailable` or `disk_full`, and then none may be there, or all, or, on a log that is several
   * machines, some.
   */
  append(topic: Topic, records: readonly NewRecord[]): Promise<readonly Position[]>
  /**
   * Records of these partitions from their places on, at most `countMax` in all and from each its share, in the order of their partition.
   * Waits up to `waitMs` where there are none. Rejects with `store_corrupt` at the first damaged or missing record, and never reads past it;
   * with `log_truncated` where a place lies beyond the end, and with `log_expired` where the engine deleted by itself what lay there.
   * Offsets rise; on a log that others write too, some may hold no record.
   */
  read(places: readonly Place[], limit: { countMax: number; waitMs: number }): Promise<readonly LogRecord[]>
  ends(topic: Topic): Promise<readonly PartitionEnds[]>
  /** Deletes what was appended before `appendedBefore` and lies before the partition's entry in `readBefore`. Resolves to the records deleted. */
  trim(topic: Topic, limits: { appendedBefore: number; readBefore: ReadonlyMap<number, number> }): Promise<number>
  /**
   * Up to which offset it is known that there is no record at the place or behind it; the place's own where nothing is known, or where one is. Of a log whose
   * transactions leave offsets without a record, which no place of a reader goes over by itself; left out where offsets have none missing.
   */
  emptyTo?(place: Place): number
  /** Tells the engine's own tools how far a reader has come: a hint that no reader goes by and nobody waits for. Left out where there are no such tools. */
  noteRead?(reader: string, places: readonly Place[]): void
}

/** A log for who appends to it and reads nothing: it may be several logs, each for its topics. */
export type AppendedLog = Omit<EventLog, 'read' | 'emptyTo' | 'noteRead'>

/** A log that lies in its writer's own store: what is appended commits with the transaction that is open there, or not at all. */
export interface TransactionalLog extends EventLog {
  appendNow(topic: Topic, records: readonly NewRecord[]): readonly Position[]
}
