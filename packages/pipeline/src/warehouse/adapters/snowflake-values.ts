import { EVENT_TIME_MAX } from '@flowguard/contract'
import type { Value } from '../warehouse.ts'
import type { Column } from './snowflake-driver.ts'

/** Every decimal of so many digits is told apart by a number. */
const EXACT_DIGITS = 15
const NANOS_A_MICRO = 1_000

/** What the driver is to leave as it came: it would round numbers. */
export const AS_TEXT = ['Number', 'JSON'] as const

const NULL = 'NULL'
const OF_TEXT = ['fixed', 'real', 'variant', 'object', 'array']

/** An unquoted name is in capitals there, and was none in what was asked. */
export const nameOf = (column: Column): string => {
  const name = column.getName()
  return name === name.toUpperCase() ? name.toLowerCase() : name
}

/** As people write it. */
export function typeOf(column: Column): string {
  const type = column.getType()
  return type === 'fixed' ? `number(${column.getPrecision()},${column.getScale()})` : type
}

/** What the driver gives, as answers carry it (see `Value`). */
export function plainValue(value: unknown, column: Column): Value {
  if (value === null || value === undefined) return null
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const type = column.getType()
  // So the driver writes null where it is asked for text.
  if (value === NULL && OF_TEXT.includes(type)) return null
  switch (type) {
    case 'fixed':
    case 'real':
      return number(text)
    case 'boolean':
      return value === true || value === '1' || value === 'TRUE'
    case 'date':
      return value instanceof Date ? day(value) : text
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return value instanceof Date ? instant(value) : text
    case 'variant':
    case 'object':
    case 'array':
      return json(text)
    default:
      return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : text
  }
}

function number(text: string): Value {
  const value = Number(text)
  if (!Number.isFinite(value)) return { inf: 'Infinity', '-inf': '-Infinity', nan: 'NaN' }[text.toLowerCase()] ?? text
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(value) ? value : text
  const isDecimal = /^-?\d*\.\d+$/.test(text)
  return !isDecimal || text.replace(/[-.]/g, '').replace(/^0+/, '').length <= EXACT_DIGITS || String(value) === text ? value : text
}

const day = (date: Date): string => date.toISOString().replace(/T.*$/, '')

interface Moment extends Date {
  getNanoSeconds?: () => number
}

/** RFC 3339. Microseconds only where there are some; of what is finer nothing is kept. */
function instant(date: Moment): string {
  if (Math.abs(date.getTime()) > EVENT_TIME_MAX) return String(date.getTime())
  const text = date.toISOString()
  const micros = Math.floor((date.getNanoSeconds?.() ?? 0) / NANOS_A_MICRO) % 1_000
  return micros === 0 ? text : `${text.slice(0, -1)}${String(micros).padStart(3, '0')}Z`
}

/** A number that a number does not hold stays text; so does what is no JSON. */
function json(text: string): Value {
  const exactly = (_name: string, value: unknown, { source = '' }: { source?: string } = {}) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? source : value
  try {
    // The types know nothing of the source yet.
    return JSON.parse(text, exactly) as Value
  } catch {
    return text
  }
}
