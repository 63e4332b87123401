import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { EVENT_BYTES_MAX, parseTimestamp } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { csvFields, eventOfRow, isQuoteOpen } from './csv.ts'

/** Beyond this a file is not one of lines, and is not to fill the memory. */
const LINE_BYTES_MAX = 8 * 1024 * 1024
const NEWLINE = 0x0a

/** One event of a file, or why this line is none. `line` is where it begins, from 1; of a table, which row it is. */
export type FileEvent = SendableEvent | { line: number; fault: string; detail: string }

export interface SendableEvent {
  line: number
  /** A JSON object. */
  text: string
  /** Its time, where it has one. */
  ts: number | undefined
  /** Whether it has an `event_id` of its own. */
  hasId: boolean
}

export interface EventFile {
  path: string
  bytes: number
  sha256: string
}

export interface ReadOptions {
  /** Up to and with this one, lines need not be given. */
  afterLine?: number
  onBytes?: (bytes: number) => void
}

/** Events in an order that is the same whenever they are read. */
export interface EventSource extends EventFile, AsyncDisposable {
  name: string
  /** What `line` counts. */
  unit: 'line' | 'row'
  /** One reading after the other. */
  read(options?: ReadOptions): AsyncGenerator<FileEvent[]>
}

/** Names a file by what is in it. Throws `file_invalid` where it cannot be read. */
export async function identify(path: string): Promise<EventFile> {
  return readable(path, async () => {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer)
    return { path, bytes: (await stat(path)).size, sha256: hash.digest('hex') }
  })
}

export const isCsv = (path: string): boolean => /\.csv(\.gz)?$/i.test(path)

/**
 * The events of an NDJSON or CSV file (`.csv`; a header row first), gzipped or not, in its order, as they come off the disk.
 * `onBytes` hears how far the file has been read.
 */
export async function* readEvents(path: string, onBytes?: (bytes: number) => void): AsyncGenerator<FileEvent[]> {
  const toEvent = isCsv(path) ? csvReader(path) : ndjsonReader(path)
  for await (const lines of readLines(path, onBytes)) {
    const events: FileEvent[] = []
    for (const { line, text } of lines) {
      const event: FileEvent | undefined =
        text === undefined ? { line, fault: 'not_utf8', detail: 'the line is not UTF-8' } : toEvent(line, text)
      if (event) events.push(event)
    }
    yield events
  }
  const rest = toEvent(Infinity, '')
  if (rest) yield [rest]
}

/** What is known of an event beside its text. An id that is empty or `string` (what API explorers fill in) is none, as at the gateway. */
export function sendable(line: number, { event_id: id, timestamp }: Record<string, unknown>, text: string): SendableEvent {
  const hasId = id !== undefined && id !== null && id !== '' && id !== 'string'
  return { line, text, ts: typeof timestamp === 'string' ? parseTimestamp(timestamp) : undefined, hasId }
}

type LineReader = (line: number, text: string) => FileEvent | undefined

interface Line {
  line: number
  /** Undefined where the bytes are no UTF-8. */
  text: string | undefined
}

function ndjsonReader(path: string): LineReader {
  return (line, text) => {
    if (text.trim() === '') return undefined
    if (line === 1 && text.trim() === '[')
      throw new FlowGuardError('file_invalid', `${path}: is one JSON array; replay reads an event a line (NDJSON), or with --map any JSON`)
    if (Buffer.byteLength(text) > EVENT_BYTES_MAX)
      return { line, fault: 'too_large', detail: `an event is at most ${EVENT_BYTES_MAX} bytes` }
    try {
      const event: unknown = JSON.parse(text)
      if (typeof event === 'object' && event !== null && !Array.isArray(event))
        return sendable(line, event as Record<string, unknown>, text)
      return { line, fault: 'malformed_json', detail: 'an event is a JSON object' }
    } catch (error) {
      return { line, fault: 'malformed_json', detail: (error as Error).message }
    }
  }
}

