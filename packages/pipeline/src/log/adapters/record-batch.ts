import { isAscii } from 'node:buffer'
import { crc32 } from 'node:zlib'
import type { Headers, LogRecord, NewRecord, Position } from '../event-log.ts'

/** The first line of a body: a key and headers for each record, and which values are base64 because one line of text cannot hold them. */
interface Index {
  k: (string | null)[]
  h: Headers[]
  b?: number[]
}

/**
 * Records as one row holds them: an index line of JSON, then a line a value. Packed, an event costs a third less to write than a row of its own,
 * and its text is found again without parsing it.
 */
export function pack(records: readonly NewRecord[]): Buffer {
  const index: Index = { k: [], h: [] }
  const encoded: number[] = []
  let lines = ''
  records.forEach(({ key, value, headers }, at) => {
    index.k.push(key)
    index.h.push(headers)
    if (typeof value === 'string' && !value.includes('\n')) {
      lines += `\n${value}`
    } else {
      encoded.push(at)
      lines += `\n${Buffer.from(value as Uint8Array).toString('base64')}`
    }
  })
  if (encoded.length > 0) index.b = encoded
  return Buffer.from(JSON.stringify(index) + lines)
}

/** The records of a body, or undefined where it does not hold `count` of them. */
export function unpack(body: Uint8Array, count: number, first: Position, appendedAt: number, isShared = false): LogRecord[] | undefined {
  const { buffer, byteOffset, byteLength } = body
  const bytes = Buffer.from(buffer, byteOffset, byteLength)
  // For half of what decoding UTF-8 costs.
  const lines = bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8').split('\n')
  if (lines.length !== count + 1) return undefined
  const index = JSON.parse(lines[0] as string) as Index
  const { topic, partition, offset } = first
  const records = new Array<LogRecord>(count)
  for (let at = 0; at < count; at += 1) {
    records[at] = {
      topic,
      partition,
      offset: offset + at,
      key: index.k[at] ?? null,
      value: lines[at + 1] as string,
      headers: index.h[at] as Headers,
      appendedAt,
      memo: isShared ? undefined : null,
    }
  }
  for (const at of index.b ?? []) Object.assign(records[at] as LogRecord, decoded((records[at] as LogRecord).value))
  return records
}

function decoded(base64: string): { value: string; bytes?: Uint8Array } {
  const bytes = Buffer.from(base64, 'base64')
  const value = bytes.toString('utf8')
  return Buffer.from(value).equals(bytes) ? { value } : { value, bytes }
}

/** Over the body and over where it stands, so that a row moved elsewhere is found out too. */
export function checksum(body: Uint8Array, first: Position, count: number, appendedAt: number): number {
  return crc32(body, crc32(`${first.topic}/${first.partition}/${first.offset}/${count}/${appendedAt}`))
}
