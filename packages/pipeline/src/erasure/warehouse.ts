import { literal } from '../etl/dialect.ts'
import type { Session } from '../warehouse/warehouse.ts'
import {
  erasedProperties,
  erasedText,
  formsOf,
  isNumeric,
  isTelling,
  isUserField,
  namePattern,
  RULES_OF_USERS,
  type Person,
} from './person.ts'
import { mentions } from './search.ts'

/** Columns of bronze and silver that are the person's own, beside their id; see `erasedEvent`. */
const PERSONAL = ['session_id', 'page_url', 'referrer', 'user_agent', 'ip_address']
/** Texts of one update. */
const ROWS_COUNT_MAX = 5_000

interface TextColumn {
  table: string
  name: string
}

/**
 * Takes a person out of all tables of the warehouse, in one transaction: texts in which the person is, then what else is theirs in their rows, then their id. Rows stay, so every sum
 * stays; the id becomes one other, so whatever counts users comes to the same. Resolves to the rows changed, by table.
 */
export async function eraseFromWarehouse(session: Session, person: Person): Promise<Map<string, number>> {
  const columns = await textColumns(session)
  const found = new Map<string, number>()
  const note = (table: string, rows: number) => void (rows > 0 && found.set(bare(table), Math.max(found.get(bare(table)) ?? 0, rows)))
  await session.transaction(async () => {
    for (const [table, own] of Map.groupBy(columns, (each) => each.table)) {
      const user = own.find(({ name }) => isUserField(name))?.name
      for (const { name } of own) {
        if (name === 'properties' && user !== undefined)
          note(table, await rewritten(session, { table, name }, `${quoted(user)} = $1 and properties is not null`, [person.id], properties))
        else if (!isId(name)) {
          const where = mayHold(name, user, person)
          note(table, await rewritten(session, { table, name }, where.sql, where.params, (text) => erasedText(text, person)))
        }
      }
      if (user === undefined) continue
      for (const { name } of own.filter((each) => PERSONAL.includes(each.name))) {
        // A session of ours is named by its user, and is what its row is about.
        const kept =
          name === 'session_id' ? `case when starts_with(session_id, $2 || '/') then $1 || substr(session_id, length($2) + 1) end` : 'null'
        const params = name === 'session_id' ? [person.pseudonym, person.id] : [person.id]
        await session.run(`update ${table} set ${quoted(name)} = ${kept} where ${quoted(user)} = $${params.length}`, params)
      }
      note(table, await session.run(`update ${table} set ${quoted(user)} = $1 where ${quoted(user)} = $2`, [person.pseudonym, person.id]))
    }
  })
  return found
}

const properties = (text: string): string => {
  try {
    return JSON.stringify(erasedProperties(JSON.parse(text)))
  } catch {
    return '{}'
  }
}

const isId = (name: string) => isUserField(name) || /(^|_)id$/.test(name) || PERSONAL.includes(name)

/** In the person's own rows, the event; elsewhere whatever JSON names them, and any text where the id means nobody else. */
function mayHold(name: string, user: string | undefined, { id }: Person): { sql: string; params: string[] } {
  const text = quoted(name)
  const anywhere = isTelling(id) ? holdsAny(text, formsOf(id)) : `${namedInJson(text, id)} and starts_with(${text}, '{')`
  const isOwn = user !== undefined && name === 'raw_event'
  return { sql: isOwn ? `${quoted(user)} = $1 or (${anywhere})` : anywhere, params: isOwn ? [id] : [] }
}

/** As a whole text of JSON, or of JSON within JSON; as a number where ids of users lie. */
function namedInJson(text: string, id: string): string {
  const asText = holdsAny(
    text,
    formsOf(id).flatMap((form) => [`"${form}"`, `"${form}\\`]),
  )
  if (!isNumeric(id)) return asText
  return `(${asText} or regexp_matches(${text}, ${inText(String.raw`"(user_?id|userId)\\*"\s*:\s*${namePattern(id)}`)}))`
}

const holdsAny = (text: string, parts: readonly string[]) => `(${parts.map((part) => `contains(${text}, ${inText(part)})`).join(' or ')})`

async function rewritten(
  session: Session,
  { table, name }: TextColumn,
  where: string,
  params: readonly string[],
  change: (text: string) => string,
): Promise<number> {
  const rows = await session.rows<{ at_row: number; text: string | null }>(
    `select rowid as at_row, ${quoted(name)} as text from ${table} where ${where}`,
    params,
  )
  const changed = rows.flatMap(({ at_row: at, text }) => {
    const erased = text === null ? null : change(text)
    return erased === null || erased === text ? [] : [{ at: String(at), text: erased }]
  })
  for (let from = 0; from < changed.length; from += ROWS_COUNT_MAX) {
    const part = changed.slice(from, from + ROWS_COUNT_MAX)
    await session.run(
      `update ${table} set ${quoted(name)} = c.text from (select unnest($1::varchar[])::bigint as at_row, unnest($2::varchar[]) as text) c where ${table}.rowid = c.at_row`,
      [part.map(({ at }) => at), part.map(({ text }) => text)],
    )
  }
  return changed.length
}

/** The search that proves it: every text of every column, lists too. Rows by `schema.table.column`. */
export async function searchWarehouse(session: Session, person: Person): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (const { table, name } of await textColumns(session, true)) {
    const rows = await session.rows<{ text: string }>(
      `select ${quoted(name)}::varchar as text from ${table} where ${mayMention(`${quoted(name)}::varchar`, person)}`,
    )
    const own = rows.filter(({ text }) => mentions(text, person, name)).length
    if (own > 0) found.set(`${bare(table)}.${name}`, own)
  }
  return found
}

/** All that `mentions` may take for the person: of an id like `7` not every row with a 7 in a time. */
function mayMention(text: string, { id }: Person): string {
  const forms = formsOf(id)
  if (isTelling(id)) return holdsAny(text, forms)
  const parts = forms.flatMap((form) => [`"${form}/`, `User ${form} `, ...RULES_OF_USERS.map((rule) => `${rule}/${form}`)])
  return `(${text} = ${inText(id)} or starts_with(${text}, ${inText(`${id}/`)}) or ${namedInJson(text, id)} or ${holdsAny(text, parts)})`
}

async function textColumns(session: Session, isAll = false): Promise<TextColumn[]> {
  const types = isAll ? `data_type like '%VARCHAR%' or data_type like '%JSON%'` : `data_type in ('VARCHAR', 'JSON')`
  const rows = await session.rows<{ schema: string; table: string; name: string }>(
    `select c.table_schema as "schema", c.table_name as "table", c.column_name as name from information_schema.columns c
     join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name and t.table_catalog = c.table_catalog
     where t.table_type = 'BASE TABLE' and t.table_catalog = current_database() and (${types}) order by 1, 2, c.ordinal_position`,
  )
  return rows.map(({ schema, table, name }) => ({ table: `"${schema}"."${table}"`, name }))
}

const bare = (table: string) => table.replaceAll('"', '')
const quoted = (name: string) => `"${name}"`
const inText = (text: string) => literal(text, 'duckdb')
