import type { FastifyReply } from 'fastify'
import { Readable } from 'node:stream'

export type CsvRow = readonly (string | number | boolean | null | object)[]

/** What a spreadsheet would take for a formula: https://owasp.org/www-community/attacks/CSV_Injection */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/
/** Which is only that. */
const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i
/** A semicolon or a tab parts cells in some countries. */
const QUOTED = /[",;\t\r\n]|^\s|\s$/

/** One row of RFC 4180. A text that a spreadsheet would run stands behind an apostrophe; figures stay figures. */
export function csvLine(row: CsvRow): string {
  return `${row.map(cell).join(',')}\r\n`
}

interface CsvFile {
  /** Without its ending. */
  name: string
  columns: readonly string[]
  batches: AsyncIterable<readonly CsvRow[]> | Iterable<readonly CsvRow[]>
}

/** Sends rows as a file, as they come. The first batch is asked for before the answer begins, so that what fails then is a problem and not half a file. */
export async function sendCsv(reply: FastifyReply, { name, columns, batches }: CsvFile): Promise<FastifyReply> {
  async function* all() {
    yield* batches
  }
  const rest = all()
  const first = await rest.next()
  async function* lines() {
    yield csvLine(columns)
    for (let next = first; !next.done; next = await rest.next()) yield next.value.map(csvLine).join('')
  }
  return reply
    .type('text/csv; charset=utf-8; header=present')
    .header('content-disposition', `attachment; filename="${name.replaceAll(/[^\w.-]+/g, '_')}.csv"`)
    .send(Readable.from(lines()))
}

function cell(value: CsvRow[number]): string {
  if (value === null) return ''
  if (typeof value !== 'string') return typeof value === 'object' ? quoted(JSON.stringify(value)) : String(value)
  if (FORMULA.test(value) && !NUMBER.test(value)) return quoted(`'${value}`)
  return QUOTED.test(value) ? quoted(value) : value
}

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
