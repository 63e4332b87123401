import type { DatabaseSync } from 'node:sqlite'
import { ATTRIBUTED, isoOf, type AttributedEvent, type OrderEvent } from '@flowguard/contract'
import type { Logger } from '../kernel/logging.ts'
import { traceIdOf } from '../kernel/trace-context.ts'
import type { Headers, LogRecord, Position, TransactionalLog } from '../log/event-log.ts'
import type { Gate } from '../reader/gate.ts'
import type { Handler } from '../reader/loop.ts'
import type { Fate } from '../reader/places.ts'
import { clickIndex } from './attribution/click-index.ts'
import { journeyIndexIn } from './journey-index.ts'
import { pendingOrders, type Pending } from './pending.ts'
import type { Fraud } from './fraud/fraud.ts'
import { clickStep, orderStep, type Step } from './step.ts'
import { visitsIn } from './visits.ts'

interface Options {
  db: DatabaseSync
  derived: TransactionalLog
  gate: Gate
  doubleClickMs: number
  /** Left out where nobody is to be told of signs of fraud. */
  fraud?: Fraud
  /** Where another engine attributes, and tells windows and sessions: before when all its answers are in this store. */
  answered?: () => number
  logger: Logger
}

/**
 * Attribution, windows and sessions: clicks are kept for the window; an order is answered, and what users did is told, once the watermark has passed it. State,
 * answers and place commit together, so each is there once, and the same whatever the arrival was (CONTRACT, Attribution and Time).
 */
export function streamProcessor({ db, derived, gate, doubleClickMs, fraud, answered, logger }: Options): Handler {
  const journeys = journeyIndexIn(db)
  const visits = visitsIn(db, { ...(answered ? {} : { derived }), journeys, doubleClickMs, ...(fraud && { fraud }) })
  const clicks = clickIndex(visits.lineAt)
  const pending = pendingOrders(db)
  const insertLate = db.prepare('insert into late_events values (?, ?, ?, ?, ?, ?, ?)')

  /** Whether an order may be due to it, as far as that is asked here. */
  const isEarning = ({ kind, itemId }: Step) => !answered && kind === 'click' && itemId !== null

  function fateOf(record: LogRecord, arrived: Pending[]): Fate {
    const passed = gate.pass(record)
    if (passed.kind === 'decided') return passed.fate
    const { event } = passed
    if (passed.kind === 'late') {
      const { topic, partition, offset } = record
      insertLate.run(topic, partition, offset, event.event_id, event.event_type, event.ts, passed.behindMs)
      logger.info({ trace_id: traceOf(record.headers), event_id: event.event_id, behind_ms: passed.behindMs }, 'late')
      return 'late'
    }
    if (event.event_type === 'order' && event.order_type === 'placed') {
      arrived.push(pendingOf(event, record.headers))
      return 'applied'
    }
    if ((event.event_type === 'click' || event.event_type === 'impression') && !event.is_bot) {
      const step = clickStep(event)
      const entry = visits.arrive(step, pending.passed())
      if (isEarning(step)) clicks.add(step, entry)
      return 'applied'
    }
    return 'skipped'
  }

  /** Returns the answered orders that count, as far as what they count in is open. */
  function answer(due: readonly Pending[], passedBefore: number): Step[] {
    const counting = ({ each }: { each: Pending }) => !each.order.is_bot && each.ts >= passedBefore
    if (answered) return due.filter((each) => counting({ each })).map(({ order, ts }) => orderStep(order, ts, null))
    const answers = due.map((each) => ({ each, answer: attributed(each) }))
    const positions = derived.appendNow(
      ATTRIBUTED,
      answers.map(({ each, answer }) => ({ key: answer.user_id, value: JSON.stringify(answer), headers: each.headers })),
    )
    answers.forEach(({ each, answer }, at) => {
      if (answer.click) journeys.note(answer.user_id, each.ts, positions[at] as Position)
    })
    if (logger.isLevelEnabled('debug')) {
      for (const { each, answer } of answers) {
        logger.debug({ trace_id: traceOf(each.headers), event_id: each.id, click: answer.click?.event_id ?? null }, 'attributed')
      }
    }
    return answers.filter(counting).map(({ each, answer }) => orderStep(answer, each.ts, answer.click))
  }

  function attributed({ order, ts }: Pending): AttributedEvent {
    const click = order.is_bot ? undefined : clicks.find(order.user_id, order.item_id, ts)
    if (!click) return { ...order, click: null, lag_ms: null }
    const { id, adId, campaignId } = click
    return {
      ...order,
      click: { event_id: id, ad_id: adId as string, campaign_id: campaignId, timestamp: isoOf(click.ts) },
      lag_ms: ts - click.ts,
    }
  }

  /** Before when all may be answered now. */
  const watermark = () => Math.min(gate.watermark(), answered?.() ?? Infinity)

  return {
    load(standings) {
      gate.load(standings)
      clicks.clear()
      pending.load()
      visits.load(pending.passed(), (click, entry) => isEarning(click) && clicks.add(click, entry))
    },
    apply(batch) {
      const arrived: Pending[] = []
      const fates = batch.map((record) => fateOf(record, arrived))
      const passedBefore = pending.passed()
      const due = pending.pass(arrived, watermark())
      visits.pass(answer(due, passedBefore), pending.passed())
      clicks.dropBefore(pending.passed())
      gate.write()
      return fates
    },
    timeOf: gate.timeOf,
    ...(answered && { isDue: () => watermark() > pending.passed() }),
  }
}

function pendingOf(event: OrderEvent, headers: Headers): Pending {
  const { event_id, order_id, user_id, item_id, price, quantity, ts, is_bot } = event
  const order = { order_id, event_id, user_id, item_id, price, quantity, timestamp: isoOf(ts), ...(is_bot ? { is_bot } : {}) }
  return { id: event_id, ts, order, headers }
}

function traceOf(headers: Headers): string {
  return traceIdOf(headers['traceparent'] ?? '')
}
