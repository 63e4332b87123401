import type { FastifyReply } from 'fastify'
import { Readable } from 'node:stream'

export type CsvRow = readonly (string | number | null)[]

/** What a spreadsheet would take for a formula, were it text of a customer's. */
const FORMULA = /^[=+\-@\t\r]/

/** One row of RFC 4180. A text that a spreadsheet would work out stands behind an apostrophe; figures stay figures. */
export function csvLine(row: CsvRow): string {
  return `${row.map(cell).join(',')}\r\n`
}

/** Sends rows as a file, as they come. The first batch is asked for before the answer begins, so that what fails then is a problem and not half a file. */
export async function sendCsv(
  reply: FastifyReply,
  { name, columns, batches }: { name: string; columns: readonly string[]; batches: AsyncIterable<readonly CsvRow[]> },
): Promise<FastifyReply> {
  const all = batches[Symbol.asyncIterator]()
  const first = await all.next()
  async function* lines() {
    yield csvLine(columns)
    for (let next = first; !next.done; next = await all.next()) yield next.value.map(csvLine).join('')
  }
  return reply
    .type('text/csv; charset=utf-8; header=present')
    .header('content-disposition', `attachment; filename="${name.replaceAll(/[^\w.-]+/g, '_')}.csv"`)
    .send(Readable.from(lines()))
}

function cell(value: string | number | null): string {
  if (typeof value !== 'string') return value === null ? '' : String(value)
  const text = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
