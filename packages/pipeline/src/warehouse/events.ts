import { ATTRIBUTED, parseTimestamp } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import { checkedOf } from '../reader/checked.ts'

export type Fields = Readonly<Record<string, unknown>>

/** The event as every reader takes it; undefined for what is none of ours. */
export function eventOf(record: LogRecord): Fields | undefined {
  if (record.topic === ATTRIBUTED) return attributedOf(record.value)
  const checked = checkedOf(record)
  return checked.kind === 'invalid' ? undefined : checked.event
}

/** What this product itself has written. */
function attributedOf(value: string): Fields | undefined {
  try {
    const event = JSON.parse(value) as Fields | null
    return typeof event?.['order_id'] === 'string' ? event : undefined
  } catch {
    return undefined
  }
}

/** Whole paise. */
export const money = (value: unknown): number => Math.round(Number(value) * 100) / 100

export function utc(value: unknown): string | undefined {
  const ts = typeof value === 'string' ? parseTimestamp(value) : undefined
  return ts === undefined ? undefined : new Date(ts).toISOString()
}
