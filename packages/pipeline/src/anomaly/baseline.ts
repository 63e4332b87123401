import { DAY_MS, MINUTE_MS } from '@flowguard/contract'
import { ANOMALY_RULES, byRule, MEASURES, type AnomalyRule, type Seen } from './measures.ts'
import type { KnownIncident } from './rules.ts'
import {
  HOURS_OF_WEEK,
  WEEKS_COUNT_MAX,
  type Curve,
  type DetectorState,
  type HeldMinute,
  type HourOfWeek,
  type MeasureState,
  type Usual,
} from './state.ts'

// What is usual at a time: of the hour of the week the middle of its weeks, drawn as a curve through the hours, and times the level of late.

const HOUR_MS = 60 * MINUTE_MS
const WEEK_MS = 7 * DAY_MS
/** 1970 began on a Thursday. */
const MONDAY_MS = 4 * DAY_MS
/** An hour that knows fewer events than these leans on its neighbours, and they on all that there was. */
const LEAN_COUNT = 100
/** After so long, what came counts half in the level. */
const LEVEL_HALF_MIN = 240
/** The level is that of the hour unless so many events say otherwise. */
const LEVEL_COUNT = 30
const LEVEL_MAX = 4
const ALL_HALF_MIN = 7 * 24 * 60
/** The curve may go beyond the hours that it lies between by this much. */
const OVERSHOOT = 1.15
/** Beside an hour of many an hour of none counts as this share of it: the curve goes by ratios. */
const NONE_SHARE = 0.02

const decay = (halfMin: number) => 0.5 ** (1 / halfMin)

const hourOf = (ts: number) => Math.floor(((((ts - MONDAY_MS) % WEEK_MS) + WEEK_MS) % WEEK_MS) / HOUR_MS)
const weekOf = (ts: number) => Math.floor((ts - MONDAY_MS) / WEEK_MS)

/** What was usual at a minute, by what was learned until its half of an hour began; null where nothing was. */
export function usualAt({ now }: Pick<DetectorState, 'now'>, rule: AnomalyRule, minute: number): Usual | null {
  const { from, knots } = now.curve as Curve
  const known = knots[rule]
  if (!known) return null
  const share = (minute + MINUTE_MS / 2 - from) / HOUR_MS
  return { rate: between(known.rates, share), by: known.by[share < 0.5 ? 0 : 1] }
}

/** Draws the curve of what is usual, where the minute is beyond the one there is. */
export function drawCurve(state: DetectorState, minute: number, incidents: readonly KnownIncident[]): void {
  const half = HOUR_MS / 2
  const from = Math.floor((minute - half) / HOUR_MS) * HOUR_MS + half
  if (state.now.curve?.from === from) return
  const knots = byRule((rule) => {
    const [a, b, c, d] = [-1, 0, 1, 2].map((step) => hourlyRate(state, rule, hourOf(from + step * HOUR_MS), incidents))
    if (!a || !b || !c || !d) return null
    return { rates: [a.rate, b.rate, c.rate, d.rate] as [number, number, number, number], by: [b.by, c.by] as [Usual['by'], Usual['by']] }
  })
  state.now.curve = { from, knots }
}

/** What was usual at an hour of the week, by itself. */
function hourlyRate(state: DetectorState, rule: AnomalyRule, hour: number, incidents: readonly KnownIncident[]): Usual | null {
  const { all } = state.now.measures[rule]
  if (all.exposure === 0) return null
  const weeksAt = (at: number) => {
    const index = (at + HOURS_OF_WEEK) % HOURS_OF_WEEK
    return known((state.hours[index] as DetectorState['hours'][number])[rule], index, incidents)
  }
  const own = weeksAt(hour)
  if (own.length > 0) {
    const near = [...weeksAt(hour - 1), ...own, ...weeksAt(hour + 1)]
    const around = lean(added(near), rateOf(added(near)), rateOf(all), rule)
    return { rate: lean(added(own), median(own.map(rateOf)), around, rule), by: 'hour' }
  }
  const sameTime = [1, 2, 3, 4, 5, 6].flatMap((days) => weeksAt(hour + days * 24))
  if (sameTime.length === 0) return { rate: rateOf(all), by: 'all' }
  return { rate: lean(added(sameTime), median(sameTime.map(rateOf)), rateOf(all), rule), by: 'day' }
}

