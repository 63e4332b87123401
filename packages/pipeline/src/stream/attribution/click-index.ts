import { WINDOW_MS } from '@flowguard/contract'
import { hash128, type Hash128 } from '../../kernel/hash.ts'
import type { Entry } from '../../reader/journal.ts'
import { decodeStep, type Step } from '../step.ts'
import { later, mayEarn } from './last-click.ts'

/** Entries of one segment. It is dropped whole, once the window has passed all of it. */
const SEGMENT_ENTRIES = 2 ** 17
const MASK = SEGMENT_ENTRIES - 1

interface Segment {
  /** By the hash of user and item: 1 + the newest entry, 0 for none. */
  heads: Int32Array
  /** The entry before it with the same head, likewise. */
  previous: Int32Array
  check: Uint32Array
  ts: Float64Array
  seq: Uint32Array
  line: Uint8Array
  count: number
  tsMin: number
  tsMax: number
}

/**
 * The clicks of the last half hour, by user and item: 29 bytes of memory each. The clicks themselves are lines of a journal, and are read only when an
 * order asks for them; user and item are compared there, so that no two can be taken for one.
 */
export function clickIndex(lineAt: (entry: Entry) => string) {
  const hash: Hash128 = new Uint32Array(4)
  let segments: Segment[] = []

  function add({ userId, itemId, ts }: Step, { seq, line }: Entry) {
    let segment = segments.at(-1)
    if (!segment || segment.count === SEGMENT_ENTRIES) segments.push((segment = newSegment()))
    hash128(`${userId}\n${itemId}`, hash)
    const at = segment.count
    const head = hash[0]! & MASK
    segment.previous[at] = segment.heads[head]!
    segment.heads[head] = at + 1
    segment.check[at] = hash[1]!
    segment.ts[at] = ts
    segment.seq[at] = seq
    segment.line[at] = line
    segment.count += 1
    if (ts < segment.tsMin) segment.tsMin = ts
    if (ts > segment.tsMax) segment.tsMax = ts
  }

  /** The places of all clicks that may be this user's on this item in time, the latest first. */
  function candidates(userId: string, itemId: number, orderTs: number) {
    hash128(`${userId}\n${itemId}`, hash)
    const found: { ts: number; seq: number; line: number }[] = []
    for (const segment of segments) {
      if (segment.tsMin > orderTs || segment.tsMax < orderTs - WINDOW_MS) continue
      for (let next = segment.heads[hash[0]! & MASK]!; next > 0; next = segment.previous[next - 1]!) {
        const at = next - 1
        if (segment.check[at] !== hash[1]! || !mayEarn(segment.ts[at]!, orderTs)) continue
        found.push({ ts: segment.ts[at]!, seq: segment.seq[at]!, line: segment.line[at]! })
      }
    }
    return found.sort((a, b) => b.ts - a.ts)
  }

  return {
    clear: () => void (segments = []),
    /** A click, and where its line is. */
    add,
    /** The click that earned an order by this user of this item at this time, or none. */
    find(userId: string, itemId: number, orderTs: number): Step | undefined {
      let best: Step | undefined
      for (const candidate of candidates(userId, itemId, orderTs)) {
        if (best && candidate.ts < best.ts) break
        const click = decodeStep(lineAt(candidate))
        if (click.userId === userId && click.itemId === itemId) best = best ? later(best, click) : click
      }
      return best
    },
    /** Drops what no order at or after the watermark can reach. */
    dropBefore(watermark: number) {
      const passed = segments.findIndex(({ tsMax }) => tsMax >= watermark - WINDOW_MS)
      if (passed !== 0) segments.splice(0, passed < 0 ? segments.length : passed)
    },
    size: () => segments.reduce((sum, { count }) => sum + count, 0),
  }
}

function newSegment(): Segment {
  return {
    heads: new Int32Array(SEGMENT_ENTRIES),
    previous: new Int32Array(SEGMENT_ENTRIES),
    check: new Uint32Array(SEGMENT_ENTRIES),
    ts: new Float64Array(SEGMENT_ENTRIES),
    seq: new Uint32Array(SEGMENT_ENTRIES),
    line: new Uint8Array(SEGMENT_ENTRIES),
    count: 0,
    tsMin: Infinity,
    tsMax: -Infinity,
  }
}
