const DAY_MS = 86_400_000

export const RANGES = [
  ['today', 'Today'],
  ['7', '7 days'],
  ['28', '28 days'],
  ['90', '90 days'],
  ['own', 'Own'],
] as const
export type RangeName = (typeof RANGES)[number][0]

/** UTC days, both ends included. */
export interface Days {
  from: string
  to: string
}

export interface Range extends Days {
  name: RangeName
  days: number
  /** As many days right before. */
  before: Days
  /** Today is among them, so they are not over. */
  isOpen: boolean
}

export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
const addDays = (day: string, count: number): string => dayOf(Date.parse(day) + count * DAY_MS)
const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && dayOf(Date.parse(text)) === text

/** What the address says, or the last 7 days where it says nothing that can be shown. */
export function rangeOf(get: (name: string) => string, nowMs: number): Range {
  const today = dayOf(nowMs)
  const name = RANGES.find(([each]) => each === get('range'))?.[0] ?? '7'
  const last = name === 'today' ? 1 : name === 'own' ? 7 : Number(name)
  let days: Days = { from: addDays(today, 1 - last), to: today }
  const [from, to] = [get('from'), get('to')]
  if (name === 'own' && isDay(from) && isDay(to) && from <= to) days = { from, to }
  const count = (Date.parse(days.to) - Date.parse(days.from)) / DAY_MS + 1
  return {
    ...days,
    name,
    days: count,
    before: { from: addDays(days.from, -count), to: addDays(days.from, -1) },
    isOpen: days.to >= today,
  }
}

/** The twelve months that end with that day's. */
export function monthsTo(to: string): Days {
  const [year = 0, month = 1] = to.split('-').map(Number)
  return { from: dayOf(Date.UTC(year, month - 12, 1)), to }
}

export interface Bucket extends Days {
  days: number
}

/** Bars for so many days: one a day, or of a week or 30 days where there would be too many. */
export function bucketsOf({ from, to, days }: Range): Bucket[] {
  const size = days <= 100 ? 1 : days <= 500 ? 7 : 30
  return Array.from({ length: Math.ceil(days / size) }, (_, at) => {
    const first = addDays(from, at * size)
    const last = addDays(first, size - 1)
    return { from: first, to: last < to ? last : to, days: size }
  })
}

/** As ISO numbers them, from 1. */
export const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
const short = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
const long = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })
export const shortDay = (day: string): string => short.format(Date.parse(day))
const longDay = (day: string): string => long.format(Date.parse(day))
export const spanText = ({ from, to }: Days): string => (from === to ? longDay(from) : `${shortDay(from)} to ${longDay(to)}`)
