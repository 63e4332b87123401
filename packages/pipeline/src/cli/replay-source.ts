import { basename } from 'node:path'
import { headOf, identify, readEvents, type EventSource } from './replay-file.ts'
import { PARQUET } from './replay-sql.ts'
import { openTable, type OpenOptions } from './replay-table.ts'

/** Throws `file_invalid` or `mapping_invalid` where no events can come of it. */
export async function openSource(path: string, options: OpenOptions): Promise<EventSource> {
  const file = await identify(path)
  const { text } = await headOf(path)
  if (options.mapping || text.startsWith(PARQUET)) return openTable(file, options)
  return {
    ...file,
    name: basename(path),
    unit: 'line',
    read: ({ onBytes } = {}) => readEvents(path, onBytes),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
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
