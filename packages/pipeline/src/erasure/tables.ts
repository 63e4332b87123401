import type { DatabaseSync } from 'node:sqlite'
import { packRecords, unpackRecords, type OutboxRecord } from '../database/outbox-rows.ts'
import type { LogRecord } from '../log/event-log.ts'
import { userHash } from '../stream/journey-index.ts'
import { erasedAlert, erasedProperties, erasedRaw, erasedText, formsOf, isUserField, RULES_OF_USERS, type Person } from './person.ts'

/** How many rows of which place were changed or removed. */
export type Found = ReadonlyMap<string, number>

interface Column {
  table: string
  name: string
}

type Row = Record<string, unknown>

/** What is kept otherwise than as a user's id in a column of its own, or as text or JSON in which it is. Each returns the rows that it changed; where its table is not, none. */
const SPECIAL: Readonly<Record<string, (db: DatabaseSync, person: Person) => number>> = {
  outbox: (db, person) =>
    rewrite(db, { table: 'outbox', name: 'records' }, person.id, (records) =>
      packRecords(unpackRecords(records).map((each) => erasedOrder(each, person))),
    ),
  journal: (db, person) =>
    rewrite(db, { table: 'journal', name: 'lines' }, person.id, (lines) =>
      lines
        .split('\n')
        .map((line) => (line.startsWith('[') ? erasedStep(line, person) : erasedText(line, person)))
        .join('\n'),
    ),
  // Who they were told to is all that they are for.
  user_notes: (db, { id }) => Number(db.prepare('delete from user_notes where user_id = ?').run(id).changes),
  journeys: (db, { id, pseudonym }) =>
    Number(db.prepare('update or replace journeys set user_hash = ? where user_hash = ?').run(userHash(pseudonym), userHash(id)).changes),
  alerts: (db, person) => {
    const columns = ['alert_id', 'subject', 'title', 'detail', 'reason']
    const rows = db
      .prepare(`select seq, ${columns.join(', ')} from alerts where subject = ? and rule in (${RULES_OF_USERS.map(() => '?').join(', ')})`)
      .all(person.id, ...RULES_OF_USERS) as Row[]
    const update = db.prepare(`update or replace alerts set ${columns.map((name) => `${name} = ?`).join(', ')} where seq = ?`)
    for (const { seq, ...row } of rows) {
      const erased = erasedAlert(row, person)
      update.run(...columns.map((name) => erased[name] as string), seq as number)
    }
    return rows.length
  },
  channel_deliveries: (db, person) => {
    const rows = db
      .prepare('select channel, log_offset, alert_id, heading, detail from channel_deliveries where instr(alert_id, ?) > 0')
      .all(`/${person.id}/`) as Row[]
    const own = rows.filter(({ alert_id: id }) => RULES_OF_USERS.some((rule) => (id as string).startsWith(`${rule}/${person.id}/`)))
    const update = db.prepare('update channel_deliveries set alert_id = ?, heading = ?, detail = ? where channel = ? and log_offset = ?')
    for (const row of own) {
      const { alert_id: id, heading, detail } = erasedAlert(row, person) as Record<string, string>
      update.run(id as string, heading as string, detail as string, row['channel'] as string, row['log_offset'] as number)
    }
    return own.length
  },
  processed_events: (db, person) => erasedLane(db, 'processed_events', person),
  failed_events: (db, person) => erasedLane(db, 'failed_events', person),
  lane_retries: (db, { id, pseudonym }) => {
    const rows = db.prepare('select log_partition, log_offset, value from lane_retries where user_id = ? or key = ?').all(id, id) as Row[]
    const update = db.prepare('update lane_retries set user_id = ?, key = ?, value = ? where log_partition = ? and log_offset = ?')
    for (const { log_partition: partition, log_offset: offset, value } of rows)
      update.run(pseudonym, pseudonym, erasedRaw(value as string, pseudonym), partition as number, offset as number)
    return rows.length
  },
}

/** On its way to the log: the person's, or another's that names them. The very same where the person is not in it. */
function erasedOrder(order: OutboxRecord, person: Person): OutboxRecord {
  if (order.key === person.id) return { ...order, key: person.pseudonym, value: erasedRaw(order.value, person.pseudonym) }
  const value = erasedText(order.value, person)
  return value === order.value ? order : { ...order, value }
}

