import type { Zone } from '../state/preferences.ts'

const whole = new Intl.NumberFormat('en-GB')
const compact = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumFractionDigits: 1 })
const rupees = new Intl.NumberFormat('en-IN', { style: 'currency', currency: 'INR', maximumFractionDigits: 2 })

export const count = (value: number): string => whole.format(value)
/** Short where it is long: 12.3K. */
export const brief = (value: number): string => (Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value))
/** To the thousandth of a paisa, which a single impression may cost. */
const exactRupees = new Intl.NumberFormat('en-IN', { style: 'currency', currency: 'INR', maximumFractionDigits: 5 })
const MILLI_A_RUPEE = 100_000

export const money = (value: number): string => rupees.format(value)
export const exactMoney = (value: number): string => exactRupees.format(value)
/** Summed as the integers that amounts are, so that no sum is off by a rounding. */
export const sumOfMoney = (amounts: readonly number[]): number =>
  amounts.reduce((sum, each) => sum + Math.round(each * MILLI_A_RUPEE), 0) / MILLI_A_RUPEE

const wholeRupees = new Intl.NumberFormat('en-IN', { style: 'currency', currency: 'INR', maximumFractionDigits: 0 })
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

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let at = 0
  let rest = value
  while (rest >= 1_000 && at < units.length - 1) {
    rest /= 1_000
    at += 1
  }
  return `${at === 0 || rest >= 100 ? Math.round(rest) : rest.toFixed(1)} ${units[at]}`
}

export function duration(ms: number): string {
  const size = Math.abs(ms)
  if (size < 1_000) return `${size < 10 && size % 1 !== 0 ? size.toFixed(1) : Math.round(size)} ms`
  if (size < 60_000) return `${(size / 1_000).toFixed(size < 10_000 ? 1 : 0)} s`
  if (size < 3_600_000) return `${Math.floor(size / 60_000)} min ${Math.round((size % 60_000) / 1_000)} s`
  if (size < 172_800_000) return `${Math.floor(size / 3_600_000)} h ${Math.floor((size % 3_600_000) / 60_000)} min`
  return `${Math.floor(size / 86_400_000)} d ${Math.floor((size % 86_400_000) / 3_600_000)} h`
}

/** The day and the time to the millisecond, in the zone that was chosen. */
export function moment(iso: string, zone: Zone): { day: string; time: string } {
  const at = new Date(iso)
  const shifted = zone === 'utc' ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000)
  const [day = '', time = ''] = shifted.toISOString().replace('Z', '').split('T')
  return { day, time }
}

/** For a field of a form: the instant as that zone's clock shows it, without a zone. */
export const clockText = (iso: string, zone: Zone): string => {
  const { day, time } = moment(iso, zone)
  return `${day}T${time.slice(0, 8)}`
}

/** What such a field says, as an instant. */
export const clockInstant = (text: string, zone: Zone): string => new Date(zone === 'utc' ? `${text}Z` : text).toISOString()
