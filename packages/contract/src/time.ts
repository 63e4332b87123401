/** Event time: integer milliseconds since 1970, UTC. */
export type EventTime = number & { readonly [eventTime]: true }
declare const eventTime: unique symbol

/** The last millisecond of the year 9999: what RFC 3339 can write. */
export const EVENT_TIME_MAX = 253_402_300_799_999

export const SECOND_MS = 1_000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** How far behind its own partition's time an event may be and still count (CONTRACT, Time). */
export const LATENESS_MS = 10 * SECOND_MS
/** How long a click may earn orders (CONTRACT, Attribution): 30:00.000 is in, 30:00.001 is out. */
export const WINDOW_MS = 30 * MINUTE_MS
/** A session goes on until its user has done nothing for longer (CONTRACT, Attribution): a gap of exactly 30:00.000 is still within it. */
export const SESSION_GAP_MS = 30 * MINUTE_MS
/** While the highest accepted event time is this near to the clock, heartbeats go on with the clock. */
export const LIVE_MS = 5 * MINUTE_MS

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?(?:([Zz])|([+-])(\d\d):?(\d\d))?$/

/**
 * RFC 3339 text to event time; UTC where it names no zone, digits beyond the millisecond cut off, a leap second as the second after.
 * Undefined for what is no such time.
 */
export function parseTimestamp(text: string): EventTime | undefined {
  if (text !== lastText) {
    lastTime = parsed(text)
    lastText = text
  }
  return lastTime
}

/** A timestamp is asked for twice: when its event is checked, and when it is worked off. */
let lastText = ''
let lastTime: EventTime | undefined

function parsed(text: string): EventTime | undefined {
  const parts = RFC3339.exec(text)
  if (!parts) return undefined
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return undefined
  const millis = parts[7] === undefined ? 0 : Number(parts[7].padEnd(3, '0').slice(0, 3))
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCDate() !== day) return undefined
  const offsetMinutes = parts[9] === undefined ? 0 : (parts[9] === '-' ? -1 : 1) * (Number(parts[10]) * 60 + Number(parts[11]))
  if (Math.abs(offsetMinutes) >= 24 * 60 || Number(parts[11] ?? 0) > 59) return undefined
  return (date.getTime() + ((hour * 60 + minute - offsetMinutes) * 60 + second) * SECOND_MS + millis) as EventTime
}

/** The UTC day of an instant, `YYYY-MM-DD`. */
export function dayOf(ts: number): string {
  const day = Math.floor(ts / DAY_MS)
  if (day !== lastDay) {
    lastDayText = new Date(ts).toISOString().slice(0, 10)
    lastDay = day
  }
  return lastDayText
}

/** Events come day by day, and writing one costs more than all else that is done with most. */
let lastDay = NaN
let lastDayText = ''

/** An instant as all are written here, UTC to the millisecond. */
export function isoOf(ts: number): string {
  if (ts !== lastTs) {
    lastTsText = new Date(ts).toISOString()
    lastTs = ts
  }
  return lastTsText
}

/** Many events are of the same millisecond. */
let lastTs = NaN
let lastTsText = ''

export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && parseTimestamp(`${text}T00:00:00Z`) !== undefined
}
