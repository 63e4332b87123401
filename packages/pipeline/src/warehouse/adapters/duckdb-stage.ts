import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { ATTRIBUTED, type Topic } from '@flowguard/contract'
import { guarded } from '../../kernel/sqlite.ts'
import type { LogRecord } from '../../log/event-log.ts'
import { eventOf, money, utc, type Fields } from '../events.ts'
import { stepBehind } from '../load-steps.ts'
import type { LoadedTopic } from '../schema.ts'
import type { Batch, LoadStep } from '../warehouse.ts'

/** Between fields, as neither JSON nor a hash can hold it. */
const SEPARATOR = '\u0001'
// oxlint-disable-next-line no-control-regex -- in a line of the file they would be its structure
const CONTROL = /[\u0000-\u001f]/g
const HASH_CHARS = 64
const IS_PLAIN = /^[\w-]+$/
const UTF8_BYTES_MAX = 3
/** Of a line, besides its event. */
const HEAD_BYTES_MAX = 512
/** How the stream writes its answers: nobody else writes to that topic, so they need no look inside. */
const ATTRIBUTED_START = '{"order_id":"'
/** Lines gather here, for all batches: what is added is written out before `add` returns. */
const scratch = Buffer.allocUnsafeSlow(1024 * 1024)

/**
 * One file a topic, a line a record: partition, offset, when it was appended, content hash, the event, and its raw text (as a JSON string) where the event
 * is not just that.
 */
export interface StagedFile {
  topic: LoadedTopic
  logId: string
  path: string
  /** Of its longest line, at most. */
  lineBytesMax: number
  /** Offsets of the first and the last row of each partition. */
  ranges: ReadonlyMap<number, { first: number; last: number }>
}

interface OpenFile extends StagedFile {
  fd: number
  ranges: Map<number, { first: number; last: number }>
}

export interface StagedBatch extends Batch {
  logIdOf(topic: Topic): string
  /** To be read: nothing can be added any more. */
  close(): readonly StagedFile[]
}

/** Writes records down as DuckDB reads them fastest, in files that are gone when the batch is disposed of. */
export function stagedBatch(dir: string, name: string, logIdOf: (topic: Topic) => string): StagedBatch {
  const files = new Map<LoadedTopic, OpenFile>()
  const steps = new Map<string, LoadStep>()
  let count = 0
  let isOpen = true

  function fileOf(topic: LoadedTopic): OpenFile {
    let file = files.get(topic)
    if (!file) {
      const path = join(dir, `${name}-${topic}.ndjson`)
      files.set(topic, (file = { topic, logId: logIdOf(topic), path, fd: openSync(path, 'w'), lineBytesMax: 0, ranges: new Map() }))
    }
    return file
  }

  function add(records: readonly LogRecord[]): void {
    let file: OpenFile | undefined
    let at = 0
    const flush = () => {
      if (file && at > 0) writeAll(file.fd, scratch.subarray(0, at))
      at = 0
    }
    let step: LoadStep | undefined
    for (const record of records) {
      step = stepBehind(steps, record, step)
      const line = lineOf(record)
      if (!line) {
        step.skipped += 1
        continue
      }
      step.applied += 1
      if (file?.topic !== record.topic) {
        flush()
        file = fileOf(record.topic as LoadedTopic)
      }
      const bytesMax = HEAD_BYTES_MAX + line.rest.length * UTF8_BYTES_MAX
      file.lineBytesMax = Math.max(file.lineBytesMax, bytesMax)
      if (bytesMax > scratch.length - at) flush()
      if (bytesMax > scratch.length) writeAll(file.fd, Buffer.from(line.head + line.rest))
      else {
        at += scratch.write(line.head, at, 'latin1')
        at += scratch.write(line.rest, at)
      }
      const range = file.ranges.get(record.partition)
      if (range) range.last = record.offset
      else file.ranges.set(record.partition, { first: record.offset, last: record.offset })
    }
    flush()
    count += records.length
  }

  function close(): readonly StagedFile[] {
    if (isOpen) for (const { fd } of files.values()) closeSync(fd)
    isOpen = false
    return [...files.values()]
  }

  return {
    add: (records) => guarded(dir, () => add(records)),
    get count() {
      return count
    },
    get steps() {
      return [...steps.values()]
    },
    logIdOf,
    close,
    [Symbol.dispose]() {
      for (const { path } of close()) rmSync(path, { force: true })
    },
  }
}

