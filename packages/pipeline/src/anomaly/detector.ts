import { MINUTE_MS } from '@flowguard/contract'
import { drawCurve, learn, levelOf, usualAt } from './baseline.ts'
import { ANOMALY_RULES, byRule, MEASURES, type AnomalyRule, type Direction, type MinuteTotals } from './measures.ts'
import { deviationOf, learnNoise, rangeOf, type Expected } from './noise.ts'
import type { AnomalyLimits, AnomalyRules } from './rules.ts'
import {
  HELD_COUNT,
  HORIZONS,
  UNDER_TEST_COUNT,
  type DetectorState,
  type HeldMinute,
  type MeasureState,
  type OpenAnomaly,
} from './state.ts'

/** Something is out of the usual. `value` and `expected` are of the window: orders, shares, paise, refusals, letters. */
export interface AnomalySignal {
  rule: AnomalyRule
  direction: Direction
  minutes: number
  value: number
  expected: { low: number; high: number }
  /** What was most likely. */
  usual: number
  by: Expected['by']
  /** When the window closed, of event time. */
  at: number
}

export interface Calmed {
  rule: AnomalyRule
  at: number
  /** It is as usual again, there is too little to say so any longer, or the rule was taken out. */
  why: 'usual' | 'thin' | 'off'
}

export interface Verdict {
  raised: AnomalySignal[]
  /** Raised before, and out of the usual still. */
  ongoing: AnomalySignal[]
  calmed: Calmed[]
  /** The hours of the week of which more is known now. */
  hoursChanged: number[]
}

/** How much is yet to be learned before anything is raised. */
export interface WarmUp {
  isOver: boolean
  learnedMs: number
  neededMs: number
}

/** As usual is over again what lies within so many standard deviations, and so many away from what it was like. */
const CALM_SIGMAS = 2
const UNLIKE_SIGMAS = 2.5
const CALM_HORIZONS_AT = [1, 2, 3]
/** There are more windows of the short kinds, and each might be out by chance. */
const SIGMAS_MORE = [1, 0.75, 0.5, 0.5]
/** Windows overlap: noise is learned from one in so many. */
const NOISE_EVERY_COUNT = 5
/** What has lasted so long is how things are now: it is learned, and so it ends. */
const LASTING_MS = 24 * 60 * MINUTE_MS
/** No fewer are expected of any window: what was never seen is not impossible. */
const COUNT_MIN = 0.05

/** What a window holds, and what was expected of it. */
interface Window {
  horizonAt: number
  from: number
  sum: number
  /** None of its minutes is left out of what is learned. */
  isClean: boolean
  expected: Expected
}

export function warmUpOf({ now }: Pick<DetectorState, 'now'>, { warmUpMs }: Pick<AnomalyRules, 'warmUpMs'>): WarmUp {
  const learnedMs = now.learnedCount * MINUTE_MS
  return { isOver: learnedMs >= warmUpMs, learnedMs, neededMs: warmUpMs }
}

/**
 * Judges a minute that is closed, and learns from the one that is under test no more. Minutes come in order; where some are missing, what is known of the last
 * ones is put away, and windows begin anew. Changes the state, and goes by nothing else.
 */
export function judge(state: DetectorState, totals: MinuteTotals, rules: AnomalyRules): Verdict {
  const { now } = state
  const verdict: Verdict = { raised: [], ongoing: [], calmed: [], hoursChanged: [] }
  if (now.next !== null && totals.minute !== now.next) now.held = []
  now.next = totals.minute + MINUTE_MS
  drawCurve(state, totals.minute, rules.incidents)
  const isKnown = rules.incidents.some(({ from, to }) => from < now.next! && totals.minute < to)
  now.held.push({
    totals,
    usual: byRule((rule) => usualAt(state, rule, totals.minute)),
    left: isKnown ? [...ANOMALY_RULES] : [],
  })
  const isWarm = warmUpOf(state, rules).isOver
  for (const rule of ANOMALY_RULES) {
    const limits = rules.rules[rule]
    if (limits) judgeRule(state, rule, limits, { sigmas: rules.sigmas, isWarm, isKnown }, verdict)
    else if (now.measures[rule].open) {
      now.measures[rule].open = null
      verdict.calmed.push({ rule, at: now.next, why: 'off' })
    }
  }
  const passed = now.held.at(-1 - UNDER_TEST_COUNT)
  if (passed) {
    if ((passed.totals.minute / MINUTE_MS) % NOISE_EVERY_COUNT === 0) for (const rule of ANOMALY_RULES) noteNoise(now, rule)
    verdict.hoursChanged.push(learn(state, passed))
  }
  if (now.held.length > HELD_COUNT) now.held.shift()
  return verdict
}

interface Judging {
  sigmas: number
  isWarm: boolean
  isKnown: boolean
}

function judgeRule({ now }: DetectorState, rule: AnomalyRule, limits: AnomalyLimits, judging: Judging, verdict: Verdict) {
  const measure = now.measures[rule]
  const at = now.next as number
  const windows = windowsOf(now.held, rule, measure)
  const { open } = measure
  if (open) {
    if (at - open.since < LASTING_MS) leaveOut(now.held, rule, 1)
    const why = calmedBy(open, windows, measure, limits, rule)
    if (why) {
      measure.open = null
      verdict.calmed.push({ rule, at, why })
    } else {
      const signal = noteOngoing(open, windows, rule, limits, measure, judging.sigmas)
      if (signal) verdict.ongoing.push({ ...signal, at })
    }
    return
  }
  const clean = windows.filter(({ isClean }) => isClean)
  for (const window of clean) {
    const signal = outOf(window, rule, limits, measure, judging.sigmas)
    if (!signal) continue
    leaveOut(now.held, rule, HORIZONS[window.horizonAt] as number)
    if (!judging.isWarm) return
    const ratio = window.sum / window.expected.value
    measure.open = { direction: signal.direction, since: window.from, raisedAt: at, ratio }
    verdict.raised.push({ ...signal, at })
    return
  }
}

