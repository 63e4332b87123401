import type { DatabaseSync } from 'node:sqlite'
import type { AttributedEvent } from '@flowguard/contract'
import type { Headers } from '../log/event-log.ts'
import { dueQueue } from '../reader/due-queue.ts'
import { journalIn } from '../reader/journal.ts'
import { totalsIn } from '../reader/totals.ts'

const OWNER = 'stream/pending'

/** An order that waits for the watermark to pass it. */
export interface Pending {
  id: string
  ts: number
  order: Omit<AttributedEvent, 'click' | 'lag_ms'>
  headers: Headers
}

/**
 * The orders that the watermark has not passed. They are kept as lines of a journal; a line whose time lies before the watermark has been answered, in
 * the transaction that moved the watermark beyond it.
 */
export function pendingOrders(db: DatabaseSync) {
  const journal = journalIn(db, OWNER)
  const queue = dueQueue<Pending>()
  const totals = totalsIn(db)

  return {
    load(watermark: number) {
      queue.clear()
      for (const each of waiting(journal.load(), watermark)) queue.add(each)
    },
    /** Takes in those that arrived, writes down which of them wait, and returns all that are due now. Before the transaction commits. */
    pass(arrived: readonly Pending[], watermark: number): Pending[] {
      const before = queue.size()
      for (const each of arrived) {
        queue.add(each)
        if (each.ts >= watermark) journal.add(JSON.stringify(each), each.ts)
      }
      const due = queue.take(watermark)
      journal.write()
      if (due.length > 0) journal.dropBefore(watermark)
      totals.add('pending', { count: queue.size() - before, amount: 0 })
      return due
    },
  }
}

/** Those that wait in a store: for whoever looks at it. `watermark` is the stream's, null before it has one. */
export function pendingIn(db: DatabaseSync, watermark: number | null): Pending[] {
  return [...waiting(journalIn(db, OWNER).load(), watermark ?? -Infinity)]
}

function* waiting(rows: Iterable<{ lines: string[] }>, watermark: number): Generator<Pending> {
  for (const { lines } of rows) {
    for (const line of lines) {
      const each = JSON.parse(line) as Pending
      if (each.ts >= watermark) yield each
    }
  }
}
