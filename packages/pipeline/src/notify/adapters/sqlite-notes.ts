import { NOTES_MAX } from '@flowguard/contract'
import { storeView } from '../../kernel/sqlite.ts'
import { noteOf, type NotesView } from '../customers/notes.ts'

const NEWEST = `select body from user_notes where user_id = ? and noted_at >= ? order by ts desc, body desc limit ${NOTES_MAX}`

/** Reads another process's `pipeline.db`: the gateway may be up before it is there. */
export function sqliteNotesView(path: string): NotesView & Disposable {
  const store = storeView(path, (db) => ({ newest: db.prepare(NEWEST) }))
  return {
    async notes(userId, notedSince) {
      const rows = store.read(({ newest }) => newest.all(userId, notedSince)) as unknown as { body: string }[]
      return rows.map(({ body }) => noteOf(userId, body))
    },
    [Symbol.dispose]: store[Symbol.dispose],
  }
}
