import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, MINUTE_MS } from '@flowguard/contract'
import { judge, warmUpOf, type Verdict } from './detector.ts'
import { noTotals, type MinuteTotals } from './measures.ts'
import { ANOMALY_DEFAULTS, type AnomalyRules } from './rules.ts'
import { emptyState, WEEKS_COUNT_MAX, type DetectorState } from './state.ts'
import { NOTHING_WRONG, traffic, type Wrong } from './testing/traffic.ts'
import { alertOf } from './words.ts'
import { fc } from '../kernel/testing/chance.ts'

const DAY_MIN = 24 * 60
const ORDERS_PER_MINUTE = 20
const WARM: AnomalyRules = { ...ANOMALY_DEFAULTS, warmUpMs: 8 * DAY_MS }

interface Run {
  state: DetectorState
  raised: (Verdict['raised'][number] & { minuteAt: number })[]
  calmed: (Verdict['calmed'][number] & { minuteAt: number })[]
}

/** Judges so many minutes; `wrongAt` says what is wrong in them. */
function run(minutes: number, wrongAt: (at: number) => Partial<Wrong> | undefined, rules = WARM, seed = 5): Run {
  const result: Run = { state: emptyState(), raised: [], calmed: [] }
  let at = 0
  for (const totals of traffic(seed, ORDERS_PER_MINUTE, (minuteAt) => ({ ...NOTHING_WRONG, ...wrongAt(minuteAt) }))) {
    const { raised, calmed } = judge(result.state, totals, rules)
    result.raised.push(...raised.map((each) => ({ ...each, minuteAt: at })))
    result.calmed.push(...calmed.map((each) => ({ ...each, minuteAt: at })))
    if (++at === minutes) return result
  }
  return result
}

/** Noon of the tenth day. */
const NOON = 9 * DAY_MIN + 12 * 60
const during = (from: number, minutes: number, wrong: Partial<Wrong>) => (at: number) =>
  at >= from && at < from + minutes ? wrong : undefined

test('a stop of orders is one alert with the minute that it closes, and is resolved when they are back', () => {
  const { raised, calmed } = run(NOON + 180, during(NOON, 60, { orders: 0 }))
  const own = raised.filter(({ rule, minuteAt }) => rule === 'order_rate' && minuteAt >= NOON)
  assert.deepEqual(
    own.map(({ minuteAt, direction, value }) => ({ minuteAt, direction, value })),
    [{ minuteAt: NOON, direction: 'below', value: 0 }],
  )
  const [over] = calmed.filter(({ rule, minuteAt }) => rule === 'order_rate' && minuteAt >= NOON)
  assert.ok(over && over.minuteAt >= NOON + 60 && over.minuteAt <= NOON + 75, JSON.stringify(over))
  const others = raised.filter(({ rule, minuteAt }) => minuteAt >= NOON && rule !== 'order_rate')
  assert.ok(
    others.every(({ rule }) => rule === 'cvr'),
    'revenue is judged by the orders that came',
  )
})

test('what it says holds the value, what is expected, and why', () => {
  const [signal] = run(NOON + 30, during(NOON, 30, { ctr: 0.2 })).raised.filter(({ rule }) => rule === 'ctr')
  assert.ok(signal)
  const { kind, severity, title, reason, value, expected, at } = alertOf(signal)
  assert.deepEqual(
    { kind, severity, title },
    { kind: 'anomaly', severity: 'critical', title: 'Clicks by impression (CTR) far below what is usual' },
  )
  assert.ok(value < expected.low && expected.low < expected.high)
  assert.match(
    reason,
    /^\d\.\d\d % in (a minute|\d+ minutes); usual at this hour of the week: \d\.\d\d % to \d+\.\d\d %, about \d\.\d\d %$/,
  )
  assert.equal(at % MINUTE_MS, 0)
})

test('a slight drop is found by a longer window', () => {
  const from = NOON + 7 * DAY_MIN
  const [signal] = run(from + 90, during(from, 90, { ctr: 0.6 })).raised.filter(({ rule, minuteAt }) => rule === 'ctr' && minuteAt >= from)
  assert.ok(signal && signal.minutes > 1, JSON.stringify(signal))
})

test('nothing is raised during the warm-up, which says how far it is', () => {
  const { state, raised } = run(7 * DAY_MIN, during(3 * DAY_MIN, 2_000, { orders: 0, ctr: 0, refused: 500 }))
  assert.deepEqual(raised, [])
  const { isOver, learnedMs, neededMs } = warmUpOf(state, WARM)
  assert.deepEqual([isOver, neededMs], [false, 8 * DAY_MS])
  assert.ok(learnedMs > 6 * DAY_MS)
})

test('an incident is not learned from: a week later the same hour is expected as before', () => {
  const expectedAt = (wrongAt: (at: number) => Partial<Wrong> | undefined) => {
    const { state } = run(NOON + 7 * DAY_MIN + 30, wrongAt)
    const usual = state.now.held.at(-1)?.usual.ctr
    assert.ok(usual)
    return usual.rate
  }
  const quiet = expectedAt(() => undefined)
  const after = expectedAt(during(NOON - 60, 180, { ctr: 0.2 }))
  assert.ok(Math.abs(after / quiet - 1) < 0.1, `${after} for ${quiet}`)
})

