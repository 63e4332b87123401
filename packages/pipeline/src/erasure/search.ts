import type { DatabaseSync } from 'node:sqlite'
import type { LogRecord } from '../log/event-log.ts'
import { userHash } from '../stream/journey-index.ts'
import { formsOf, isNumeric, isTelling, namePattern, RULES_OF_USERS, wordPattern, type Person } from './person.ts'

/**
 * The search that proves an erasure. It knows nothing of how one is made: it goes through every column of every table, and takes for the person whatever reads so.
 */
export function mentions(text: string, { id }: Person, column = ''): boolean {
  if (/^user_?id$/i.test(column)) return text === id
  // Not in the midst of a longer word, or of a longer address.
  if (isTelling(id)) return isWritten(text, id) && new RegExp(wordPattern(id)).test(text)
  if (/^(subject|key)$/i.test(column) && text === id) return true
  if (column === 'session_id' && text.startsWith(`${id}/`)) return true
  const name = namePattern(id)
  const rules = RULES_OF_USERS.join('|')
  const asNumber = isNumeric(id) ? String.raw`|${name}(?![\w.])` : ''
  // Named so in JSON, as text or as a number, however often that is JSON in JSON; first in a step of the stream's; a session's; the subject of an alert about users.
  return new RegExp(
    [
      String.raw`\\*"(?:user_?id|userId)\\*"\s*:\s*(?:\\*"${name}\\*"${asNumber})`,
      String.raw`^\["${name}",`,
      String.raw`"session_id":"${name}\/\d`,
      String.raw`\b(?:${rules})\/${name}(?:\/|$)`,
      String.raw`\bUser ${name} has\b`,
    ].join('|'),
    'm',
  ).test(text)
}

/** Whether the id stands in the text in any of its forms, be it as a part of another. */
export const isWritten = (text: string, id: string): boolean => formsOf(id).some((form) => text.includes(form))

/** Whether a record tells of the person: also in what it carries in base64. */
export function recordMentions({ key, value, headers }: Pick<LogRecord, 'key' | 'value' | 'headers'>, person: Person): boolean {
  if (key !== null && mentions(key, person, 'key')) return true
  if (mentions(value, person) || mentions(JSON.stringify(headers), person)) return true
  const inner = /"value_base64":"([^"]*)"/.exec(value)?.[1]
  return inner !== undefined && mentions(Buffer.from(inner, 'base64').toString(), person)
}

/** Of whatever type: what a column is declared as says little in SQLite. */
function allColumns(db: DatabaseSync): { table: string; name: string }[] {
  return db
    .prepare(
      `select t.name as "table", c.name from sqlite_schema t, pragma_table_info(t.name) c where t.type = 'table' and t.name not like 'sqlite_%'`,
    )
    .all() as unknown as { table: string; name: string }[]
}

/** Rows by `table.column`. The records of a log lie in one row together: those are looked at by `recordMentions`. */
export function searchTables(db: DatabaseSync, person: Person): Map<string, number> {
  const found = new Map<string, number>()
  const forms = formsOf(person.id)
  for (const { table, name } of allColumns(db)) {
    let rows = 0
    for (const { text } of db
      .prepare(`select cast("${name}" as text) as text from "${table}" where ${forms.map(() => `instr("${name}", ?) > 0`).join(' or ')}`)
      .iterate(...forms) as Iterable<unknown> as Iterable<{ text: unknown }>) {
      if (typeof text === 'string' && mentions(text, person, name)) rows += 1
    }
    if (rows > 0) found.set(`${table}.${name}`, rows)
  }
  // The one place in which a user lies as a number.
  if (db.prepare("select 1 from sqlite_schema where name = 'journeys'").get()) {
    const { rows } = db.prepare('select count(*) as rows from journeys where user_hash = ?').get(userHash(person.id)) as { rows: number }
    if (rows > 0) found.set('journeys.user_hash', rows)
  }
  return found
}
