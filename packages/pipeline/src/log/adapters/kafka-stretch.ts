import type { Topic } from '@flowguard/contract'
import type { LogRecord, Place } from '../event-log.ts'

/** Of one partition, that its reader has yet to take: then the broker is asked for no more of it. */
const AHEAD_BYTES_MAX = 4 * 1024 * 1024
/** Behind the place that was read last, for readers that run close behind it. */
const KEPT_BYTES_MAX = 256 * 1024
/** What a record takes beside its value. */
const RECORD_BYTES = 200

/** Of a partition, the offsets from `from` to `to`: those that there are, none missing. */
export interface Stretch {
  readonly topic: Topic
  readonly partition: number
  from: number
  to: number
  records: LogRecord[]
  bytes: number
  /** Where the log goes on that should go on at `to`: a hole in it, or damage. Nothing is taken from there until it is known which. */
  gapTo: number | undefined
  /** Whether the broker had no more when it was asked last. */
  isAtEnd: boolean
  isPaused: boolean
  /** No longer filled. */
  isLeft: boolean
  /** Of `performance.now()`. */
  usedAt: number
  lookedAt: number
  /** How far it had come, and how far the partition went, when it was looked after last. */
  seen: { to: number; end: number } | undefined
}

/** One that begins at the place, and is filled from `to` on. */
export function stretchAt({ topic, partition, next }: Place, to = next): Stretch {
  const now = performance.now()
  return {
    topic,
    partition,
    from: next,
    to,
    records: [],
    bytes: 0,
    gapTo: undefined,
    isAtEnd: false,
    isPaused: false,
    isLeft: false,
    usedAt: now,
    lookedAt: now,
    seen: undefined,
  }
}

export const holds = ({ from, to }: Stretch, next: number): boolean => from <= next && next <= to

/** Whether its reader has so much before it that it wants no more for now, or may be given no more. */
export const isFull = ({ bytes, gapTo }: Stretch): boolean => bytes >= AHEAD_BYTES_MAX || gapTo !== undefined

/** Whether so much of it was taken that it should be filled again. */
export const isHungry = ({ bytes, gapTo }: Stretch): boolean => bytes < AHEAD_BYTES_MAX / 2 && gapTo === undefined

/** Whether the log goes on at the offset for it. In a dense topic, whose writers leave none out, a later one than expected is a gap. */
export function goesOnAt(stretch: Stretch, offset: number, isDense: boolean): boolean {
  if (offset < stretch.to || stretch.gapTo !== undefined) return false
  if (isDense && offset > stretch.to) stretch.gapTo = offset
  return stretch.gapTo === undefined
}

export function add(stretch: Stretch, record: LogRecord): void {
  stretch.records.push(record)
  stretch.bytes += bytesOf(record)
  stretch.to = record.offset + 1
  stretch.isAtEnd = false
}

/** How many records there are from `next` on. */
export const countFrom = ({ records }: Stretch, next: number): number => records.length - indexOf(records, next)

/** Records from `next` on, at most `countMax`. */
export function takeFrom({ records }: Stretch, next: number, countMax: number): LogRecord[] {
  const at = indexOf(records, next)
  return records.slice(at, at + countMax)
}

/** Its reader is at `next`: what lies before is dropped, half of it at a time, once that is more than is kept, so that little is moved for each record. */
export function passTo(stretch: Stretch, next: number): void {
  const at = indexOf(stretch.records, next)
  let bytes = 0
  let count = 0
  for (; count < at && stretch.bytes - bytes > KEPT_BYTES_MAX; count += 1) bytes += bytesOf(stretch.records[count] as LogRecord)
  if (count < at / 2 || count === 0) return
  stretch.records.splice(0, count)
  stretch.bytes -= bytes
  stretch.from = stretch.records[0]?.offset ?? stretch.to
}

/** Where the first record at `next` or behind it lies. */
function indexOf(records: readonly LogRecord[], next: number): number {
  let low = 0
  let high = records.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((records[middle] as LogRecord).offset < next) low = middle + 1
    else high = middle
  }
  return low
}

function bytesOf({ value }: LogRecord): number {
  return RECORD_BYTES + value.length
}
