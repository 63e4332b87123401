import type { Headers, NewRecord } from '../log/event-log.ts'

/** What the outbox carries: JSON as text, orders and heartbeats. */
export type OutboxRecord = NewRecord & { value: string }

/** Records that were written together, as one row of the outbox: a line of JSON with keys, headers and partitions, then a line a value. JSON holds no line feed. */
export function packRecords(records: readonly OutboxRecord[]): string {
  let lines = JSON.stringify(records.map(({ key, headers, partition }) => [key, headers, partition]))
  for (const { value } of records) lines += `\n${value}`
  return lines
}

export function unpackRecords(packed: string): OutboxRecord[] {
  const [index = '[]', ...values] = packed.split('\n')
  return (JSON.parse(index) as [string, Headers, number | null][]).map(([key, headers, partition], at): OutboxRecord => {
    const record = { key, value: values[at] as string, headers }
    return partition === null ? record : { ...record, partition }
  })
}