test('a known incident is left out, though it was learned from before it was known', () => {
  const from = traffic(5, 1, () => NOTHING_WRONG).next().value!.minute + (NOON - 7 * DAY_MIN) * MINUTE_MS
  const incidents = [{ from, to: from + 60 * MINUTE_MS }]
  // In the warm-up, so that the detector itself does not take it for one.
  const wrongAt = during(NOON - 7 * DAY_MIN, 60, { orders: 6, price: 0.1 })
  const usualOf = (rules: AnomalyRules) => {
    const { state } = run(NOON + 20, wrongAt, { ...rules, sigmas: 1_000 })
    return state.now.held.at(-1)?.usual
  }
  const [quiet, known, unknown] = [usualOf(WARM)?.order_rate?.by, usualOf({ ...WARM, incidents })?.order_rate, usualOf(WARM)?.order_rate]
  assert.equal(quiet, 'hour')
  assert.equal(known?.by, 'day', 'its hour of the week is yet unseen then')
  assert.ok(unknown && known && known.rate < unknown.rate * 0.6, `${known?.rate} beside ${unknown?.rate}`)
})

test('thin traffic raises nothing', () => {
  const state = emptyState()
  const raised: unknown[] = []
  let at = 0
  for (const totals of traffic(3, 0.05, () => NOTHING_WRONG)) {
    const isStopped = at > 10 * DAY_MIN
    raised.push(...judge(state, isStopped ? { ...totals, orders: 0, attributedOrders: 0 } : totals, WARM).raised)
    if (++at === 11 * DAY_MIN) break
  }
  assert.deepEqual(raised, [])
})

test('a change that lasts for days is how things are: it is resolved, and raised but once', () => {
  const { raised, calmed } = run(NOON + 4 * DAY_MIN, (at) => (at >= NOON ? { price: 3 } : undefined))
  assert.equal(raised.filter(({ rule }) => rule === 'revenue').length, 1)
  const [over] = calmed.filter(({ rule }) => rule === 'revenue')
  assert.ok(over && over.minuteAt > NOON + DAY_MIN, JSON.stringify(over))
})

test('a flood of refusals and of dead letters where there never was one is found at once', () => {
  const raised: string[] = []
  const state = emptyState()
  const start = Date.UTC(2026, 0, 5)
  for (let at = 0; at < 9 * DAY_MIN + 30; at += 1) {
    const isFlood = at >= 9 * DAY_MIN
    const totals = { ...noTotals(start + at * MINUTE_MS), refused: isFlood ? 60 : 0, dead: isFlood ? 30 : 0 }
    raised.push(...judge(state, totals, WARM).raised.map(({ rule }) => `${rule} ${at - 9 * DAY_MIN}`))
  }
  assert.deepEqual(raised, ['refused 0', 'dead 0'])
})

test('a rule that is taken out is resolved', () => {
  const { state, raised } = run(NOON + 10, during(NOON, 60, { orders: 0 }))
  assert.ok(raised.some(({ rule }) => rule === 'order_rate'))
  const { order_rate: _, ...rules } = WARM.rules
  const { calmed } = judge(state, noTotals(state.now.next as number), { ...WARM, rules })
  assert.deepEqual(
    calmed.map(({ rule, why }) => [rule, why]).filter(([rule]) => rule === 'order_rate'),
    [['order_rate', 'off']],
  )
})

test('kept as JSON and taken up again at any minute, it raises the same; and it does not grow', () => {
  const minutes: MinuteTotals[] = []
  for (const totals of traffic(9, ORDERS_PER_MINUTE, (at) => ({ ...NOTHING_WRONG, ...during(NOON, 40, { orders: 0.2, price: 3 })(at) }))) {
    if (minutes.push(totals) === NOON + 120) break
  }
  const before = emptyState()
  for (const totals of minutes.slice(0, NOON - 30)) judge(before, totals, WARM)
  const rest = minutes.slice(NOON - 30)
  const whole = structuredClone(before)
  const expected = rest.map((totals) => judge(whole, totals, WARM))
  assert.ok(expected.some(({ raised }) => raised.length > 0))
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(rest.length - 1), { maxLength: 5 }), (restarts) => {
      let state = structuredClone(before)
      const verdicts = rest.map((totals, at) => {
        if (restarts.includes(at)) state = JSON.parse(JSON.stringify(state)) as DetectorState
        return judge(state, totals, WARM)
      })
      assert.deepEqual(verdicts, expected)
      assert.deepEqual(state, whole)
    }),
    { numRuns: 10 },
  )
  assert.ok(JSON.stringify(whole.now).length < 64 * 1024)
  assert.ok(whole.hours.every((slot) => Object.values(slot).every((weeks) => weeks.length <= WEEKS_COUNT_MAX)))
})
