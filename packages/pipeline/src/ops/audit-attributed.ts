import { toPaise, type AttributedEvent } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import type { Standing } from '../reader/places.ts'
import type { DeadBooks } from './audit-dead.ts'

/** What the orders of one item and day came to, as the attributed topic has it. Money in paise. */
export interface ItemDay {
  orders: number
  attributed: number
  revenue: number
  attributedRevenue: number
}

/** A click that an order is said to be due to. Times in milliseconds. */
export interface Claim {
  orderId: string
  userId: string
  itemId: number
  orderTs: number
  clickId: string
  clickTs: number
}

/** Everything that `attributed.events.v1` says. */
export function attributedBooks(standings: readonly Standing[], dead: DeadBooks) {
  const answers = new Map<string, number>()
  const orderIds = new Set<string>()
  const ordersTwice: string[] = []
  const claims: Claim[] = []
  const items = new Map<string, ItemDay>()
  const counted = new Set<string>()
  const readTo = new Map(
    standings.filter(({ reader }) => reader === 'billing-orders').map(({ partition, began, next }) => [partition, { began, next }]),
  )

  function visit(record: LogRecord) {
    const event = JSON.parse(record.value) as AttributedEvent
    answers.set(event.event_id, (answers.get(event.event_id) ?? 0) + 1)
    if (orderIds.has(event.order_id)) ordersTwice.push(event.order_id)
    orderIds.add(event.order_id)
    if (event.click) claims.push(claimOf(event, event.click))
    const place = readTo.get(record.partition)
    const isRead = place !== undefined && record.offset >= place.began && record.offset < place.next
    if (isRead && !event.is_bot && !counted.has(event.event_id) && !dead.has('billing-orders', record)) count(event)
    if (isRead) counted.add(event.event_id)
  }

  function count({ item_id: itemId, timestamp, price, quantity, click }: AttributedEvent) {
    const key = `${timestamp.slice(0, 10)} ${itemId}`
    let item = items.get(key)
    if (!item) items.set(key, (item = { orders: 0, attributed: 0, revenue: 0, attributedRevenue: 0 }))
    const paise = toPaise(price) * quantity
    item.orders += 1
    item.revenue += paise
    if (!click) return
    item.attributed += 1
    item.attributedRevenue += paise
  }

  return {
    visit,
    /** How often each order's event was answered. */
    answers: answers as ReadonlyMap<string, number>,
    ordersTwice: ordersTwice as readonly string[],
    claims: claims as readonly Claim[],
    /** By day and item, as far as `billing-orders` has read. */
    items: items as ReadonlyMap<string, ItemDay>,
  }
}

export type AttributedBooks = ReturnType<typeof attributedBooks>

function claimOf(event: AttributedEvent, click: NonNullable<AttributedEvent['click']>): Claim {
  return {
    orderId: event.order_id,
    userId: event.user_id,
    itemId: event.item_id,
    orderTs: Date.parse(event.timestamp),
    clickId: click.event_id,
    clickTs: Date.parse(click.timestamp),
  }
}
