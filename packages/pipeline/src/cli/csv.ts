import { EVENT_KINDS } from '@flowguard/contract'

/** The fields of one record of RFC 4180, whose quotes are balanced. Undefined where a quote stands in the wrong place. */
export function csvFields(record: string): string[] | undefined {
  if (!record.includes('"')) return record.split(',')
  const fields: string[] = []
  for (let at = 0; ; at += 1) {
    if (record[at] === '"') {
      let text = ''
      for (;;) {
        const end = record.indexOf('"', at + 1)
        if (end < 0) return undefined
        text += record.slice(at + 1, end)
        at = end + 1
        if (record[at] !== '"') break
        text += '"'
      }
      fields.push(text)
    } else {
      const end = record.indexOf(',', at)
      const text = record.slice(at, end < 0 ? undefined : end)
      if (text.includes('"')) return undefined
      fields.push(text)
      at = end < 0 ? record.length : end
    }
    if (at >= record.length) return fields
    if (record[at] !== ',') return undefined
  }
}

/** Whether a record goes on in the next line: a quote is still open. */
export function isQuoteOpen(record: string): boolean {
  let quotes = 0
  for (let at = record.indexOf('"'); at >= 0; at = record.indexOf('"', at + 1)) quotes += 1
  return quotes % 2 === 1
}

type ColumnKind = 'number' | 'boolean' | 'object' | 'text'

/** What the contract wants each of its fields to be; where two events differ, text that both take. */
export const COLUMN_KINDS: ReadonlyMap<string, ColumnKind> = new Map(
  Object.values(EVENT_KINDS).flatMap(({ input }) =>
    Object.entries(input.properties as Record<string, { type?: string; anyOf?: { type?: string }[] }>).map(([name, schema]) => [
      name,
      kindOfSchema(schema),
    ]),
  ),
)

function kindOfSchema({ type, anyOf }: { type?: string; anyOf?: { type?: string }[] }): ColumnKind {
  if (type === 'integer' || type === 'number') return 'number'
  if (type === 'boolean') return 'boolean'
  return type === 'object' || anyOf?.some((each) => each.type === 'object') ? 'object' : 'text'
}

/** An event from a row: empty cells are absent; numbers, booleans and objects where the contract's field needs one. */
export function eventOfRow(header: readonly string[], fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    header.map((name, at) => [name, cell(COLUMN_KINDS.get(name) ?? 'text', fields[at] ?? '')]).filter(([, value]) => value !== undefined),
  )
}

/** What cannot be read as its kind stays text, for the gateway to refuse with the reason. */
function cell(kind: ColumnKind, text: string): unknown {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  if (kind === 'number') return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) ? Number(trimmed) : text
  if (kind === 'boolean') {
    const lower = trimmed.toLowerCase()
    if (lower === 'true' || lower === '1') return true
    return lower === 'false' || lower === '0' ? false : text
  }
  if (kind === 'object' && trimmed.startsWith('{')) {
    try {
      return JSON.parse(trimmed)
    } catch {
      return text
    }
  }
  return text
}
