import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'

const CHUNK_BYTES = 64 * 1024
const NEWLINE = 0x0a

/** A line of a part's log: what pino wrote, parsed; or text that is none. */
export interface LogLine {
  part: string
  text: string
  /** ISO, for merging; '' where the line says none. */
  time: string
  fields: Readonly<Record<string, unknown>>
}

/** The parts that have a log in this folder. */
export function partsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.log'))
      .map((name) => name.slice(0, -'.log'.length))
      .sort()
  } catch {
    // No folder yet: nothing has been started.
    return []
  }
}

function parseLine(part: string, text: string): LogLine {
  try {
    const fields = JSON.parse(text) as Record<string, unknown>
    if (typeof fields === 'object' && fields !== null)
      return { part, text, time: typeof fields['time'] === 'string' ? fields['time'] : '', fields }
  } catch {
    // A line torn by a kill, or a crash's own words: shown as it is.
  }
  return { part, text, time: '', fields: {} }
}

/** The last lines that match, the oldest first: from the file and from the one kept before it. */
export function lastLines(folder: string, part: string, countMax: number, matches: (line: LogLine) => boolean): LogLine[] {
  const found: LogLine[] = []
  for (const name of [`${part}.log`, `${part}.log.1`]) {
    for (const text of linesBackwards(join(folder, name))) {
      if (found.length >= countMax) return found.reverse()
      const line = parseLine(part, text)
      if (matches(line)) found.push(line)
    }
  }
  return found.reverse()
}

/** Whole lines from the end on; a last one that is being written is left out. */
function* linesBackwards(path: string): Generator<string> {
  const fd = tryOpen(path)
  if (fd === undefined) return
  try {
    let rest: Buffer = Buffer.alloc(0)
    let isFirst = true
    for (let end = fstatSync(fd).size; end > 0;) {
      const from = Math.max(0, end - CHUNK_BYTES)
      const chunk = Buffer.alloc(end - from)
      readSync(fd, chunk, 0, chunk.length, from)
      rest = Buffer.concat([chunk, rest])
      end = from
      for (let at = rest.lastIndexOf(NEWLINE); at >= 0; at = rest.lastIndexOf(NEWLINE)) {
        if (!isFirst && at + 1 < rest.length) yield rest.toString('utf8', at + 1)
        isFirst = false
        rest = rest.subarray(0, at)
      }
    }
    if (rest.length > 0 && !isFirst) yield rest.toString('utf8')
  } finally {
    closeSync(fd)
  }
}

export interface LogTail extends Disposable {
  /** The lines completed since the last call. */
  read(): LogLine[]
}

/** What is appended to a part's log from now on, or from its start, also after the file was replaced by a new one. */
export function tailOf(folder: string, part: string, from: 'start' | 'end'): LogTail {
  const path = join(folder, `${part}.log`)
  let fd = tryOpen(path)
  let offset = from === 'end' && fd !== undefined ? fstatSync(fd).size : 0
  let rest: Buffer = Buffer.alloc(0)

  function readOpen(): LogLine[] {
    if (fd === undefined) return []
    const { size } = fstatSync(fd)
    if (size < offset) offset = 0
    const lines: LogLine[] = []
    while (offset < size) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - offset))
      const read = readSync(fd, chunk, 0, chunk.length, offset)
      if (read === 0) break
      offset += read
      rest = Buffer.concat([rest, chunk.subarray(0, read)])
      for (let at = rest.indexOf(NEWLINE); at >= 0; at = rest.indexOf(NEWLINE)) {
        lines.push(parseLine(part, rest.toString('utf8', 0, at)))
        rest = rest.subarray(at + 1)
      }
    }
    return lines
  }

  return {
    read() {
      const lines = readOpen()
      if (isReplaced(path, fd)) {
        if (fd !== undefined) closeSync(fd)
        fd = tryOpen(path)
        offset = 0
        rest = Buffer.alloc(0)
        lines.push(...readOpen())
      }
      return lines
    },
    [Symbol.dispose]() {
      if (fd !== undefined) closeSync(fd)
    },
  }
}

function tryOpen(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch {
    // Not there, or not yet.
    return undefined
  }
}

/** Whether the path now leads to another file than the one that is open. */
function isReplaced(path: string, fd: number | undefined): boolean {
  try {
    const { ino } = statSync(path)
    return fd === undefined || ino !== fstatSync(fd).ino
  } catch {
    return false
  }
}
