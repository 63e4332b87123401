import type { DatabaseSync } from 'node:sqlite'
import type { Topic } from '@flowguard/contract'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { LogRecord, NewRecord } from '../event-log.ts'
import { checksum, pack, unpack } from './record-batch.ts'

interface Row {
  id: number
  topic: Topic
  partition: number
  offset: number
  count: number
  appendedAt: number
  crc: number
  body: Uint8Array
}

/**
 * Changes records where they lie: offsets, times and headers stay, and nobody who has read them reads them again. For what no log is asked to do but the erasure of a person,
 * by the log's one owner, while nobody reads. Within the caller's transaction. Returns how many changed; throws `store_corrupt` at the first batch that is damaged.
 */
export function rewriteRecords(db: DatabaseSync, path: string, change: (record: LogRecord) => LogRecord): number {
  const rows = db.prepare(
    'select rowid as id, topic, partition, base_offset as offset, count, appended_at as appendedAt, crc, body from log_batches',
  )
  const update = db.prepare('update log_batches set crc = ?, body = ? where rowid = ?')
  let changed = 0
  const rewritten: [number, Buffer, number][] = []
  for (const row of rows.iterate() as Iterable<unknown> as Iterable<Row>) {
    const { id, topic, partition, offset, count, appendedAt, crc, body } = row
    const place = { topic, partition, offset }
    const records = checksum(body, place, count, appendedAt) === crc ? unpack(body, count, place, appendedAt) : undefined
    if (!records) throw new FlowGuardError('store_corrupt', `${path}: ${topic}-${partition} is damaged at offset ${offset}`)
    const after = records.map(change)
    const own = after.filter((record, at) => record !== records[at]).length
    if (own === 0) continue
    changed += own
    const packed = pack(after.map(({ key, value, bytes, headers }) => ({ key, value: bytes ?? value, headers }) as NewRecord))
    rewritten.push([checksum(packed, place, count, appendedAt), packed, id])
  }
  for (const each of rewritten) update.run(...each)
  return changed
}