/** An hour in which there was a known incident is no example, whatever was learned of it before that was known. */
function known(weeks: readonly HourOfWeek[], hour: number, incidents: readonly KnownIncident[]): readonly HourOfWeek[] {
  if (incidents.length === 0) return weeks
  return weeks.filter(({ week }) => {
    const from = MONDAY_MS + week * WEEK_MS + hour * HOUR_MS
    return !incidents.some((incident) => incident.from < from + HOUR_MS && from < incident.to)
  })
}

/** Of few events the rate of what lies around it, of many its own. */
function lean(seen: Seen, rate: number, around: number, rule: AnomalyRule): number {
  const count = MEASURES[rule].noise === 'amount' ? seen.exposure : seen.sum
  return (count * rate + LEAN_COUNT * around) / (count + LEAN_COUNT)
}

/** Between the second and third of four hours' middles: a cubic through their logarithms, which knows the bend of a peak. */
function between([a, b, c, d]: [number, number, number, number], share: number): number {
  const floor = NONE_SHARE * Math.max(a, b, c, d)
  if (floor === 0) return 0
  const [p, q, r, s] = [a, b, c, d].map((rate) => Math.log(Math.max(rate, floor))) as [number, number, number, number]
  const log = q + 0.5 * share * (r - p + share * (2 * p - 5 * q + 4 * r - s + share * (3 * (q - r) + s - p)))
  return Math.min(Math.max(b, c) * OVERSHOOT, Math.max(Math.min(b, c) / OVERSHOOT, Math.exp(log)))
}

/** What the hour is multiplied with, for it has been so of late. */
export function levelOf({ level }: MeasureState): number {
  return Math.min(LEVEL_MAX, Math.max(1 / LEVEL_MAX, (level.came + LEVEL_COUNT) / (level.usual + LEVEL_COUNT)))
}

/** Learns from a minute that is under test no more, by the rules by which it was as usual. Returns the hour of the week that has changed. */
export function learn(state: DetectorState, { totals, usual, left }: HeldMinute): number {
  const hour = hourOf(totals.minute)
  const week = weekOf(totals.minute)
  const slot = state.hours[hour] as DetectorState['hours'][number]
  for (const rule of ANOMALY_RULES) {
    const measure = state.now.measures[rule]
    forget(measure)
    if (left.includes(rule)) continue
    const seen = MEASURES[rule].seen(totals)
    addTo(measure.all, seen)
    noteLevel(measure, rule, seen, usual[rule]?.rate ?? 0)
    const weeks = slot[rule]
    let latest = weeks.at(-1)
    if (latest?.week !== week) weeks.push((latest = { week, sum: 0, exposure: 0 }))
    addTo(latest, seen)
    if (weeks.length > WEEKS_COUNT_MAX) weeks.shift()
  }
  state.now.learnedCount += 1
  return hour
}

function forget({ all, level }: MeasureState) {
  all.sum *= decay(ALL_HALF_MIN)
  all.exposure *= decay(ALL_HALF_MIN)
  level.came *= decay(LEVEL_HALF_MIN)
  level.usual *= decay(LEVEL_HALF_MIN)
}

/** In events, so that few of them say little; an amount in orders' worth. */
function noteLevel({ level }: MeasureState, rule: AnomalyRule, { sum, exposure }: Seen, rate: number) {
  if (rate === 0) return
  const isAmount = MEASURES[rule].noise === 'amount'
  level.came += isAmount ? sum / rate : sum
  level.usual += isAmount ? exposure : exposure * rate
}

function addTo(to: Seen, { sum, exposure }: Seen) {
  to.sum += sum
  to.exposure += exposure
}

function added(all: readonly Seen[]): Seen {
  const total = { sum: 0, exposure: 0 }
  for (const each of all) addTo(total, each)
  return total
}

const rateOf = ({ sum, exposure }: Seen) => (exposure === 0 ? 0 : sum / exposure)

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = sorted.length >> 1
  const upper = sorted[at] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[at - 1] ?? 0) + upper) / 2
}
