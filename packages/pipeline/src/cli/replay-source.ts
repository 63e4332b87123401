import { basename } from 'node:path'
import { FlowGuardError } from '../kernel/errors.ts'
import { csvFields } from './csv.ts'
import { headOf, identify, isCsv, readEvents, type EventSource } from './replay-file.ts'
import { PARQUET } from './replay-sql.ts'
import { openTable, type OpenOptions } from './replay-table.ts'

const COLUMNS_SHOWN = 10

/** Throws `file_invalid` or `mapping_invalid` where no events can come of it. */
export async function openSource(path: string, options: OpenOptions): Promise<EventSource> {
  const file = await identify(path)
  const { text } = await headOf(path)
  if (options.mapping || text.startsWith(PARQUET)) return openTable(file, options)
  if (isCsv(path)) assertEvents(path, text)
  return {
    ...file,
    name: basename(path),
    unit: 'line',
    read: ({ onBytes } = {}) => readEvents(path, onBytes),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Rows without a kind would go out one by one, and all be refused. A header that does not end in the head is left to the reader. */
function assertEvents(path: string, head: string): void {
  const end = head.search(/\r?\n/)
  const header = csvFields(
    Buffer.from(head.slice(0, Math.max(0, end)), 'latin1')
      .toString()
      .replace(/^\ufeff/, ''),
  )
  const names = header?.map((name) => name.trim()) ?? []
  if (end < 0 || names.includes('') || names.length === 0 || names.includes('event_type')) return
  const shown = names.slice(0, COLUMNS_SHOWN).join(', ') + (names.length > COLUMNS_SHOWN ? ', …' : '')
  throw new FlowGuardError(
    'file_invalid',
    `${path}: line 1: no column is called event_type (there are ${shown}), so that its rows are no events. With --map FILE.sql, a SELECT makes events of them; add --dry-run to see what comes of it (replay --help)`,
  )
}

/** The first and the greatest event time, where there is any. Reads all of it. */
export async function timeSpan(source: EventSource): Promise<{ first: number; last: number } | undefined> {
  let first: number | undefined
  let last = -Infinity
  for await (const events of source.read()) {
    for (const each of events) {
      if (!('text' in each) || each.ts === undefined) continue
      first ??= each.ts
      last = Math.max(last, each.ts)
    }
  }
  return first === undefined ? undefined : { first, last }
}

/** The first event time. */
export async function firstTime(source: EventSource): Promise<number | undefined> {
  for await (const events of source.read()) {
    const found = events.find((each) => 'text' in each && each.ts !== undefined)
    if (found && 'text' in found) return found.ts
  }
  return undefined
}
