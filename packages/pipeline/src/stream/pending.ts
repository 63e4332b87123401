import type { DatabaseSync } from 'node:sqlite'
import type { AttributedEvent } from '@flowguard/contract'
import type { Headers } from '../log/event-log.ts'
import { dueQueue } from '../reader/due-queue.ts'
import { journalIn } from '../reader/journal.ts'
import { totalsIn, totalsOf } from '../reader/totals.ts'

const OWNER = 'stream/pending'

/** An order that waits for the watermark to pass it. */
export interface Pending {
  id: string
  ts: number
  order: Omit<AttributedEvent, 'click' | 'lag_ms'>
  headers: Headers
}

/**
 * The orders that the watermark has not passed. They are kept as lines of a journal; a line whose time lies before the watermark kept beside them has been
 * answered, in the transaction that wrote it. That watermark never falls, though the log's may: it does not exist again while a new partition has said no time.
 * Rows go from the oldest on, so one order far ahead holds those behind it: by no more than the heartbeats let time lag, about a second.
 */
export function pendingOrders(db: DatabaseSync) {
  const journal = journalIn(db, OWNER)
  const queue = dueQueue<Pending>()
  const totals = totalsIn(db)
  let passed = 0

  return {
    load() {
      queue.clear()
      passed = passedIn(db)
      for (const each of waiting(journal.load(), passed)) queue.add(each)
    },
    /** The highest watermark that orders were answered by. */
    passed: () => passed,
    /** Takes in those that arrived, writes down which of them wait, and returns all that are due now. Before the transaction commits. */
    pass(arrived: readonly Pending[], watermark: number): Pending[] {
      passed = Math.max(passed, watermark)
      for (const each of arrived) {
        queue.add(each)
        if (each.ts >= passed) journal.add(JSON.stringify(each), each.ts)
      }
      const due = queue.take(passed)
      journal.write()
      if (due.length > 0) journal.dropBefore(passed)
      totals.put('pending', { count: queue.size(), amount: passed })
      return due
    },
  }
}

/** Those that wait in a store: for whoever looks at it. */
export function pendingIn(db: DatabaseSync): Pending[] {
  return [...waiting(journalIn(db, OWNER).load(), passedIn(db))]
}

/** The highest watermark that orders of a store were answered by: all that is derived from before it is there. */
export function passedIn(db: DatabaseSync): number {
  return totalsOf(db)('pending').amount
}

function* waiting(rows: Iterable<{ lines: string[] }>, watermark: number): Generator<Pending> {
  for (const { lines } of rows) {
    for (const line of lines) {
      const each = JSON.parse(line) as Pending
      if (each.ts >= watermark) yield each
    }
  }
}