/** Read by whoever knows what a batch of the log is. */
const LOG_TABLE = 'log_batches'

/**
 * Takes a person out of all tables of a store, but those of a log, within the caller's transaction. First what is kept in forms of its own; then, in every table, columns
 * with ids of users, and text in which the person is. So a table that is made tomorrow is looked through too.
 */
export function eraseFromTables(db: DatabaseSync, person: Person): Found {
  const found = new Map<string, number>()
  const note = (place: string, rows: number) => void (rows > 0 && found.set(place, (found.get(place) ?? 0) + rows))
  const columns = textColumns(db)
  const tables = new Set(columns.map(({ table }) => table))
  for (const [table, erase] of Object.entries(SPECIAL)) if (tables.has(table)) note(table, erase(db, person))
  for (const column of columns) {
    if (column.table === LOG_TABLE || column.table === 'journal' || column.table === 'outbox') continue
    note(
      column.table,
      isUserField(column.name)
        ? Number(
            db
              .prepare(`update or replace "${column.table}" set "${column.name}" = ? where "${column.name}" = ?`)
              .run(person.pseudonym, person.id).changes,
          )
        : rewrite(db, column, person.id, (text) => (isIdColumn(column.name) ? text : erasedText(text, person))),
    )
  }
  return found
}

const isIdColumn = (name: string) => name === 'key' || name === 'subject' || /(^|_)id$/.test(name)

/** Records of a log that our own readers write: what they say is ours, whatever their topic. The very same record where the person is not in it. */
export function erasedOwnRecord(record: LogRecord, person: Person): LogRecord {
  const { bytes, ...rest } = record
  if (bytes) return record
  const key = record.key === null ? null : erasedKey(record.key, person)
  const value = erasedText(record.value, person)
  return key === record.key && value === record.value ? record : { ...rest, key, value }
}

/** Of a user's record the user; of an alert rule/subject, with or without when it began. */
function erasedKey(key: string, { id, pseudonym }: Person): string {
  if (key === id) return pseudonym
  const rule = RULES_OF_USERS.find((each) => key === `${each}/${id}` || key.startsWith(`${each}/${id}/`))
  return rule === undefined ? key : `${rule}/${pseudonym}${key.slice(rule.length + 1 + id.length)}`
}

/** `[user, item, ts, id, ad, campaign, kind, address, …]`: see stream/step.ts. The address goes too. */
function erasedStep(line: string, { id, pseudonym }: Person): string {
  const fields = JSON.parse(line) as unknown[]
  if (fields[0] !== id) return line
  fields[0] = pseudonym
  if (typeof fields[ADDRESS] === 'string') fields[ADDRESS] = null
  return JSON.stringify(fields)
}

const ADDRESS = 7

function erasedLane(db: DatabaseSync, table: string, { id, pseudonym }: Person): number {
  const rows = db.prepare(`select seq, properties from ${table} where user_id = ?`).all(id) as Row[]
  const update = db.prepare(`update or replace ${table} set user_id = ?, properties = ? where seq = ?`)
  for (const { seq, properties } of rows) {
    const kept = properties === null ? null : JSON.stringify(erasedProperties(JSON.parse(properties as string)))
    update.run(pseudonym, kept, seq as number)
  }
  return rows.length
}

/** Each text of the column in which the id stands at all, and that `change` changes. */
function rewrite(db: DatabaseSync, { table, name }: Column, id: string, change: (text: string) => string): number {
  const forms = formsOf(id)
  const isWritten = forms.map(() => `instr("${name}", ?) > 0`).join(' or ')
  const texts = db.prepare(`select distinct "${name}" as text from "${table}" where ${isWritten}`)
  const update = db.prepare(`update "${table}" set "${name}" = ? where "${name}" = ?`)
  let rows = 0
  for (const { text } of texts.all(...forms) as { text: string }[]) {
    const erased = change(text)
    if (erased !== text) rows += Number(update.run(erased, text).changes)
  }
  return rows
}

function textColumns(db: DatabaseSync): Column[] {
  return db
    .prepare(
      `select t.name as "table", c.name from sqlite_schema t, pragma_table_info(t.name) c
       where t.type = 'table' and t.name not like 'sqlite_%' and upper(c.type) in ('TEXT', 'ANY', '')`,
    )
    .all() as unknown as Column[]
}
