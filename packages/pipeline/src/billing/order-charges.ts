import type { DatabaseSync } from 'node:sqlite'
import { ATTRIBUTED, AttributedEvent, chargeOf, Compile, toPaise, type Ad } from '@flowguard/contract'
import type { Clock } from '../kernel/lifecycle.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { TopicSpecs } from '../log/topics.ts'
import type { Handler } from '../reader/loop.ts'
import type { Fate } from '../reader/places.ts'
import { identityOf } from '../reader/identity.ts'
import { seenIn } from '../reader/seen.ts'
import type { Budgets } from './budgets.ts'
import type { CounterChanges } from './counter-changes.ts'
import { parsedAs } from './parsed.ts'
import { billingTables, type BillingTables } from './tables.ts'

const schema = Compile(AttributedEvent)

interface Options {
  db: DatabaseSync
  topics: TopicSpecs
  adOf: (adId: string) => Ad | undefined
  budgets: Budgets
  /** Where the counters are kept elsewhere too. */
  changes?: CounterChanges | undefined
  clock: Clock
}

/** Counts orders, and charges the ads that are paid by the order, from `attributed.events.v1`. */
export function orderCharges({ db, topics, adOf, budgets, changes, clock }: Options): Handler {
  const tables = billingTables(db, changes)
  const seen = seenIn(db, 'billing-orders', topics[ATTRIBUTED].retentionMs)
  const creditIfCharged = creditsIn(db, tables)
  /** By partition: answers lie in it in the order of their time. */
  const times = new Map<number, number>()
  const insertCharge = db.prepare('insert into order_charges values (?, ?, ?, ?, null)')

  function fateOf({ value, appendedAt, partition }: LogRecord): Fate {
    const order = parsedAs(schema, value)
    if ('invalid' in order) return { dead: 'invalid_event', detail: order.invalid }
    times.set(partition, Math.max(times.get(partition) ?? -Infinity, Date.parse(order.timestamp)))
    if (seen.check(identityOf(order.event_id, ''), appendedAt) !== 'new') return 'duplicate'
    if (order.is_bot) return 'skipped'
    const day = order.timestamp.slice(0, 10)
    const paise = toPaise(order.price) * order.quantity
    const counts = tables.count(order.item_id, day)
    counts.orders += 1
    counts.revenuePaise += paise
    if (!order.click) return 'applied'
    counts.attributedOrders += 1
    counts.attributedPaise += paise
    const { ad_id: adId } = order.click
    const ofAd = tables.countAd(adId, day)
    ofAd.attributedOrders += 1
    ofAd.attributedPaise += paise
    const ad = adOf(adId)
    if (ad?.pricing !== 'cpa') return 'applied'
    const amount = chargeOf(ad)
    tables.charge({ eventId: order.event_id, adId, day, amount, kind: 'cpa' })
    insertCharge.run(order.order_id, order.event_id, adId, amount)
    creditIfCharged(order.order_id)
    return 'applied'
  }

  return {
    load(standings) {
      times.clear()
      for (const { partition, timeMs } of standings) if (timeMs >= 0) times.set(partition, timeMs)
      tables.clear()
      seen.load()
    },
    apply(batch) {
      const fates = batch.map(fateOf)
      budgets.note(tables.write())
      seen.write()
      seen.expire(clock() - topics[ATTRIBUTED].retentionMs)
      return fates
    },
    timeOf: (_topic, partition) => times.get(partition) ?? -Infinity,
  }
}

/** Gives back what a cancelled order was charged for, once; whether the cancellation or the charge came first. */
export function creditsIn(db: DatabaseSync, tables: BillingTables): (orderId: string) => void {
  const select = db.prepare(
    `select o.ad_id as adId, o.amount, c.event_id as eventId, c.day from order_charges o join cancellations c using (order_id)
     where order_id = ? and o.credited_by is null`,
  )
  const update = db.prepare('update order_charges set credited_by = ? where order_id = ?')
  return (orderId) => {
    const charge = select.get(orderId) as { adId: string; amount: number; eventId: string; day: string } | undefined
    if (!charge) return
    const { adId, amount, eventId, day } = charge
    tables.charge({ eventId, adId, day, amount: -amount, kind: 'credit' })
    update.run(eventId, orderId)
  }
}
