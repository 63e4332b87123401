import type { DatabaseSync } from 'node:sqlite'
import type { Topic } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import { guarded, storeError } from '../../kernel/sqlite.ts'
import type { LogRecord, Place } from '../event-log.ts'
import { batchCache, type DecodedBatch } from './batch-cache.ts'
import { checksum, unpack } from './record-batch.ts'

interface RowHead {
  base_offset: number
  count: number
  appended_at: number
}

interface BatchRow extends RowHead {
  crc: number
  body: Uint8Array
}

interface LogReading {
  lastOf: (topic: Topic, partition: number) => RowHead | undefined
  endOf: (topic: Topic, partition: number) => number
  startOf: (topic: Topic, partition: number) => number
  /** About as much of each place, and all of what is asked for where that is there. Within one state of the store. */
  readShares: (places: readonly Place[], countMax: number) => LogRecord[]
}

/** The half of the log that reads. Throws `store_corrupt` for what is damaged, and never reads past it. */
export function readingIn(db: DatabaseSync, path: string, readersCount: (topic: Topic) => number): LogReading {
  const sql = guarded(path, () => ({
    last: db.prepare(
      'select base_offset, count, appended_at from log_batches where topic = ? and partition = ? order by base_offset desc limit 1',
    ),
    start: db.prepare('select base_offset as start from log_batches where topic = ? and partition = ? order by base_offset limit 1'),
    holding: db.prepare(
      'select base_offset, count from log_batches where topic = ? and partition = ? and base_offset <= ? order by base_offset desc limit 1',
    ),
    from: db.prepare(
      'select base_offset, count, appended_at, crc, body from log_batches where topic = ? and partition = ? and base_offset >= ? order by base_offset',
    ),
  }))
  const cache = batchCache(readersCount)
  let turn = 0

  const lastOf = (topic: Topic, partition: number) => sql.last.get(topic, partition) as RowHead | undefined
  const endOf = (topic: Topic, partition: number) => endOfRow(lastOf(topic, partition))
  const startOf = (topic: Topic, partition: number) => (sql.start.get(topic, partition) as { start: number } | undefined)?.start ?? 0

  /** First what is decoded already, then rows. */
  function readPartition(place: Place, countMax: number): LogRecord[] {
    const { topic, partition, next } = place
    const records: LogRecord[] = []
    let expected = next
    /** Whether more is asked for. */
    const take = (batch: DecodedBatch): boolean => {
      const left = countMax - records.length
      for (let at = Math.max(0, next - batch.offset); at < batch.records.length && records.length < countMax; at += 1) {
        records.push(batch.records[at] as LogRecord)
      }
      if (batch.next - Math.max(next, batch.offset) <= left) cache.passed(topic, partition, batch)
      expected = batch.next
      return records.length < countMax
    }
    for (let known = cache.find(topic, partition, next); known; known = cache.find(topic, partition, expected)) {
      if (!take(known)) return records
    }
    const first = records.length > 0 ? { from: expected, expected } : firstRow(place)
    for (const batch of rowsFrom(place, first)) if (!take(batch)) break
    if (records.length === 0 && next > endOf(topic, partition)) {
      throw new FlowGuardError(
        'log_truncated',
        `${path}: ${topic}-${partition} ends at ${endOf(topic, partition)}; the reader had reached ${next}`,
      )
    }
    return records
  }

  /** From where on to read rows, and with which offset the first of them must begin. */
  function firstRow({ topic, partition, next }: Place): { from: number; expected: number } {
    const holding = sql.holding.get(topic, partition, next) as RowHead | undefined
    // Retention never takes what a reader has yet to read, so a place before the oldest record is a loss too.
    if (!holding) return { from: 0, expected: next }
    const from = next < endOfRow(holding) ? holding.base_offset : endOfRow(holding)
    return { from, expected: from }
  }

  /** Rows one after the other, each of them whole and where the one before it ends. */
  function* rowsFrom({ topic, partition }: Place, first: { from: number; expected: number }): Generator<DecodedBatch, void> {
    let { expected } = first
    const corrupt = (offset: number, what: string, cause?: unknown) =>
      new FlowGuardError('store_corrupt', `${path}: ${topic}-${partition} is damaged at offset ${offset}: ${what}`, cause)
    try {
      for (const row of sql.from.iterate(topic, partition, first.from) as Iterable<BatchRow & Record<string, never>>) {
        const offset = row.base_offset
        const position = { topic, partition, offset }
        if (offset !== expected) throw corrupt(offset, `offsets from ${expected} on are missing`)
        if (checksum(row.body, position, row.count, row.appended_at) !== row.crc) throw corrupt(offset, 'the checksum differs')
        const records = unpack(row.body, row.count, position, row.appended_at, readersCount(topic) > 1)
        if (!records) throw corrupt(offset, `it does not hold the ${row.count} records that it says`)
        expected = endOfRow(row)
        const batch = { offset, next: expected, records }
        cache.add(topic, partition, batch, row.body.length)
        yield batch
      }
    } catch (error) {
      const failure = storeError(path, error)
      throw hasCode(failure, 'store_corrupt') && failure !== error ? corrupt(expected, (error as Error).message, error) : failure
    }
  }

  return {
    lastOf,
    endOf,
    startOf,
    readShares(places, countMax) {
      const share = Math.max(1, Math.floor(countMax / Math.max(1, places.length)))
      const records: LogRecord[] = []
      const hungry: Place[] = []
      // With more partitions than records each has its turn.
      const first = places.length > countMax ? turn++ % places.length : 0
      for (const place of [...places.slice(first), ...places.slice(0, first)]) {
        if (records.length >= countMax) break
        const read = readPartition(place, share)
        for (const record of read) records.push(record)
        if (read.length === share) hungry.push({ ...place, next: (read.at(-1) as LogRecord).offset + 1 })
      }
      for (const place of hungry) {
        if (records.length >= countMax) break
        for (const record of readPartition(place, Math.ceil((countMax - records.length) / hungry.length))) {
          if (records.length < countMax) records.push(record)
        }
      }
      return records
    },
  }
}

export function endOfRow(row: RowHead | undefined): number {
  return row ? row.base_offset + row.count : 0
}
