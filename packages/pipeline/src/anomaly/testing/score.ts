import { MINUTE_MS } from '@flowguard/contract'
import { between, mulberry32, shuffled, type Random } from '../../cli/prng.ts'
import { judge, type AnomalySignal } from '../detector.ts'
import type { AnomalyRule } from '../measures.ts'
import { ANOMALY_DEFAULTS } from '../rules.ts'
import { emptyState } from '../state.ts'
import { NOTHING_WRONG, traffic, TRAFFIC_START, type Wrong } from './traffic.ts'

export const INCIDENT_KINDS = ['orders drop', 'ctr drop', 'cvr drop', 'wrong prices', 'flood'] as const
type IncidentKind = (typeof INCIDENT_KINDS)[number]

const WEEK_MIN = 7 * 24 * 60
const LEARN_WEEKS = 5
const OF_EACH_KIND = 4
/** One incident falls into each stretch of so long; over ten days. */
const STRETCH_MIN = 12 * 60
/** They begin in the day: at night there is too little to be missed. */
const FIRST_HOUR = 8
const LAST_HOUR = 22
export const ORDERS_PER_MINUTE = 30

export interface Incident {
  kind: IncidentKind
  rule: AnomalyRule
  /** In minutes since the first. */
  from: number
  minutes: number
  /** In words. */
  what: string
  wrong: Wrong
}

export interface Found extends Incident {
  /** From its begin to the close of the window that showed it; null where none did. */
  afterMin: number | null
  /** From its end until it was resolved; null where it was not found. */
  resolvedMin: number | null
  /** How often it was raised by its own rule. */
  alerts: number
}

export interface Score {
  seed: number
  incidents: Found[]
  found: number
  /** Raised in the quiet week. */
  falseAlerts: AnomalySignal[]
  /** Raised outside of any incident, and of the hour after one, in the days of the incidents. */
  strayAlerts: AnomalySignal[]
  minutes: number
}

export const AIM = { found: 19, of: INCIDENT_KINDS.length * OF_EACH_KIND, falseAlertsMax: 1 } as const
export const meetsAim = ({ found, falseAlerts }: Score) => found >= AIM.found && falseAlerts.length <= AIM.falseAlertsMax

/** Five weeks to learn from, a quiet week, then twenty incidents in ten days. */
export function scoreOf(seed: number, ordersPerMinute = ORDERS_PER_MINUTE): Score {
  const quietFrom = LEARN_WEEKS * WEEK_MIN
  const incidentsFrom = quietFrom + WEEK_MIN
  const incidents = planned(mulberry32(seed ^ 0x5eed), incidentsFrom, ordersPerMinute)
  const minutes = incidentsFrom + incidents.length * STRETCH_MIN + 120
  const wrongAt = new Map(
    incidents.flatMap((each) => Array.from({ length: each.minutes }, (_, at) => [each.from + at, each.wrong] as const)),
  )
  const state = emptyState()
  const raised: AnomalySignal[] = []
  const calmed: { rule: AnomalyRule; at: number }[] = []
  for (const totals of traffic(seed, ordersPerMinute, (at) => wrongAt.get(at) ?? NOTHING_WRONG)) {
    const verdict = judge(state, totals, ANOMALY_DEFAULTS)
    raised.push(...verdict.raised)
    calmed.push(...verdict.calmed)
    if (totals.minute >= TRAFFIC_START + (minutes - 1) * MINUTE_MS) break
  }
  const minuteOf = ({ at }: { at: number }) => (at - TRAFFIC_START) / MINUTE_MS
  const found = incidents.map((incident): Found => {
    const { from, minutes: length, rule } = incident
    const own = raised.filter((each) => each.rule === rule && minuteOf(each) > from && minuteOf(each) <= from + length)
    const first = own[0]
    const over = first && calmed.find((each) => each.rule === rule && each.at > first.at && minuteOf(each) >= from + length)
    return {
      ...incident,
      afterMin: first ? minuteOf(first) - from : null,
      resolvedMin: over ? minuteOf(over) - from - length : null,
      alerts: own.length,
    }
  })
  const isExplained = (signal: AnomalySignal) =>
    incidents.some(({ from, minutes: length }) => minuteOf(signal) > from && minuteOf(signal) <= from + length + 60)
  return {
    seed,
    incidents: found,
    found: found.filter(({ afterMin }) => afterMin !== null).length,
    falseAlerts: raised.filter((each) => minuteOf(each) > quietFrom && minuteOf(each) <= incidentsFrom),
    strayAlerts: raised.filter((each) => minuteOf(each) > incidentsFrom && !isExplained(each)),
    minutes,
  }
}

/** Of every kind some, from slight to violent, in any order, at any time of the day. */
function planned(random: Random, start: number, ordersPerMinute: number): Incident[] {
  const all = INCIDENT_KINDS.flatMap((kind) => Array.from({ length: OF_EACH_KIND }, (_, nth) => ({ kind, nth })))
  return shuffled(random, all).map(({ kind, nth }, at) => {
    const isMorning = at % 2 === 0
    const from = Math.floor(
      start + Math.floor(at / 2) * 24 * 60 + 60 * (isMorning ? between(random, FIRST_HOUR, 14) : between(random, 17, LAST_HOUR)),
    )
    const severity = (nth + random()) / OF_EACH_KIND
    return { kind, from, minutes: Math.round(between(random, 20, 120)), ...wrongOf(kind, severity, nth, ordersPerMinute) }
  })
}

/** `severity`: from 0, slight, to 1. */
function wrongOf(kind: IncidentKind, severity: number, nth: number, ordersPerMinute: number): Pick<Incident, 'rule' | 'what' | 'wrong'> {
  const percent = (share: number) => `${Math.round(100 * share)} %`
  switch (kind) {
    case 'orders drop': {
      const share = Math.min(1, 0.4 + 0.7 * severity)
      return { rule: 'order_rate', what: `${percent(share)} fewer orders`, wrong: { ...NOTHING_WRONG, orders: 1 - share } }
    }
    case 'ctr drop': {
      const share = 0.3 + 0.6 * severity
      return { rule: 'ctr', what: `CTR ${percent(share)} down`, wrong: { ...NOTHING_WRONG, ctr: 1 - share } }
    }
    case 'cvr drop': {
      const share = 0.4 + 0.6 * severity
      return { rule: 'cvr', what: `CVR ${percent(share)} down`, wrong: { ...NOTHING_WRONG, cvr: 1 - share } }
    }
    case 'wrong prices': {
      const price = nth % 2 === 0 ? 0.7 - 0.6 * severity : 1.4 + 8 * severity
      return { rule: 'revenue', what: `prices times ${price.toFixed(2)}`, wrong: { ...NOTHING_WRONG, price } }
    }
    case 'flood': {
      const count = ordersPerMinute * (0.5 + 5 * severity)
      return nth % 2 === 0
        ? { rule: 'refused', what: `${Math.round(count)} refusals a minute`, wrong: { ...NOTHING_WRONG, refused: count } }
        : { rule: 'dead', what: `${Math.round(count / 5)} dead letters a minute`, wrong: { ...NOTHING_WRONG, dead: count / 5 } }
    }
  }
}
