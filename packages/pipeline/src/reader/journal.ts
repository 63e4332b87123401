import type { DatabaseSync } from 'node:sqlite'

export const JOURNAL_SCHEMA = `
  create table if not exists journal (owner text not null, seq integer not null, ts_max integer not null, lines text not null, primary key (owner, seq)) strict;
`
/** Small rows: one entry is found by reading one of them. Packed, so that an entry costs a sixtieth of a row. */
const ROW_LINES_MAX = 64

/** Where an entry lies. */
export interface Entry {
  seq: number
  line: number
}

/**
 * What an operator must still know after a restart, as lines in the order of their arrival, written with the effect that they belong to.
 * An operator holds in memory only what it needs to find them.
 */
export function journalIn(db: DatabaseSync, owner: string) {
  const insert = db.prepare('insert into journal values (?, ?, ?, ?)')
  const select = db.prepare('select lines from journal where owner = ? and seq = ?')
  const all = db.prepare('select seq, ts_max as tsMax, lines from journal where owner = ? order by seq')
  const oldest = db.prepare('select seq from journal where owner = ? and ts_max >= ? order by seq limit 1')
  const remove = db.prepare('delete from journal where owner = ? and seq < ?')
  const last = db.prepare('select coalesce(max(seq), 0) as seq from journal where owner = ?')
  let nextSeq = 1
  let lines: string[] = []
  let tsMax = -Infinity

  function write() {
    if (lines.length === 0) return
    insert.run(owner, nextSeq, tsMax, lines.join('\n'))
    nextSeq += 1
    lines = []
    tsMax = -Infinity
  }

  return {
    /** Drops what was not written, and reads every row from the oldest on. */
    *load(): Generator<{ seq: number; tsMax: number; lines: string[] }> {
      lines = []
      tsMax = -Infinity
      nextSeq = (last.get(owner) as { seq: number }).seq + 1
      for (const row of all.iterate(owner) as Iterable<{ seq: number; tsMax: number; lines: string } & Record<string, never>>) {
        yield { seq: row.seq, tsMax: row.tsMax, lines: row.lines.split('\n') }
      }
    },
    /** A line has no line break in it: JSON has none. */
    add(line: string, ts: number): Entry {
      const entry = { seq: nextSeq, line: lines.length }
      lines.push(line)
      if (ts > tsMax) tsMax = ts
      if (lines.length === ROW_LINES_MAX) write()
      return entry
    },
    /** Writes what was added; before the transaction commits. */
    write,
    line({ seq, line }: Entry): string {
      const text = seq === nextSeq ? lines[line] : (select.get(owner, seq) as { lines: string } | undefined)?.lines.split('\n')[line]
      if (text === undefined) throw new Error(`journal ${owner} has no line ${seq}/${line}`)
      return text
    },
    /** Forgets the oldest rows, as far as no line of them is of this time or later. */
    dropBefore(ts: number) {
      const first = oldest.get(owner, ts) as { seq: number } | undefined
      remove.run(owner, first?.seq ?? nextSeq)
    },
  }
}

export type Journal = ReturnType<typeof journalIn>
