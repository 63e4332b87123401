import type { DatabaseSync } from 'node:sqlite'
import { hash128, type Hash128 } from './hash.ts'

export const SEEN_SCHEMA = `
  create table if not exists seen (owner text not null, seq integer not null, appended_at integer not null, ids blob not null, primary key (owner, seq)) strict;
`
/** Four words of identity and one of content. */
const WORDS = 5
const SEGMENT_SLOTS_MIN = 2 ** 13
const SEGMENT_SLOTS_MAX = 2 ** 20
const FULL = 0.7

/** An open-addressed table. Segments double up to a limit and are never rebuilt, so that no record waits for it; the oldest are dropped whole. */
interface Segment {
  words: Uint32Array
  mask: number
  room: number
  /** The newest id in it, by the time of appending. */
  appendedAt: number
  lastSeq: number
}

export type Verdict = 'new' | 'same' | 'other'

/**
 * Which ids a reader has seen in one topic, for as long as the topic keeps them: 29 bytes of memory an id where the tables are full. A unique index on random ids would cost
 * ten times the rest of the reader's work; here a transaction writes its new ids as one row, and a restart reads the rows back.
 */
export function seenIn(db: DatabaseSync, owner: string) {
  const insert = db.prepare('insert into seen values (?, ?, ?, ?)')
  const all = db.prepare('select seq, appended_at as appendedAt, ids from seen where owner = ? order by seq')
  const remove = db.prepare('delete from seen where owner = ? and seq <= ?')
  const identity: Hash128 = new Uint32Array(4)
  const content: Hash128 = new Uint32Array(4)
  let segments: Segment[] = []
  let fresh: number[] = []
  let freshAt = 0
  let nextSeq = 1

  function place(word0: number, word1: number, word2: number, word3: number, contentWord: number, appendedAt: number, seq: number) {
    let segment = segments.at(-1)
    if (!segment || segment.room === 0) {
      const slots = Math.min(SEGMENT_SLOTS_MAX, segment ? (segment.mask + 1) * 2 : SEGMENT_SLOTS_MIN)
      segment = { words: new Uint32Array(slots * WORDS), mask: slots - 1, room: Math.floor(slots * FULL), appendedAt: 0, lastSeq: 0 }
      segments.push(segment)
    }
    const { words, mask } = segment
    let at = (word1 & mask) * WORDS
    while (words[at] !== 0) at = at + WORDS === words.length ? 0 : at + WORDS
    words[at] = word0
    words[at + 1] = word1
    words[at + 2] = word2
    words[at + 3] = word3
    words[at + 4] = contentWord
    segment.room -= 1
    segment.lastSeq = seq
    if (appendedAt > segment.appendedAt) segment.appendedAt = appendedAt
  }

  return {
    /** Forgets what was not written, and reads the rest from the store. */
    load() {
      segments = []
      fresh = []
      freshAt = 0
      nextSeq = 1
      for (const { seq, appendedAt, ids } of all.iterate(owner) as Iterable<
        { seq: number; appendedAt: number; ids: Uint8Array } & Record<string, never>
      >) {
        const words = new Uint32Array(Uint8Array.from(ids).buffer)
        for (let at = 0; at < words.length; at += WORDS) {
          place(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!, words[at + 4]!, appendedAt, seq)
        }
        nextSeq = seq + 1
      }
    },
    /** Whether the id is new, and then notes it; or seen before with the same content, or with another. */
    check(id: string, contentHash: string, appendedAt: number): Verdict {
      hash128(id, identity)
      hash128(contentHash, content)
      // A free slot begins with 0.
      const [word0, word1, word2, word3] = [identity[0]! || 1, identity[1]!, identity[2]!, identity[3]!]
      for (let s = segments.length - 1; s >= 0; s -= 1) {
        const { words, mask } = segments[s]!
        let at = (word1 & mask) * WORDS
        for (; words[at] !== 0; at = at + WORDS === words.length ? 0 : at + WORDS) {
          if (words[at] === word0 && words[at + 1] === word1 && words[at + 2] === word2 && words[at + 3] === word3) {
            return words[at + 4] === content[0] ? 'same' : 'other'
          }
        }
      }
      place(word0, word1, word2, word3, content[0]!, appendedAt, nextSeq)
      fresh.push(word0, word1, word2, word3, content[0]!)
      if (appendedAt > freshAt) freshAt = appendedAt
      return 'new'
    },
    /** Writes the new ids; before the transaction commits. */
    write() {
      if (fresh.length === 0) return
      insert.run(owner, nextSeq, freshAt, new Uint8Array(Uint32Array.from(fresh).buffer))
      nextSeq += 1
      fresh = []
      freshAt = 0
    },
    /** Forgets ids that the topic no longer keeps: those of segments that were appended before then altogether. */
    expire(appendedBefore: number) {
      let last: Segment | undefined
      while (segments.length > 1 && segments[0]!.appendedAt < appendedBefore) last = segments.shift()
      // The row that straddles two segments stays with the younger.
      if (last) remove.run(owner, last.lastSeq - 1)
    },
  }
}

export type Seen = ReturnType<typeof seenIn>
