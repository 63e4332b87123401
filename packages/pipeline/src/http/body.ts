import { isUtf8 } from 'node:buffer'
import { DEPTH_MAX } from '@flowguard/contract'
import type { Fault } from './problems.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const LINE_FEED = 0x0a

/** Whether JSON text nests deeper than `depthMax`, told from its bytes before anything is parsed: a parser's stack is not the client's to use up. */
export function isDeeperThan(bytes: Uint8Array, depthMax: number): boolean {
  const end = bytes.length
  let depth = 0
  for (let at = 0; at < end; at += 1) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      while (++at < end && bytes[at] !== QUOTE) if (bytes[at] === BACKSLASH) at += 1
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1
      if (depth > depthMax) return true
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1
    }
  }
  return false
}

/** A value, or why the bytes are none. What is larger than `bytesMax` is not an event; `wrappers` levels are not the event's own: a batch's array is one. */
export function parseJson(
  bytes: Buffer | undefined,
  { bytesMax, wrappers }: { bytesMax: number; wrappers: number },
): { value: unknown } | Fault {
  if (bytes === undefined || bytes.length === 0) return malformed('the body is empty')
  if (isDeeperThan(bytes, DEPTH_MAX + wrappers)) return { status: 400, code: 'too_deep', detail: `nested over ${DEPTH_MAX} levels` }
  if (bytes.length > bytesMax) return tooLarge(bytesMax)
  if (!isUtf8(bytes)) return malformed('the body is not UTF-8')
  try {
    return { value: JSON.parse(bytes.toString('utf8', hasByteOrderMark(bytes) ? 3 : 0)) }
  } catch (error) {
    return malformed((error as Error).message)
  }
}

export function tooLarge(bytesMax: number): Fault {
  return { status: 413, code: 'event_too_large', detail: `the event is over ${bytesMax / 1024} KiB` }
}

/** The lines of NDJSON that are not blank, as bytes: each is parsed by itself, so that one malformed line is only its own fault. */
export function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let from = 0; from < bytes.length;) {
    const feed = bytes.indexOf(LINE_FEED, from)
    const to = feed < 0 ? bytes.length : feed
    const line = bytes.subarray(from, to)
    if (line.some((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0d)) lines.push(line)
    from = to + 1
  }
  return lines
}

export const BAD_TEXT = 'must not hold U+0000 or half a surrogate pair'

/** Text that JSON can name but UTF-8, or a database's text, cannot hold: taken in, it would stop a reader far from here. Where it is, as a JSON pointer. */
export function badTextIn(value: unknown, pointer: string): string | undefined {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? pointer : undefined
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, member] of Object.entries(value)) {
    const bad = badTextIn(name, pointer) ?? badTextIn(member, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    if (bad !== undefined) return bad
  }
  return undefined
}

function hasByteOrderMark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
}

function malformed(detail: string): Fault {
  return { status: 400, code: 'malformed_json', detail: `not JSON: ${detail}` }
}
