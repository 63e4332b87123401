import { join } from 'node:path'
import type { NoteKind } from '@flowguard/contract'
import { transaction } from '../../../kernel/sqlite.ts'
import { openPipelineStore } from '../../../pipeline-store.ts'
import { START, temporaryFolder, TOPICS } from '../../../reader/testing/fixture.ts'
import type { Note } from '../notes.ts'
import { notesTable } from '../table.ts'

export const note = (userId: string, order: string | number, ts: number, more: Partial<Note> = {}): Note => {
  const kind: NoteKind = more.kind ?? 'order_confirmed'
  const orderId = `o-${order}`
  return { id: `${kind}/${orderId}`, userId, kind, orderId, itemId: 4, itemName: 'Dal', quantity: 1, ts, notedAt: START + ts, ...more }
}

/** A pipeline's store in a file, and what comes to it. */
export function openedNotes() {
  const folder = temporaryFolder()
  const path = join(folder.path, 'pipeline.db')
  const store = openPipelineStore(path, TOPICS, () => START)
  // Nothing here outlives the test.
  store.db.exec('pragma synchronous = off')
  const table = notesTable(store.db)
  return {
    ...store,
    path,
    table,
    /** Says of each whether it is new. */
    add: (...notes: Note[]) => transaction(store.db, () => notes.map((each) => table.add(each))),
    [Symbol.dispose]() {
      store[Symbol.dispose]()
      folder[Symbol.dispose]()
    },
  }
}
