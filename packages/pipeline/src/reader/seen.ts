import type { DatabaseSync } from 'node:sqlite'
import type { Identity } from './identity.ts'

export const SEEN_SCHEMA = `
  create table if not exists seen (owner text not null, seq integer not null, appended_at integer not null, ids blob not null, primary key (owner, seq)) strict;
`
/** In the store: four words of identity and one of content. */
const ROW_WORDS = 5
/** In memory: three words of identity, which with the bits that choose the page are 106 bits, and one of content. */
const SLOT_WORDS = 4
const PAGES = 2 ** 10
const PAGE_SLOTS_MIN = 8
const FULL = 0.85
/** A page of a few slots doubles; a larger one grows by little, so that little of it lies empty. */
const DOUBLING_SLOTS_MAX = 256
const GROWTH = 1.125
/** What a topic keeps is this many generations, of which one more is remembered. */
const GENERATIONS = 4

/** An open-addressed table in pages, each of which grows by itself, so that no record waits for the whole of it, and little lies empty. It is dropped as a whole. */
interface Generation {
  pages: (Uint32Array | undefined)[]
  counts: Uint32Array
  /** By the time of appending: of its first id, and of its newest. */
  since: number
  appendedAt: number
  lastSeq: number
}

type Slot = readonly [word0: number, word1: number, word2: number, content: number]

export type Verdict = 'new' | 'same' | 'other'

/**
 * Which ids a reader has seen in one topic, for as long as the topic keeps them (`keptMs`): 19 to 21 bytes of memory an id. A unique index on random ids would cost
 * ten times the rest of the reader's work; here a transaction writes its new ids as one row, and a restart reads the rows back.
 *
 * Identities are compared by 106 bits: with a hundred million of them at once, the odds that any two are taken for one are 10¹⁶ / 2 / 2¹⁰⁶, below 1 in 10¹⁶.
 * Of repeats with another content one in 2³² passes for a repeat with the same.
 */
export function seenIn(db: DatabaseSync, owner: string, keptMs: number) {
  const insert = db.prepare('insert into seen values (?, ?, ?, ?)')
  const all = db.prepare('select seq, appended_at as appendedAt, ids from seen where owner = ? order by seq')
  const remove = db.prepare('delete from seen where owner = ? and seq <= ?')
  let generations: Generation[] = []
  let fresh: number[] = []
  let freshAt = 0
  let nextSeq = 1

  function place(slot: Slot, page: number, appendedAt: number, seq: number) {
    let generation = generations.at(-1)
    if (!generation || appendedAt - generation.since >= keptMs / GENERATIONS) {
      generation = {
        pages: new Array<undefined>(PAGES).fill(undefined),
        counts: new Uint32Array(PAGES),
        since: appendedAt,
        appendedAt,
        lastSeq: seq,
      }
      generations.push(generation)
    }
    const count = (generation.counts[page]! += 1)
    let words = generation.pages[page]
    if (!words || count * SLOT_WORDS > words.length * FULL) generation.pages[page] = words = grown(words)
    put(words, slot)
    generation.lastSeq = seq
    if (appendedAt > generation.appendedAt) generation.appendedAt = appendedAt
  }

  return {
    /** Forgets what was not written, and reads the rest from the store. */
    load() {
      generations = []
      fresh = []
      freshAt = 0
      nextSeq = 1
      for (const { seq, appendedAt, ids } of all.iterate(owner) as Iterable<
        { seq: number; appendedAt: number; ids: Uint8Array } & Record<string, never>
      >) {
        const words = new Uint32Array(Uint8Array.from(ids).buffer)
        for (let at = 0; at < words.length; at += ROW_WORDS) {
          place([words[at]!, words[at + 1]!, words[at + 2]!, words[at + 4]!], words[at + 3]! % PAGES, appendedAt, seq)
        }
        nextSeq = seq + 1
      }
    },
    /** Whether the id is new, and then notes it; or seen before with the same content, or with another. */
    check({ word0, word1, word2, word3, content }: Identity, appendedAt: number): Verdict {
      const slot: Slot = [word0 >>> 0, word1 >>> 0, word2 >>> 0, content >>> 0]
      const page = (word3 >>> 0) % PAGES
      for (let at = generations.length - 1; at >= 0; at -= 1) {
        const words = generations[at]!.pages[page]
        const found = words ? find(words, slot) : -1
        if (found >= 0) return words![found + 3] === slot[3] ? 'same' : 'other'
      }
      place(slot, page, appendedAt, nextSeq)
      fresh.push(word0, word1, word2, word3, content)
      if (appendedAt > freshAt) freshAt = appendedAt
      return 'new'
    },
    /** Writes the new ids; before the transaction commits. */
    write() {
      if (fresh.length === 0) return
      insert.run(owner, nextSeq, freshAt, new Uint8Array(new Uint32Array(fresh).buffer))
      nextSeq += 1
      fresh = []
      freshAt = 0
    },
    /** Forgets ids that the topic no longer keeps: those of generations that were appended before then altogether. */
    expire(appendedBefore: number) {
      let last: Generation | undefined
      while (generations.length > 1 && generations[0]!.appendedAt < appendedBefore) last = generations.shift()
      // The row that straddles two generations stays with the younger: so after a restart ids that were forgotten may be known a little longer.
      if (last) remove.run(owner, last.lastSeq - 1)
    },
  }
}

export type Seen = ReturnType<typeof seenIn>

/** Where the search for an identity begins: the slots lie in the order of its second word. */
function home(word1: number, words: Uint32Array): number {
  return Math.floor((word1 * (words.length / SLOT_WORDS)) / 2 ** 32) * SLOT_WORDS
}

/** The first word of its slot, or -1. A free slot begins with 0, and no identity does. */
function find(words: Uint32Array, [word0, word1, word2]: Slot): number {
  for (let at = home(word1, words); words[at] !== 0; at = at + SLOT_WORDS === words.length ? 0 : at + SLOT_WORDS) {
    if (words[at] === word0 && words[at + 1] === word1 && words[at + 2] === word2) return at
  }
  return -1
}

function put(words: Uint32Array, slot: Slot): void {
  let at = home(slot[1], words)
  while (words[at] !== 0) at = at + SLOT_WORDS === words.length ? 0 : at + SLOT_WORDS
  words.set(slot, at)
}

function grown(words: Uint32Array | undefined): Uint32Array {
  if (!words) return new Uint32Array(PAGE_SLOTS_MIN * SLOT_WORDS)
  const slots = words.length / SLOT_WORDS
  const more = new Uint32Array(Math.ceil(slots * (slots < DOUBLING_SLOTS_MAX ? 2 : GROWTH)) * SLOT_WORDS)
  for (let at = 0; at < words.length; at += SLOT_WORDS)
    if (words[at] !== 0) put(more, [words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!])
  return more
}
