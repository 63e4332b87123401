import { text as textOf } from 'node:stream/consumers'
import { Command } from 'commander'
import { QUERY_LIMITS, type Answer, type Value } from '../warehouse/warehouse.ts'
import { action, EXIT, example, needsFolder, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { count, printable, table } from './output.ts'
import { withWarehouse } from './warehouse-look.ts'

const ROWS = 1_000
const TIMEOUT_S = 30
/** A cell of a table on a terminal; JSON and CSV have all of it. */
const CELL_CHARS_MAX = 60

interface SqlOptions {
  csv?: boolean
  limit: number
  timeout: number
}

/** `sql "SELECT …"`: a read-only look at the warehouse. */
export function sqlCommand(cli: Cli): Command {
  return new Command('sql')
    .description('a read-only look at the warehouse: bronze, silver and gold, in its own SQL: DuckDB’s, or Snowflake’s')
    .argument('[statement]', 'one statement that only reads; from stdin where there is none, or -')
    .option('--csv', 'comma-separated values on stdout')
    .option('--limit <rows>', 'at most so many rows', wholeNumber(1, QUERY_LIMITS.rowsMax), ROWS)
    .option('--timeout <seconds>', 'at most so long', wholeNumber(1, QUERY_LIMITS.timeoutMs / 1_000), TIMEOUT_S)
    .addHelpText(
      'after',
      example(
        'sql "select table_schema, table_name from information_schema.tables"',
        'sql "select event_type, count(*) from bronze.clicks_raw group by all" --csv',
        'sql < report.sql',
      ),
    )
    .action(action<SqlOptions, [string | undefined]>(cli, (context, options, statement) => ask(context, options, statement)))
}

async function ask(context: Context, { csv, limit, timeout }: SqlOptions, statement: string | undefined): Promise<ExitCode> {
  const { out, io } = context
  const sql = statement === undefined || statement === '-' ? await typed(io) : statement
  if (sql.trim() === '') {
    out.note('There is no statement: give one, or write it to stdin.')
    return EXIT.misused
  }
  if (context.settings.WAREHOUSE_URL === 'duckdb:') needsFolder(context.settings)
  const answer = await withWarehouse(context, (query) => query(sql, { rowsMax: limit, timeoutMs: timeout * 1_000 }))
  print(context, answer, csv === true)
  if (answer.truncated) out.note(`Only the first ${count(limit)} rows; --limit takes more.`)
  return EXIT.done
}

/** What is piped in; nobody is to sit before a terminal that waits without a word. */
async function typed({ stdin }: Context['io']): Promise<string> {
  const input = stdin()
  return input.isTTY ? '' : textOf(input)
}

function print({ out }: Context, { columns, rows }: Answer, isCsv: boolean): void {
  if (out.isJson) {
    const names = distinct(columns.map(({ name }) => name))
    return out.json(rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? null]))))
  }
  if (isCsv) {
    for (const row of [columns.map(({ name }) => name), ...rows]) out.line(row.map(csvCell).join(','))
    return
  }
  const isNumber = columns.map((_column, at) => rows.some((row) => typeof row[at] === 'number'))
  const titles = columns.map(({ name }, at) => ({ title: printable(name), align: isNumber[at] ? ('right' as const) : ('left' as const) }))
  out.line(
    table(
      titles,
      rows.map((row) => row.map((value) => cell(value, out.colors.dim))),
      out.colors,
    ),
  )
}

/** Two columns of one name are both to be seen. */
function distinct(names: readonly string[]): string[] {
  const seen = new Map<string, number>()
  return names.map((name) => {
    const times = (seen.get(name) ?? 0) + 1
    seen.set(name, times)
    return times === 1 ? name : `${name}_${times}`
  })
}

function cell(value: Value, dim: (text: string) => string): string {
  if (value === null) return dim('null')
  const text = printable(plain(value))
  return text.length > CELL_CHARS_MAX ? `${text.slice(0, CELL_CHARS_MAX - 1)}…` : text
}

/** RFC 4180; null is an empty field. */
function csvCell(value: Value): string {
  if (value === null) return ''
  const text = plain(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const plain = (value: Value) => (typeof value === 'object' ? JSON.stringify(value) : String(value))
