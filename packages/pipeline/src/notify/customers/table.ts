import type { DatabaseSync } from 'node:sqlite'
import { DAY_MS, NOTES_DAYS, NOTES_MAX } from '@flowguard/contract'
import { bodyOf, type Note } from './notes.ts'

/** What is too old goes some rows at a time, so that no transaction is long for it. */
const EXPIRED_ROWS = 500

export const NOTES_KEPT_MS = NOTES_DAYS * DAY_MS

/** A row as it is told elsewhere. */
export interface NoteRow {
  seq: number
  userId: string
  ts: number
  body: string
}

const LATEST = "select coalesce((select seq from sqlite_sequence where name = 'user_notes'), 0) as seq"
const ROWS = 'select seq, user_id as userId, ts, body from user_notes'

/** The notes of all users. A row is never changed, so its number says who has been told of it. */
export function notesTable(db: DatabaseSync) {
  const sql = {
    insert: db.prepare('insert or ignore into user_notes (user_id, ts, note_id, noted_at, body) values (?, ?, ?, ?, ?)'),
    trim: db.prepare(`delete from user_notes where user_id = ?1 and seq in (
      select seq from user_notes where user_id = ?1 order by ts desc, body desc limit -1 offset ${NOTES_MAX})`),
    expire: db.prepare(
      `delete from user_notes where seq in (select seq from user_notes where noted_at < ? order by noted_at limit ${EXPIRED_ROWS})`,
    ),
    after: db.prepare(`${ROWS} where seq > ? order by seq limit ?`),
    latest: db.prepare(LATEST),
    epoch: db.prepare('select epoch from notes_standing'),
    setEpoch: db.prepare('update notes_standing set epoch = ?'),
  }
  return {
    /** In the transaction of the reader. False where it is there already. */
    add(note: Note): boolean {
      const { id, userId, ts, notedAt } = note
      if (Number(sql.insert.run(userId, ts, id, notedAt, bodyOf(note)).changes) === 0) return false
      sql.trim.run(userId)
      return true
    },
    expire: (notedBefore: number) => void sql.expire.run(notedBefore),
    after: (seq: number, countMax: number) => sql.after.all(seq, countMax) as unknown as NoteRow[],
    /** The last row that was ever written. */
    latest: () => (sql.latest.get() as { seq: number }).seq,
    /** What the notes elsewhere were last filled as; undefined where they are to be filled. */
    epoch: () => (sql.epoch.get() as { epoch: string | null }).epoch ?? undefined,
    setEpoch: (epoch: string | null) => void sql.setEpoch.run(epoch),
  }
}

export type NotesTable = ReturnType<typeof notesTable>