/** Called with an endless line at the end, to give what is left. */
function csvReader(path: string): LineReader {
  let header: string[] | undefined
  let open: { line: number; text: string } | undefined
  return (line, text) => {
    const isEnd = line === Infinity
    const record: { line: number; text: string } = open
      ? { line: open.line, text: isEnd ? open.text : `${open.text}\n${text}` }
      : { line, text }
    open = undefined
    if (!isEnd && isQuoteOpen(record.text)) {
      if (record.text.length > LINE_BYTES_MAX)
        throw new FlowGuardError('file_invalid', `${path}: line ${record.line}: the quote is never closed`)
      open = record
      return undefined
    }
    if (record.text.trim() === '') return undefined
    const fields = csvFields(record.text)
    if (!header) {
      if (!fields || fields.some((name) => name.trim() === ''))
        throw new FlowGuardError('file_invalid', `${path}: line 1: must name every column`)
      header = fields.map((name) => name.trim())
      return undefined
    }
    if (!fields) return { line: record.line, fault: 'malformed_csv', detail: 'a quote stands in the wrong place' }
    if (fields.length !== header.length) {
      return { line: record.line, fault: 'malformed_csv', detail: `${fields.length} fields where the header has ${header.length}` }
    }
    const event = eventOfRow(header, fields)
    const json = JSON.stringify(event)
    if (Buffer.byteLength(json) > EVENT_BYTES_MAX)
      return { line: record.line, fault: 'too_large', detail: `an event is at most ${EVENT_BYTES_MAX} bytes` }
    return sendable(record.line, event, json)
  }
}

/** Lines without their ends, a few hundred at a time. */
async function* readLines(path: string, onBytes?: (bytes: number) => void): AsyncGenerator<Line[]> {
  let line = 0
  let rest: Buffer = Buffer.alloc(0)
  const chunks = await readable(path, () => openFile(path, onBytes))
  const textOf = (bytes: Buffer): Line => {
    line += 1
    if (bytes.at(-1) === 0x0d) bytes = bytes.subarray(0, -1)
    if (!isUtf8(bytes)) return { line, text: undefined }
    const text = bytes.toString('utf8')
    return { line, text: line === 1 ? text.replace(/^\ufeff/, '') : text }
  }
  try {
    for await (const part of chunks) {
      const chunk = rest.length > 0 ? Buffer.concat([rest, part as Buffer]) : (part as Buffer)
      const lines: Line[] = []
      let from = 0
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
        lines.push(textOf(chunk.subarray(from, end)))
        from = end + 1
      }
      rest = chunk.subarray(from)
      if (rest.length > LINE_BYTES_MAX)
        throw new FlowGuardError('file_invalid', `${path}: line ${line + 1} is over ${LINE_BYTES_MAX} bytes long`)
      if (lines.length > 0) yield lines
    }
  } catch (error) {
    if (error instanceof FlowGuardError) throw error
    throw new FlowGuardError('file_invalid', `${path}: cannot be read after line ${line}: ${(error as Error).message}`, error)
  } finally {
    chunks.destroy()
  }
  if (rest.length > 0) yield [textOf(rest)]
}

/** How a file is packed, and the first of what is in it. */
export async function headOf(path: string): Promise<{ isGzip: boolean; text: string }> {
  return readable(path, async () => {
    const isGzip = await isGzipped(path)
    for await (const chunk of await openFile(path)) return { isGzip, text: (chunk as Buffer).toString('latin1', 0, HEAD_BYTES) }
    return { isGzip, text: '' }
  })
}

const HEAD_BYTES = 4_096

async function isGzipped(path: string): Promise<boolean> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
}

async function openFile(path: string, onBytes?: (bytes: number) => void): Promise<Readable> {
  const isGzip = await isGzipped(path)
  const file = await open(path)
  const raw = file.createReadStream({ start: 0, highWaterMark: 256 * 1024 })
  raw.on('data', () => onBytes?.(raw.bytesRead))
  raw.pause()
  if (!isGzip) return raw
  const gunzip = createGunzip()
  raw.on('error', (error) => gunzip.destroy(error))
  gunzip.on('close', () => raw.destroy())
  return raw.pipe(gunzip)
}

/** Throws `file_invalid` where the work fails. */
async function readable<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FlowGuardError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new FlowGuardError('file_missing', `${path}: there is no such file`, error)
    throw new FlowGuardError('file_invalid', `${path}: ${message}`, error)
  }
}
