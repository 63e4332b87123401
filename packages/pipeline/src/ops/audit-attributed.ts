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

/** Of these, what one ad and day came to. */
export type AdDay = Pick<ItemDay, 'attributed' | 'attributedRevenue'>

/** A click that an order is said to be due to. Times in milliseconds. */
export interface Claim {
  orderId: string
  userId: string
  itemId: number
  orderTs: number
  clickId: string
  clickTs: number
}

/** Everything that `attributed.events.v1` says. `adsBegan`: the first record of each partition that was counted by ad. */
export function attributedBooks(standings: readonly Standing[], dead: DeadBooks, adsBegan: ReadonlyMap<number, number>) {
  const answers = new Map<string, number>()
  const orderIds = new Set<string>()
  const ordersTwice: [string, string][] = []
  const claims: Claim[] = []
  const items = new Map<string, ItemDay>()
  const ads = new Map<string, AdDay>()
  const counted = new Set<string>()
  const readTo = new Map(
    standings.filter(({ reader }) => reader === 'billing-orders').map(({ partition, began, next }) => [partition, { began, next }]),
  )

  function visit(record: LogRecord) {
    const event = JSON.parse(record.value) as AttributedEvent
    answers.set(event.event_id, (answers.get(event.event_id) ?? 0) + 1)
    if (orderIds.has(event.order_id)) ordersTwice.push([event.order_id, event.event_id])
    orderIds.add(event.order_id)
    if (event.click) claims.push(claimOf(event, event.click))
    const place = readTo.get(record.partition)
    const isRead = place !== undefined && record.offset >= place.began && record.offset < place.next
    if (isRead && !event.is_bot && !counted.has(event.event_id) && !dead.has('billing-orders', record))
      count(event, record.offset >= (adsBegan.get(record.partition) ?? 0))
    if (isRead) counted.add(event.event_id)
  }

  function count({ item_id: itemId, timestamp, price, quantity, click }: AttributedEvent, isByAd: boolean) {
    const day = timestamp.slice(0, 10)
    const paise = toPaise(price) * quantity
    let item = items.get(`${day} ${itemId}`)
    if (!item) items.set(`${day} ${itemId}`, (item = { orders: 0, attributed: 0, revenue: 0, attributedRevenue: 0 }))
    item.orders += 1
    item.revenue += paise
    if (!click) return
    item.attributed += 1
    item.attributedRevenue += paise
    if (!isByAd) return
    let ad = ads.get(`${day} ${click.ad_id}`)
    if (!ad) ads.set(`${day} ${click.ad_id}`, (ad = { attributed: 0, attributedRevenue: 0 }))
    ad.attributed += 1
    ad.attributedRevenue += paise
  }

  return {
    visit,
    /** How often each order's event was answered. */
    answers: answers as ReadonlyMap<string, number>,
    /** Orders that were answered twice, each with its event. */
    ordersTwice: ordersTwice as readonly (readonly [string, string])[],
    claims: claims as readonly Claim[],
    /** By day and item, as far as `billing-orders` has read. */
    items: items as ReadonlyMap<string, ItemDay>,
    /** By day and ad, of those that were counted by ad. */
    ads: ads as ReadonlyMap<string, AdDay>,
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
