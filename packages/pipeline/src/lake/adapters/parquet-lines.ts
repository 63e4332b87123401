import { ATTRIBUTED, dayOf, HOUR_MS, parseTimestamp } from '@flowguard/contract'
import type { LogRecord } from '../../log/event-log.ts'
import { checkedOf } from '../../reader/checked.ts'

/** Between fields: control characters are in none of them, for a record that has any is encoded. */
export const SEPARATOR = '\u0001'
// oxlint-disable-next-line no-control-regex -- in a line of the file they would be its structure
const CONTROL = /[\u0000-\u001f]/

/** What the lake knows of a record beside its bytes. What is no event of ours has none of it. */
interface Known {
  ts?: number | undefined
  event_type?: string | undefined
  event_id?: string | undefined
  user_id?: string | undefined
  item_id?: number | undefined
  order_id?: string | undefined
}

export interface Line {
  text: string
  day: string
  hour: number
  /** Hours since 1970. */
  hours: number
  ts: number | undefined
}

/** The fields of a line in their order, each as DuckDB is to read it. `plain` undoes the encoding that the field `is_encoded` tells of. */
export const LINE_FIELDS = [
  'topic',
  'hours',
  'log_id',
  'partition',
  'offset',
  'appended_at',
  'ts',
  'is_encoded',
  'event_type',
  'event_id',
  'user_id',
  'item_id',
  'order_id',
  'key',
  'headers',
  'event',
  'bytes',
] as const

/** The record as a line of the file that DuckDB makes Parquet of; undefined for a heartbeat. */
export function lineOf(record: LogRecord, logId: string): Line | undefined {
  const known = knownOf(record)
  if (!known) return undefined
  const { topic, partition, offset, appendedAt, key, headers, value, bytes } = record
  const { ts, event_type: type, event_id: id, user_id: user, item_id: item, order_id: order } = known
  const at = ts ?? appendedAt
  const hours = Math.floor(at / HOUR_MS)
  const headersText = JSON.stringify(headers)
  // As text where it is any: bytes that are none are in a column of their own.
  const fields = [type ?? '', id ?? '', user ?? '', item ?? '', order ?? '', key === null ? '' : `=${key}`, headersText, bytes ? '' : value]
  const isEncoded = CONTROL.test(fields.join(''))
  const written = isEncoded ? fields.map((each) => (typeof each === 'string' ? Buffer.from(each).toString('base64') : each)) : fields
  const raw = bytes ? `=${Buffer.from(bytes).toString('base64')}` : ''
  const text = `${[topic, hours, logId, partition, offset, appendedAt, ts ?? '', isEncoded ? 1 : 0, ...written, raw].join(SEPARATOR)}\n`
  return { text, day: dayOf(hours * HOUR_MS), hour: hours % 24, hours, ts }
}

function knownOf(record: LogRecord): Known | undefined {
  if (record.topic === ATTRIBUTED) return attributedOf(record)
  const checked = checkedOf(record)
  if (checked.kind === 'heartbeat') return undefined
  return checked.kind === 'event' ? checked.event : {}
}

/** What this product itself has written; its time is the order's. */
function attributedOf({ value, bytes }: LogRecord): Known {
  if (bytes) return {}
  try {
    const event = JSON.parse(value) as Record<string, unknown> | null
    const { order_id: order, event_id: id, user_id: user, item_id: item, timestamp } = event ?? {}
    if (typeof order !== 'string' || typeof id !== 'string' || typeof user !== 'string' || !Number.isSafeInteger(item)) return {}
    const ts = typeof timestamp === 'string' ? parseTimestamp(timestamp) : undefined
    return { ts, event_id: id, user_id: user, item_id: item as number, order_id: order }
  } catch {
    return {}
  }
}
