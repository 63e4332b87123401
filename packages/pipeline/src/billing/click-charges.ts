import type { DatabaseSync } from 'node:sqlite'
import { chargeOf, dayOf, isChargeable, type Ad, type ClickEvent, type OrderEvent } from '@flowguard/contract'
import type { Logger } from '../kernel/logging.ts'
import { traceIdOf } from '../kernel/trace-context.ts'
import type { Headers, LogRecord } from '../log/event-log.ts'
import { byTime, dueQueue } from '../reader/due-queue.ts'
import type { Gate } from '../reader/gate.ts'
import { journalIn } from '../reader/journal.ts'
import type { Handler } from '../reader/loop.ts'
import type { Fate } from '../reader/places.ts'
import type { Budgets } from './budgets.ts'
import type { CounterChanges } from './counter-changes.ts'
import { doubleClicks } from '../reader/double-clicks.ts'
import { creditsIn } from './order-charges.ts'
import { billingTables } from './tables.ts'

/** A click on a cpc ad, until the watermark has passed it by a double click's length. */
interface PaidClick {
  id: string
  ts: number
  userId: string
  adId: string
  itemId: number | null
  /** In milli-paise, by the rate that held when it was read. */
  amount: number
  traceId: string
}

interface Options {
  db: DatabaseSync
  gate: Gate
  adOf: (adId: string) => Ad | undefined
  budgets: Budgets
  /** Where the counters are kept elsewhere too. */
  changes?: CounterChanges | undefined
  doubleClickMs: number
  logger: Logger
}

/** Charges clicks and impressions, credits what cancelled orders were charged for, and counts what the ads metrics show (CONTRACT, Billing). */
export function clickCharges({ db, gate, adOf, budgets, changes, doubleClickMs, logger }: Options): Handler {
  const tables = billingTables(db, changes)
  const journal = journalIn(db, 'billing/clicks')
  const pending = dueQueue<PaidClick>()
  const doubles = doubleClicks(doubleClickMs)
  const creditIfCharged = creditsIn(db, tables)
  const cancel = db.prepare('insert or ignore into cancellations values (?, ?, ?)')

  function fateOf(record: LogRecord): Fate {
    const passed = gate.pass(record)
    // The stream writes the dead letter of a conflicting repeat; here it is but a repeat.
    if (passed.kind === 'decided') return typeof passed.fate === 'object' && passed.fate.dead === 'id_conflict' ? 'duplicate' : passed.fate
    if (passed.kind === 'late') return 'late'
    const { event } = passed
    if (event.event_type === 'order') return applyOrder(event)
    if (event.event_type !== 'click' && event.event_type !== 'impression') return 'skipped'
    return event.is_bot ? 'skipped' : applyClick(event, record.headers)
  }

  function applyOrder(event: OrderEvent): Fate {
    if (event.order_type !== 'cancelled') return 'skipped'
    cancel.run(event.order_id, event.event_id, dayOf(event.ts))
    creditIfCharged(event.order_id)
    return 'applied'
  }

  function applyClick(event: ClickEvent, headers: Headers): Fate {
    const isClick = event.event_type === 'click'
    const { ad_id: adId, event_id: eventId, item_id: itemId, ts } = event
    const day = dayOf(ts)
    const ad = adOf(adId)
    if (itemId === undefined && !ad) return 'skipped'
    const counted = isClick ? 'clicks' : 'impressions'
    if (itemId !== undefined) tables.count(itemId, day)[counted] += 1
    tables.countAd(adId, day)[counted] += 1
    if (isClick && ad?.pricing === 'cpc') {
      const click: PaidClick = {
        id: eventId,
        ts,
        userId: event.user_id,
        adId,
        itemId: itemId ?? null,
        amount: chargeOf(ad),
        traceId: traceIdOf(headers['traceparent'] ?? ''),
      }
      pending.add(click)
      journal.add(JSON.stringify(click), ts)
    } else if (!isClick && ad?.pricing === 'cpm' && isChargeable(event)) {
      tables.charge({ eventId, adId, day, amount: chargeOf(ad), kind: 'cpm' })
    }
    return 'applied'
  }

  /** In the order of time and id, once nothing can come between any more. */
  function decide(watermark: number) {
    for (const click of pending.take(watermark)) {
      const isDouble = doubles.isDouble(click)
      if (logger.isLevelEnabled('debug')) logger.debug({ trace_id: click.traceId, event_id: click.id, charged: !isDouble }, 'click decided')
      const day = dayOf(click.ts)
      if (isDouble && click.itemId !== null) tables.count(click.itemId, day).doubleClicks += 1
      if (!isDouble) tables.charge({ eventId: click.id, adId: click.adId, day, amount: click.amount, kind: 'cpc' })
    }
    journal.write()
    journal.dropBefore(watermark - doubleClickMs)
  }

  return {
    load(standings) {
      gate.load(standings)
      tables.clear()
      pending.clear()
      doubles.clear()
      const watermark = gate.watermark()
      const decided: PaidClick[] = []
      for (const { lines } of journal.load()) {
        for (const line of lines) {
          const click = JSON.parse(line) as PaidClick
          if (click.ts < watermark) decided.push(click)
          else pending.add(click)
        }
      }
      for (const click of decided.sort(byTime)) doubles.isDouble(click)
    },
    apply(batch) {
      const fates = batch.map(fateOf)
      decide(gate.watermark())
      budgets.note(tables.write())
      gate.write()
      return fates
    },
    timeOf: gate.timeOf,
  }
}
