import type { DatabaseSync } from 'node:sqlite'
import { ATTRIBUTED, isoOf, type AttributedEvent, type ClickEvent, type OrderEvent } from '@flowguard/contract'
import type { Logger } from '../kernel/logging.ts'
import { traceIdOf } from '../kernel/trace-context.ts'
import type { Headers, LogRecord, TransactionalLog } from '../log/event-log.ts'
import type { Gate } from '../reader/gate.ts'
import { journalIn } from '../reader/journal.ts'
import type { Fate, Handler } from '../reader/loop.ts'
import { clickIndex } from './attribution/click-index.ts'
import type { Click } from './attribution/last-click.ts'
import { pendingOrders, type Pending } from './pending.ts'

/**
 * Attribution: clicks are kept for the window, an order is answered once the watermark has passed it. State, answers and place commit together,
 * so each order is answered once, and the same whatever the arrival was (CONTRACT, Attribution and Time).
 */
export function streamProcessor(db: DatabaseSync, derived: TransactionalLog, gate: Gate, logger: Logger): Handler {
  const clicks = clickIndex(journalIn(db, 'stream/clicks'))
  const pending = pendingOrders(db)
  const insertLate = db.prepare('insert into late_events values (?, ?, ?, ?, ?, ?, ?)')

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
    if (event.event_type === 'click' && !event.is_bot && event.item_id !== undefined) {
      clicks.add(clickOf(event, event.item_id))
      return 'applied'
    }
    return 'skipped'
  }

  function answer(due: readonly Pending[]) {
    const answers = due.map((each) => ({ each, answer: attributed(each) }))
    derived.appendNow(
      ATTRIBUTED,
      answers.map(({ each, answer }) => ({ key: answer.user_id, value: JSON.stringify(answer), headers: each.headers })),
    )
    if (!logger.isLevelEnabled('debug')) return
    for (const { each, answer } of answers) {
      logger.debug({ trace_id: traceOf(each.headers), event_id: each.id, click: answer.click?.event_id ?? null }, 'attributed')
    }
  }

  function attributed({ order, ts }: Pending): AttributedEvent {
    const click = order.is_bot ? undefined : clicks.find(order.user_id, order.item_id, ts)
    if (!click) return { ...order, click: null, lag_ms: null }
    const { id, adId, campaignId } = click
    return { ...order, click: { event_id: id, ad_id: adId, campaign_id: campaignId, timestamp: isoOf(click.ts) }, lag_ms: ts - click.ts }
  }

  return {
    load(standings) {
      gate.load(standings)
      clicks.load()
      pending.load()
    },
    apply(batch) {
      const arrived: Pending[] = []
      const fates = batch.map((record) => fateOf(record, arrived))
      const watermark = gate.watermark()
      answer(pending.pass(arrived, watermark))
      clicks.dropBefore(watermark)
      gate.write()
      return fates
    },
    timeOf: gate.timeOf,
  }
}

function pendingOf(event: OrderEvent, headers: Headers): Pending {
  const { event_id, order_id, user_id, item_id, price, quantity, ts, is_bot } = event
  const order = { order_id, event_id, user_id, item_id, price, quantity, timestamp: isoOf(ts), ...(is_bot ? { is_bot } : {}) }
  return { id: event_id, ts, order, headers }
}

function clickOf(event: ClickEvent, itemId: number): Click {
  const { user_id, ts, event_id, ad_id, ad_campaign_id } = event
  return {
    userId: user_id,
    itemId,
    ts,
    id: event_id,
    adId: ad_id,
    campaignId: ad_campaign_id === undefined ? null : String(ad_campaign_id),
  }
}

function traceOf(headers: Headers): string {
  return traceIdOf(headers['traceparent'] ?? '')
}
