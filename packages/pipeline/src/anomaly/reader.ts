import { setImmediate as immediate } from 'node:timers/promises'
import type { DatabaseSync } from 'node:sqlite'
import { AdWindow, Compile, DEAD, DeadLetter, METRICS, MINUTE_MS, parseTimestamp, SECOND_MS, toPaise } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { jsonOf } from '../kernel/json.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { guarded, transaction } from '../kernel/sqlite.ts'
import type { LogRecord, PartitionEnds } from '../log/event-log.ts'
import type { Handler } from '../reader/loop.ts'
import { standingsIn, type Fate } from '../reader/places.ts'
import { judge, warmUpOf } from './detector.ts'
import { noTotals, type MinuteTotals } from './measures.ts'
import { ANOMALY_DEFAULTS, type AnomalyRules } from './rules.ts'
import { anomalyStore } from './store.ts'
import { tellingTo, type AnomalyAlerts } from './telling.ts'

export const ANOMALY_READER = 'anomaly'
export const ANOMALY_TOPICS = [METRICS, DEAD] as const
const TICK_MS = SECOND_MS
const REFUSED_EVERY_MS = 5 * SECOND_MS
/** Minutes that are judged in one transaction, where many wait. */
const MINUTES_COUNT_MAX = 500
/** Event time that goes on by so much at once, without a row, is of a pipeline that was off: it says nothing of the traffic. */
const AWAY_MS = 6 * 60 * MINUTE_MS

interface Options {
  db: DatabaseSync
  path: string
  /** Rows of all windows that end before it are in the topic. */
  watermark: () => number
  /** How far the topic of windows goes now. */
  endsOf: () => Promise<readonly PartitionEnds[]>
  /** As they are now; without any, it only learns. */
  rules: () => AnomalyRules | undefined
  alerts: AnomalyAlerts
  /** All that the gateway has refused since it was started; undefined where it does not say. */
  refusedNow: () => Promise<number | undefined>
  clock: Clock
  logger: Logger
}

const checkWindow = Compile(AdWindow)
const checkLetter = Compile(DeadLetter)
const minuteOf = (ts: number) => Math.floor(ts / MINUTE_MS) * MINUTE_MS

/**
 * Sums windows to minutes, and judges each minute once the watermark has passed it and all of the topic is read: also those into which nothing came. State, alerts
 * and place commit together, so that a restart changes nothing of what is raised.
 */
