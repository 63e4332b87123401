import type { Topic } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import type { LoadStep } from '../warehouse/warehouse.ts'
import type { ListedFile } from './manifest.ts'

/** A file that was written here and has yet to be put into the lake. */
export interface WrittenFile extends Pick<ListedFile, 'topic' | 'day' | 'hour' | 'rows' | 'min_ts' | 'max_ts' | 'offsets'> {
  path: string
}

/** Records on their way into the lake, on the disk and not in memory; gone when it is disposed of. */
export interface Stage extends Disposable {
  /** Behind what was added before, in the order of their partitions. */
  add(records: readonly LogRecord[]): void
  /** Records added, heartbeats too. */
  readonly count: number
  /** So much, or so many hours, that no more is to be added, whatever the count. */
  readonly isFull: boolean
  /** One for each partition that has records among them: what is applied is written down, heartbeats are skipped. */
  readonly steps: readonly LoadStep[]
  /** Writes a Parquet file for each hour of each topic. Nothing can be added any more. */
  write(): Promise<readonly WrittenFile[]>
}

/** What a file says of itself. */
export interface FoundRows {
  partition: number
  rows: number
  /** How many offsets there are: fewer than rows where one is there twice. */
  offsets: number
  first: number
  last: number
}

/** A record as the lake gives it back. */
export interface LakeRecord {
  topic: Topic
  /** Undefined where its bytes are no text. */
  text: string | undefined
  /** Undefined where the record had none. */
  contentHash: string | undefined
}

/** What of a row of the lake says whose it is. */
export interface OwnedRow {
  key: string | null
  userId: string | null
  /** Null where its bytes are no text. */
  text: string | null
}

export interface RewrittenFile {
  path: string
  /** Where it lies as it is to be. */
  out: string
  /** Rows that changed. */
  rows: number
}

/** Writes and reads the lake's Parquet files, as files of this machine. */
export interface Parquet {
  stage(logIdOf: (topic: Topic) => string): Stage
  /** Throws `store_corrupt` where a file is none. */
  inspect(paths: readonly string[]): Promise<readonly FoundRows[]>
  /** All of the files in the order of event time; of one time, by topic, partition and offset. What has no time comes first. */
  read(paths: readonly string[], signal: AbortSignal): AsyncGenerator<LakeRecord[]>
  /**
   * Asks `change` about every row of the files in which one of the texts is found, and writes each file of which a row changed anew, beside it: all else stays as it is, in the same
   * order. A row that it gives back as it is has not changed.
   */
  rewrite(
    paths: readonly string[],
    texts: readonly string[],
    change: (row: OwnedRow, path: string) => OwnedRow,
  ): Promise<readonly RewrittenFile[]>
  /** Orders whose status changed by the id that the gateway had given them, with what the client called them, if anything. */
  addressedOrders(paths: readonly string[]): Promise<readonly string[]>
}
