const DAY_MS = 86_400_000

const NAMES = {
  today: 'Today',
  7: '7 days',
  28: '28 days',
  90: '90 days',
  month: 'This month',
  previous: 'Last month',
  own: 'Custom',
} as const
export type RangeName = `${keyof typeof NAMES}`
export const rangeTitle = (name: RangeName): string => NAMES[name]

/** UTC days, both ends included. */
export interface Days {
  from: string
  to: string
}

export interface Range extends Days {
  name: RangeName
  days: number
  /** Today is among them, so they are not over. */
  isOpen: boolean
  /** Those of them that are over; none where there is today alone. */
  over: (Days & { days: number }) | undefined
  /** As many days right before as are over, or the day before today. */
  before: Days & { days: number }
}

export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
const addDays = (day: string, count: number): string => dayOf(Date.parse(day) + count * DAY_MS)
const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && dayOf(Date.parse(text)) === text
const firstOfMonth = (day: string) => `${day.slice(0, 7)}-01`
const lengthOf = ({ from, to }: Days) => (Date.parse(to) - Date.parse(from)) / DAY_MS + 1

/** What the address says, one of the choices or days of its own; the first choice where it says nothing that can be shown. */
export function rangeOf(get: (name: string) => string, today: string, choices: readonly RangeName[]): Range {
  const said = get('range')
  const [from, to] = [get('from'), get('to')]
  const isOwn = (said === '' || said === 'own') && isDay(from) && isDay(to) && from <= to
  const name = isOwn ? 'own' : (choices.find((each) => each === said && each !== 'own') ?? choices[0] ?? '7')
  const days = isOwn ? { from, to } : namedDays(name, today)
  const isOpen = days.to >= today
  const upTo = isOpen ? addDays(today, -1) : days.to
  const over = upTo < days.from ? undefined : { from: days.from, to: upTo, days: lengthOf({ from: days.from, to: upTo }) }
  const count = over?.days ?? 1
  return {
    ...days,
    name,
    days: lengthOf(days),
    isOpen,
    over,
    before: { from: addDays(days.from, -count), to: addDays(days.from, -1), days: count },
  }
}

function namedDays(name: RangeName, today: string): Days {
  if (name === 'today') return { from: today, to: today }
  if (name === 'month') return { from: firstOfMonth(today), to: today }
  if (name === 'previous') {
    const to = addDays(firstOfMonth(today), -1)
    return { from: firstOfMonth(to), to }
  }
  return { from: addDays(today, 1 - Number(name)), to: today }
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