/** Learns from the windows that end where nothing is under test any more. */
function noteNoise({ held, measures }: DetectorState['now'], rule: AnomalyRule) {
  const measure = measures[rule]
  for (const { horizonAt, isClean, expected, sum } of windowsOf(held, rule, measure, UNDER_TEST_COUNT)) {
    if (isClean) learnNoise(measure.noise, expected, sum, horizonAt)
  }
}

/** The windows that end so many minutes ago, the shortest first, as far as there are minutes for them and something is known of each. */
function windowsOf(held: readonly HeldMinute[], rule: AnomalyRule, measure: MeasureState, ago = 0): Window[] {
  const { seen, noise: kind } = MEASURES[rule]
  const level = levelOf(measure)
  const windows: Window[] = []
  let [sum, value, exposure, back, isClean] = [0, 0, 0, 0, true]
  let by: Expected['by'] = 'hour'
  for (const [horizonAt, minutes] of HORIZONS.entries()) {
    for (; back < minutes; back += 1) {
      const each = held[held.length - 1 - ago - back]
      const known = each?.usual[rule]
      if (!each || !known) return windows
      const { sum: came, exposure: of } = seen(each.totals)
      sum += came
      exposure += of
      value += of * known.rate * level
      isClean &&= !each.left.includes(rule)
      if (known.by === 'all' || by === 'hour') by = known.by
    }
    const from = held[held.length - ago - minutes]!.totals.minute
    windows.push({
      horizonAt,
      from,
      sum,
      isClean,
      expected: { value: kind === 'count' ? Math.max(COUNT_MIN, value) : value, exposure, kind, by },
    })
  }
  return windows
}

function outOf(
  { horizonAt, sum, expected }: Window,
  rule: AnomalyRule,
  { changeMin, volumeMin }: AnomalyLimits,
  { noise }: MeasureState,
  sigmas: number,
): Omit<AnomalySignal, 'at'> | undefined {
  const isCount = expected.kind === 'count'
  if (expected.value === 0) return undefined
  const direction = sum < expected.value ? 'below' : 'above'
  if (!MEASURES[rule].directions.includes(direction)) return undefined
  if ((isCount ? Math.max(sum, expected.value) : expected.exposure) < volumeMin) return undefined
  const { low, high } = rangeOf(expected, noise, horizonAt, sigmas + SIGMAS_MORE[horizonAt]!)
  const isOut =
    direction === 'below' ? sum < Math.min(low, expected.value * (1 - changeMin)) : sum > Math.max(high, expected.value * (1 + changeMin))
  if (!isOut) return undefined
  const per = expected.kind === 'share' ? expected.exposure : 1
  return {
    rule,
    direction,
    minutes: HORIZONS[horizonAt] as number,
    value: sum / per,
    expected: { low: low / per, high: high / per },
    usual: expected.value / per,
    by: expected.by,
  }
}

/** Its last windows are as usual, and not as they were while it lasted. Where so little comes that nothing can be said of a share, it is not upheld either. */
function calmedBy(
  { direction, ratio, raisedAt }: OpenAnomaly,
  windows: readonly Window[],
  { noise }: MeasureState,
  { volumeMin, changeMin }: AnomalyLimits,
  rule: AnomalyRule,
): Calmed['why'] | undefined {
  for (const { horizonAt, from, sum, expected } of windows) {
    if (!CALM_HORIZONS_AT.includes(horizonAt) || from < raisedAt) continue
    const sign = direction === 'below' ? -1 : 1
    const deviation = deviationOf(expected, noise, horizonAt)
    const isUsual = sign * (sum - expected.value) < Math.min(CALM_SIGMAS * deviation, Math.max(deviation, changeMin * expected.value))
    const isUnlike = sign * (ratio * expected.value - sum) > UNLIKE_SIGMAS * deviation
    if (deviation > 0 && isUsual && isUnlike) return 'usual'
  }
  const all = windows.at(-1)
  const isThin = all !== undefined && all.from >= raisedAt && all.horizonAt === HORIZONS.length - 1 && all.expected.exposure < volumeMin
  return MEASURES[rule].noise !== 'count' && isThin ? 'thin' : undefined
}

/** What it is like by now: as the shortest window has it that is clearly out. */
function noteOngoing(
  open: OpenAnomaly,
  windows: readonly Window[],
  rule: AnomalyRule,
  limits: AnomalyLimits,
  measure: MeasureState,
  sigmas: number,
) {
  for (const window of windows) {
    if (window.horizonAt === 0 || window.from < open.since) continue
    const signal = outOf(window, rule, limits, measure, sigmas)
    if (signal?.direction !== open.direction) continue
    open.ratio = window.sum / window.expected.value
    return signal
  }
  return undefined
}

/** The last minutes are no examples of what is usual. */
function leaveOut(held: readonly HeldMinute[], rule: AnomalyRule, count: number) {
  for (const { left } of held.slice(-count)) if (!left.includes(rule)) left.push(rule)
}