export function anomalyReader({ db, path, watermark, endsOf, rules, alerts, refusedNow, clock, logger }: Options) {
  const store = anomalyStore(db)
  const times = new Map<number, number>()
  let { state, telling } = guarded(path, () => store.load())
  const tell = tellingTo({ alerts, clock, logger })
  const rulesNow = () => rules() ?? { ...ANOMALY_DEFAULTS, rules: {} }

  function fateOf(record: LogRecord, sums: Map<number, MinuteTotals>): Fate {
    const row = jsonOf(record.value)
    if (record.topic === DEAD) {
      // It does not become a letter of its own: this reader would read that too.
      const diedAt = checkLetter.Check(row) ? parseTimestamp(row.died_at) : undefined
      if (diedAt === undefined) return 'skipped'
      sumAt(sums, minuteOf(diedAt)).dead += 1
      return 'applied'
    }
    if (!checkWindow.Check(row))
      return { dead: 'invalid_event', detail: `${checkWindow.Errors(row)[0]?.instancePath ?? ''} is none of a window` }
    const minute = parseTimestamp(row.window_start)
    if (minute === undefined || minute % MINUTE_MS !== 0) return { dead: 'invalid_event', detail: '/window_start is no full minute' }
    times.set(record.partition, Math.max(times.get(record.partition) ?? -Infinity, minute))
    if (state.now.next !== null && minute < state.now.next) return 'late'
    const sum = sumAt(sums, minute)
    sum.impressions += row.impressions
    sum.clicks += row.clicks
    sum.orders += row.orders
    sum.attributedOrders += row.attributed_orders
    sum.revenuePaise += toPaise(row.revenue)
    return 'applied'
  }

  /** What is of a closed minute, and of no window, counts in the one that is open. */
  function sumAt(sums: Map<number, MinuteTotals>, wanted: number): MinuteTotals {
    const minute = Math.max(wanted, state.now.next ?? wanted)
    let sum = sums.get(minute)
    if (!sum) sums.set(minute, (sum = noTotals(minute)))
    return sum
  }

  const handler: Handler = {
    load(standings) {
      ;({ state, telling } = store.load())
      times.clear()
      for (const { topic, partition, timeMs } of standings) if (topic === METRICS && timeMs >= 0) times.set(partition, timeMs)
    },
    apply(batch) {
      const sums = new Map<number, MinuteTotals>()
      const fates = batch.map((record) => fateOf(record, sums))
      for (const sum of sums.values()) store.addTo(sum)
      return fates
    },
    timeOf: (topic, partition) => (topic === METRICS ? (times.get(partition) ?? -Infinity) : -Infinity),
  }

  /** Judges the minutes that the watermark has passed, as far as all of their rows are read. */
  async function closeDue(): Promise<void> {
    // The watermark first: what it has passed lies before the ends.
    const passed = watermark()
    const ends = await endsOf()
    while (isRead(ends) && closeSome(passed)) await immediate()
  }

  function isRead(ends: readonly PartitionEnds[]): boolean {
    const places = guarded(path, () => standingsIn(db)).filter(({ reader, topic }) => reader === ANOMALY_READER && topic === METRICS)
    return ends.every(({ partition, end }) => end === 0 || places.some((each) => each.partition === partition && each.next >= end))
  }

  /** One transaction. Whether there is more. */
  function closeSome(passed: number): boolean {
    try {
      return guarded(path, () => transaction(db, () => closeNow(passed)))
    } catch (error) {
      ;({ state, telling } = guarded(path, () => store.load()))
      throw error
    }
  }

  function closeNow(passed: number): boolean {
    const hoursChanged = new Set<number>()
    let count = 0
    for (; count < MINUTES_COUNT_MAX; count += 1) {
      const minute = nextMinute(passed)
      if (minute === null || minute + MINUTE_MS > passed) break
      const verdict = judge(state, store.take(minute) ?? noTotals(minute), rulesNow())
      for (const hour of verdict.hoursChanged) hoursChanged.add(hour)
      telling = tell(telling, verdict, state.now.next as number)
    }
    if (count > 0) store.save(state, telling, hoursChanged)
    return count === MINUTES_COUNT_MAX
  }

  function nextMinute(passed: number): number | null {
    const first = store.firstMinute()
    const { next } = state.now
    if (next === null) return first
    const until = Math.min(first ?? Infinity, minuteOf(passed))
    return until - next > AWAY_MS ? until : next
  }

  let refusedBefore: number | undefined
  /** Adds what was refused since it was last asked to the minute of the clock. */
  async function noteRefused(): Promise<void> {
    const total = await refusedNow()
    if (total === undefined) return
    // One that counts from the beginning again is another process.
    const refused = refusedBefore === undefined ? 0 : total < refusedBefore ? total : total - refusedBefore
    refusedBefore = total
    if (refused === 0) return
    const minute = Math.max(minuteOf(clock()), state.now.next ?? 0)
    guarded(path, () => transaction(db, () => store.addTo({ ...noTotals(minute), refused })))
  }

  let wasWarm: boolean | undefined
  function sayWarmUp() {
    const { isOver, learnedMs, neededMs } = warmUpOf(state, rulesNow())
    if (isOver === wasWarm) return
    wasWarm = isOver
    const what = isOver ? 'enough is learned; what is out of the usual is raised' : 'they are learned, and none is raised yet'
    logger.info({ learnedMs, neededMs }, `anomalies: ${what}`)
  }

  return {
    handler,
    /** One round each of what the parts do again and again. */
    closeDue,
    noteRefused,
    parts: [
      every(TICK_MS, logger, async () => {
        await closeDue()
        sayWarmUp()
      }),
      every(REFUSED_EVERY_MS, logger, noteRefused),
    ] satisfies Part[],
    /** What is open, and up to where of event time it is judged; null before the first minute. */
    status: () => ({ open: [...telling.told], judgedTo: state.now.next }),
  }
}

function every(ms: number, logger: Logger, work: () => Promise<void>): Part {
  return async (signal) => {
    while (!signal.aborted) {
      try {
        await work()
      } catch (error) {
        if (!(error instanceof FlowGuardError && error.retriable)) throw error
        logger.warn({ err: error, code: error.code }, 'anomalies: the store cannot be written; trying again')
      }
      await pause(ms, signal)
    }
  }
}
