import { COLUMN_KINDS } from './csv.ts'

export interface TableColumn {
  name: string
  /** As DuckDB names it. */
  type: string
}

/** Names a row that is not to be sent, and why. */
const REJECT_REASON = 'reject_reason'
/** How every Parquet file begins. */
export const PARQUET = 'PAR1'
/** How many rows are looked at to tell the columns' types, so that a late odd one does not stop a file half sent. */
const SAMPLE_ROWS = 100_000
const RFC3339 = '%Y-%m-%dT%H:%M:%S.%gZ'

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`

/** The FROM clause of a file's rows: what it is by how it begins, its columns settled once and not for every reading anew. */
export async function inputSql(
  path: string,
  { isGzip, head }: { isGzip: boolean; head: string },
  ask: (sql: string) => Promise<Record<string, unknown>[]>,
): Promise<string> {
  if (head.startsWith(PARQUET)) return `from read_parquet(${literal(path)})`
  const packing = `compression = '${isGzip ? 'gzip' : 'uncompressed'}'`
  if (/^(?:\xef\xbb\xbf)?\s*[[{]/.test(head) && !/\.[ct]sv(\.gz)?$/i.test(path)) {
    // Times stay as the file has them: DuckDB would drop their zones.
    const options = `${packing}, timestampformat = 'no', dateformat = 'no', sample_size = ${SAMPLE_ROWS}`
    const columns = await ask(
      `select column_name as name, column_type as type from (describe from read_json(${literal(path)}, ${options}))`,
    )
    return `from read_json(${literal(path)}, ${packing}, columns = ${columnTypes(columns as unknown as TableColumn[])})`
  }
  const [found] = await ask(`from sniff_csv(${literal(path)}, ${packing}, sample_size = ${SAMPLE_ROWS})`)
  return `from read_csv(${literal(path)}, ${packing}, ${csvOptions(found as unknown as SniffedCsv)})`
}

interface SniffedCsv {
  Delimiter: string
  Quote: string
  Escape: string
  Comment: string
  SkipRows: number | string
  HasHeader: boolean
  Columns: TableColumn[]
  DateFormat: string | null
  TimestampFormat: string | null
}

/** What was found out, and the usual quotes where none have been seen: they may yet come. */
function csvOptions({ Delimiter, Quote, Escape, Comment, SkipRows, HasHeader, Columns, DateFormat, TimestampFormat }: SniffedCsv): string {
  const given = (text: string, usual: string) => literal(text === '(empty)' ? usual : text)
  return [
    'auto_detect = false',
    `delim = ${literal(Delimiter)}`,
    `quote = ${given(Quote, '"')}`,
    `escape = ${given(Escape, '"')}`,
    `comment = ${given(Comment, '')}`,
    `skip = ${Number(SkipRows)}`,
    `header = ${String(HasHeader)}`,
    ...(DateFormat === null ? [] : [`dateformat = ${literal(DateFormat)}`]),
    ...(TimestampFormat === null ? [] : [`timestampformat = ${literal(TimestampFormat)}`]),
    `columns = ${columnTypes(Columns)}`,
  ].join(', ')
}

function columnTypes(columns: readonly TableColumn[]): string {
  return `{${columns.map(({ name, type }) => `${literal(name)}: ${literal(type)}`).join(', ')}}`
}

/** Columns that no event has a field for; whether any other is there. */
export function unknownColumns(columns: readonly TableColumn[]): { unknown: string[]; isAnyKnown: boolean } {
  const fields = columns.map(({ name }) => name).filter((name) => name !== REJECT_REASON)
  const unknown = fields.filter((name) => !COLUMN_KINDS.has(name))
  const isAnyKnown = unknown.length < fields.length
  return {
    isAnyKnown,
    unknown: unknown.map((name) => (COLUMN_KINDS.has(name.toLowerCase()) ? `${name} (${name.toLowerCase()}?)` : name)),
  }
}

/** SQL for a row as JSON text: an event, its time and then its id in front of all, or a string that says why it is none. */
export function eventJson(columns: readonly TableColumn[]): string {
  const front = ['timestamp', 'event_id']
  const fields = columns.filter(({ name }) => name !== REJECT_REASON)
  const ordered = [
    ...front.flatMap((name) => fields.filter((each) => each.name === name)),
    ...fields.filter(({ name }) => !front.includes(name)),
  ]
  const event = `to_json({${ordered.map((column) => `${literal(column.name)}: ${valueSql(column)}`).join(', ')}})`
  const isRejecting = columns.length > fields.length
  return isRejecting
    ? `(case when ${REJECT_REASON} is null then ${event} else to_json(${REJECT_REASON}::varchar) end)::varchar`
    : `${event}::varchar`
}

function valueSql({ name, type }: TableColumn): string {
  const value = identifier(name)
  if (name === 'event_id') return `${value}::varchar`
  if (/^(?:TIMESTAMP|DATE$)/.test(type)) return `strftime(${value}::timestamp, ${literal(RFC3339)})`
  // By way of its text: 2.55, and not 2.549999952316284.
  if (type === 'FLOAT') return `${value}::varchar::double`
  if (type === 'VARCHAR' && COLUMN_KINDS.get(name) === 'object') {
    return `case when ${value} like '{%' and json_valid(${value}) then ${value}::json else to_json(${value}) end`
  }
  return value
}
