import type { Zone } from '../state/preferences.ts'

const whole = new Intl.NumberFormat('en-GB')
const compact = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumFractionDigits: 1 })
/** Amounts are grouped as counts are: both stand in one table. */
const inRupees = (decimals: { minimumFractionDigits?: number; maximumFractionDigits: number }) =>
  new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'INR', currencyDisplay: 'narrowSymbol', ...decimals })
const rupees = inRupees({ maximumFractionDigits: 2 })

export const count = (value: number): string => whole.format(value)
/** Short where it is long: 12.3K. */
export const brief = (value: number): string => (Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value))
/** To the thousandth of a paisa, which a single impression may cost. */
const DECIMALS_MAX = 5
const DECIMALS_MIN = 2
const exactRupees = inRupees({ maximumFractionDigits: DECIMALS_MAX })
const MILLI_A_RUPEE = 100_000

export const money = (value: number): string => rupees.format(value)
export const exactMoney = (value: number): string => exactRupees.format(value)
/** The same for amounts that stand in one column: all with as many decimals as the one that needs the most. */
export function exactMoneyOf(amounts: readonly number[]): (value: number) => string {
  const needs = (value: number) => (Math.round(Math.abs(value) * MILLI_A_RUPEE) / MILLI_A_RUPEE).toString().split('.')[1]?.length ?? 0
  const decimals = amounts.reduce((most, each) => Math.max(most, needs(each)), DECIMALS_MIN)
  const format = inRupees({ minimumFractionDigits: decimals, maximumFractionDigits: decimals })
  return (value) => format.format(value)
}
/** Summed as the integers that amounts are, so that no sum is off by a rounding. */
export const sumOfMoney = (amounts: readonly number[]): number =>
  amounts.reduce((sum, each) => sum + Math.round(each * MILLI_A_RUPEE), 0) / MILLI_A_RUPEE

const wholeRupees = inRupees({ maximumFractionDigits: 0 })
const shortRupees = new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'INR', notation: 'compact', maximumSignificantDigits: 3 })

/** To the rupee: for sums. */
export const rupeesOf = (value: number): string => wholeRupees.format(value)
/** For an axis: ₹12.3K. */
export const briefMoney = (value: number): string => shortRupees.format(value)
/** Of a rate from 0 to 1. */
export const percent = (value: number): string => `${(value * 100).toFixed(1)}%`

/** How long ago, as one says it. */
export function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes} min ago`
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`
  return `${Math.floor(minutes / 1_440)} days ago`
}

export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  return value >= 100 ? brief(Math.round(value)) : value.toFixed(1)
}

/** Null where nobody says. */
export function bytes(value: number | null): string {
  if (value === null) return 'unknown'
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let at = 0
  let rest = value
  while (rest >= 1_000 && at < units.length - 1) {
    rest /= 1_000
    at += 1
  }
  return `${at === 0 || rest >= 100 ? Math.round(rest) : rest.toFixed(1)} ${units[at]}`
}

const UNITS_MS = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
/** Each is rounded to what its text can say, and the first that then still fits is taken: 59.96 s are a minute, and never `60 s`. */
const FORMS: readonly { below: number; stepMs: number; show: (ms: number) => string }[] = [
  { below: 10, stepMs: 0.1, show: (ms) => `${ms % 1 === 0 ? ms : ms.toFixed(1)} ms` },
  { below: UNITS_MS.s, stepMs: 1, show: (ms) => `${ms} ms` },
  { below: 10 * UNITS_MS.s, stepMs: 100, show: (ms) => `${(ms / UNITS_MS.s).toFixed(1)} s` },
  { below: UNITS_MS.min, stepMs: UNITS_MS.s, show: (ms) => `${ms / UNITS_MS.s} s` },
  { below: UNITS_MS.h, stepMs: UNITS_MS.s, show: (ms) => twoUnits(ms, 'min', 's') },
  { below: 2 * UNITS_MS.d, stepMs: UNITS_MS.min, show: (ms) => twoUnits(ms, 'h', 'min') },
  { below: Infinity, stepMs: UNITS_MS.h, show: (ms) => twoUnits(ms, 'd', 'h') },
]

export function duration(ms: number): string {
  for (const { below, stepMs, show } of FORMS) {
    // Divided by the steps in one, for 0.1 has no exact form.
    const rounded = stepMs < 1 ? Math.round(Math.abs(ms) * 10) / 10 : Math.round(Math.abs(ms) / stepMs) * stepMs
    if (rounded < below) return show(rounded)
  }
  return '–'
}

function twoUnits(ms: number, great: keyof typeof UNITS_MS, small: keyof typeof UNITS_MS): string {
  const rest = (ms % UNITS_MS[great]) / UNITS_MS[small]
  return `${Math.floor(ms / UNITS_MS[great])} ${great}${rest === 0 ? '' : ` ${rest} ${small}`}`
}

/** The day and the time to the millisecond, in the zone that was chosen. */
export function moment(iso: string, zone: Zone): { day: string; time: string } {
  const at = new Date(iso)
  const shifted = zone === 'utc' ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000)
  const [day = '', time = ''] = shifted.toISOString().replace('Z', '').split('T')
  return { day, time }
}

/** For a field of a form: the instant as that zone's clock shows it, without a zone; empty where it is none. */
export function clockText(iso: string, zone: Zone): string {
  if (Number.isNaN(Date.parse(iso))) return ''
  const { day, time } = moment(iso, zone)
  return `${day}T${time.slice(0, 8)}`
}

/** What such a field says, as an instant; empty where it says none, as while a year is being typed. */
export function clockInstant(text: string, zone: Zone): string {
  const ms = Date.parse(zone === 'utc' ? `${text}Z` : text)
  return Number.isNaN(ms) ? '' : new Date(ms).toISOString()
}