/** The same file with every event spelled out, so that nothing in it can be read otherwise than it was validated. */
export function spellOut(file: StagedFile): StagedFile {
  let lineBytesMax = 0
  const lines = readFileSync(file.path, 'utf8').split('\n').slice(0, -1)
  const plain = lines.map((line) => {
    const [partition, offset, appendedAt, hash, event = '', raw] = line.split(SEPARATOR)
    const head = [partition, offset, appendedAt, hash, ''].join(SEPARATOR)
    const text = raw ? `${line}\n` : head + spelledRest(JSON.parse(event) as Fields, event)
    lineBytesMax = Math.max(lineBytesMax, HEAD_BYTES_MAX + text.length * UTF8_BYTES_MAX)
    return text
  })
  guarded(file.path, () => replaceWith(file.path, plain.join('')))
  return { ...file, lineBytesMax }
}

/** All of it or, where the disk is full, none: half of a batch must not pass for the whole of it. */
function replaceWith(path: string, text: string): void {
  const spelled = `${path}.spelled`
  try {
    writeFileSync(spelled, text)
    renameSync(spelled, path)
  } finally {
    rmSync(spelled, { force: true })
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
}

/** The record's line, or undefined for a heartbeat. Its head is ASCII. */
function lineOf(record: LogRecord): { head: string; rest: string } | undefined {
  const { topic, partition, offset, appendedAt, headers, value } = record
  const isOurs = topic === ATTRIBUTED && value.startsWith(ATTRIBUTED_START) && !hasHalfPair(value)
  const event = isOurs ? undefined : eventOf(record)
  if (event?.['event_type'] === 'heartbeat') return undefined
  const hash = headers['content_hash'] ?? ''
  const isWhole = hash.length === HASH_CHARS && IS_PLAIN.test(hash)
  const head = `${partition}${SEPARATOR}${offset}${SEPARATOR}${appendedAt}${SEPARATOR}`
  const rest = isOurs || (event && isAsWritten(event, value)) ? `${value}${SEPARATOR}\n` : spelledRest(event, value)
  return { head, rest: `${isWhole ? hash : hash.replaceAll(CONTROL, '')}${SEPARATOR}${rest}` }
}

function spelledRest(event: Fields | undefined, raw: string): string {
  const text = JSON.stringify(event ? spelledOut(event) : { event_type: 'invalid' })
  const whole = hasHalfPair(text) ? text.replace(HALF_PAIR, '$1\\ufffd') : text
  return `${whole}${SEPARATOR}${JSON.stringify(raw.toWellFormed())}\n`
}

/** Half of a surrogate pair, as JSON writes it, where the backslash is not one that is written itself. A whole pair it writes as it is. */
const HALF_PAIR = /(?<!\\)((?:\\\\)*)\\ud[89a-f][\da-f]{2}/g
/** DuckDB takes none. */
const hasHalfPair = (json: string) => json.includes('\\ud')

/** Whether DuckDB reads out of the raw text exactly what was validated. */
function isAsWritten(event: Fields, value: string): boolean {
  const { price, received_at } = event
  if (typeof price === 'number' && money(price) !== price) return false
  if (received_at !== undefined && !isUtc(received_at)) return false
  return JSON.stringify(event) === value && !hasHalfPair(value)
}

const isUtc = (value: unknown) => typeof value === 'string' && value.length === 24 && value.endsWith('Z')

/** The event flat and in plain types: text for what is neither text, a number nor a boolean, paise for a price, UTC for times. */
function spelledOut(event: Fields): Fields {
  const flat: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(event)) {
    if (name === 'click') flat[name] = value
    else if (name === 'price') flat[name] = money(value)
    else if (name === 'received_at') flat[name] = utc(value)
    else flat[name] = typeof value === 'object' && value !== null ? JSON.stringify(value) : value
  }
  return flat
}
