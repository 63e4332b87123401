import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  DuckDBArrayValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  LIST,
  VARCHAR,
  listValue,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api'
import { EVENT_TIME_MAX } from '@flowguard/contract'
import type { Param, Value } from '../warehouse.ts'

/** Every decimal of so many digits is told apart by a number. */
const EXACT_DIGITS = 15
const MICROS_A_MS = 1_000n

/** What DuckDB gives, as answers carry it (see `Value`). */
export function plainValue(value: DuckDBValue): Value {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return safeInteger(value) ?? value.toString()
  if (value instanceof DuckDBDecimalValue) {
    const text = value.toString()
    return text.replace(/[-.]/g, '').replace(/^0+/, '').length <= EXACT_DIGITS ? Number(text) : text
  }
  if (value instanceof DuckDBDateValue) return value.toString()
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) return instant(value.micros) ?? value.toString()
  if (value instanceof DuckDBTimestampMillisecondsValue) return instant(value.millis * MICROS_A_MS) ?? value.toString()
  if (value instanceof DuckDBTimestampSecondsValue) return instant(value.seconds * 1_000_000n) ?? value.toString()
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(plainValue)
  if (value instanceof DuckDBStructValue) return entries(Object.entries(value.entries))
  if (value instanceof DuckDBMapValue) return entries(value.entries.map((each) => [String(each.key), each.value]))
  return String(value)
}

const entries = (pairs: readonly (readonly [string, DuckDBValue])[]) =>
  Object.fromEntries(pairs.map(([name, value]) => [name, plainValue(value)]))

function safeInteger(value: bigint): number | undefined {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : undefined
}

/** RFC 3339; undefined for what it cannot write (infinity, years beyond 9999). Microseconds only where there are some. */
function instant(micros: bigint): string | undefined {
  const rest = ((micros % MICROS_A_MS) + MICROS_A_MS) % MICROS_A_MS
  const ms = Number((micros - rest) / MICROS_A_MS)
  if (Math.abs(ms) > EVENT_TIME_MAX) return undefined
  const text = new Date(ms).toISOString()
  return rest === 0n ? text : `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`
}

export function bound(params: readonly Param[]): { values: DuckDBValue[]; types: DuckDBType[] } {
  const values: DuckDBValue[] = []
  const types: DuckDBType[] = []
  for (const param of params) {
    const isWhole = Number.isSafeInteger(param)
    values.push(isWhole ? BigInt(param as number) : Array.isArray(param) ? listValue(param as string[]) : (param as DuckDBValue))
    types.push(
      typeof param === 'number'
        ? isWhole
          ? BIGINT
          : DOUBLE
        : Array.isArray(param)
          ? LIST(VARCHAR)
          : typeof param === 'boolean'
            ? BOOLEAN
            : VARCHAR,
    )
  }
  return { values, types }
}
