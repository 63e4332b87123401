import { hash } from 'node:crypto'
import { BATCH_COUNT_MAX, BODY_BYTES_MAX } from '@flowguard/contract'
import { pause, type Clock } from '../kernel/lifecycle.ts'
import type { FileEvent, SendableEvent } from './replay-file.ts'

/** Of every UUIDv5 that replay gives to an event without an id. Never changed: a file sent again must get the same ids. */
const ID_NAMESPACE = '0b9d1c5e-6c0f-5c1b-9d55-6f1b8a2b7e43'

/** An event time `from` becomes `to`; what lies beside it keeps its distance, divided by `speed`. */
export interface Retime {
  from: number
  to: number
  speed: number
}

export interface Batch {
  /** NDJSON. */
  body: string
  /** The file's line of each event in the body. */
  lines: number[]
  /** Lines that are no event, and are not sent. */
  faults: { line: number; fault: string; detail: string }[]
  /** All lines up to and with this one are in this batch or in one before. */
  lastLine: number
  /** The greatest event time, or -Infinity. */
  lastTime: number
}

export interface BatchOptions {
  sha256: string
  /** Lines up to and with this one are passed over. */
  afterLine: number
  retime: Retime | null
  /** How many times faster than the events' own times; Infinity is as fast as answers come. */
  speed: number
  clock: Clock
  signal: AbortSignal
}

export function retimed(ts: number, { from, to, speed }: Retime): number {
  return Math.round(to + (ts - from) / speed)
}

/** What is sent together, in the file's order, each batch when its first event is due. Ends early when the signal aborts. */
export async function* batchesOf(events: AsyncIterable<FileEvent[]>, options: BatchOptions): AsyncGenerator<Batch> {
  const { retime, speed, clock, signal } = options
  let batch = emptyBatch()
  let bytes = 0
  let base: { ts: number; at: number } | undefined
  const idOf = idMaker(options.sha256)

  /** When an event of this time is to be sent. */
  const dueAt = (ts: number | undefined) => {
    if (ts === undefined || !Number.isFinite(speed)) return -Infinity
    if (retime) return retimed(ts, retime)
    base ??= { ts, at: clock() }
    return base.at + (ts - base.ts) / speed
  }

  for await (const some of events) {
    for (const each of some) {
      if (each.line <= options.afterLine) continue
      if ('fault' in each) {
        batch.faults.push(each)
        batch.lastLine = each.line
        if (batch.faults.length === BATCH_COUNT_MAX) {
          yield batch
          batch = emptyBatch()
          bytes = 0
        }
        continue
      }
      const { ts } = each
      const text = textToSend(each, options, idOf)
      const size = Buffer.byteLength(text) + 1
      const isDue = dueAt(ts) <= clock()
      if (batch.lines.length > 0 && (batch.lines.length === BATCH_COUNT_MAX || bytes + size > BODY_BYTES_MAX || !isDue)) {
        yield batch
        batch = emptyBatch()
        bytes = 0
      }
      for (let left = dueAt(ts) - clock(); left > 0 && !signal.aborted; left = dueAt(ts) - clock())
        await pause(Math.min(left, PAUSE_MS_MAX), signal)
      if (signal.aborted) return
      batch.body += `${text}\n`
      batch.lines.push(each.line)
      batch.lastLine = each.line
      batch.lastTime = Math.max(batch.lastTime, ts === undefined ? -Infinity : retime ? retimed(ts, retime) : ts)
      bytes += size
    }
  }
  if (batch.lastLine > 0) yield batch
}

/** Timers hold at most 2^31 ms. */
const PAUSE_MS_MAX = 60_000

function emptyBatch(): Batch {
  return { body: '', lines: [], faults: [], lastLine: 0, lastTime: -Infinity }
}

/** The line as it stands in the file wherever nothing has to be put into it. */
function textToSend({ line, text, ts, hasId }: SendableEvent, { retime }: BatchOptions, idOf: (line: number) => string): string {
  const needsTime = retime !== null && ts !== undefined
  if (hasId && !needsTime) return text
  // Most have nothing that an id in front could meet again; taking them apart for it would cost more than all else.
  if (!needsTime && text.startsWith('{"') && !text.includes('event_id') && !text.includes('\\u')) {
    return `{"event_id":"${idOf(line)}",${text.slice(1)}`
  }
  return JSON.stringify({
    ...(JSON.parse(text) as Record<string, unknown>),
    ...(hasId ? {} : { event_id: idOf(line) }),
    ...(needsTime ? { timestamp: new Date(retimed(ts, retime)).toISOString() } : {}),
  })
}

/** RFC 9562: the UUIDv5 of `<sha256>:<line>`, in a fourth of the time that the usual package takes. */
function idMaker(sha256: string): (line: number) => string {
  const head = Buffer.concat([Buffer.from(ID_NAMESPACE.replaceAll('-', ''), 'hex'), Buffer.from(`${sha256}:`)])
  const name = Buffer.concat([head, Buffer.alloc(LINE_DIGITS_MAX)])
  return (line) => {
    const digits = name.write(String(line), head.length, 'latin1')
    const hex = hash('sha1', name.subarray(0, head.length + digits), 'hex')
    const variant = VARIANTS[Number.parseInt(hex.charAt(16), 16) % VARIANTS.length]
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  }
}

const LINE_DIGITS_MAX = 16
const VARIANTS = '89ab'
