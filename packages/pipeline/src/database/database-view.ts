import type { Ad, Food } from '@flowguard/contract'
import type { OutboxRecord } from './outbox-rows.ts'

export interface OrderSeen {
  order_id: string
  /** Of the event that placed it. */
  event_id: string
  user_id: string
  status: string
  /** RFC 3339. */
  created_at: string
  updated_at: string
}

export interface OrderEventSeen {
  eventId: string
  orderId: string
}

/** The operational tables looked at from beside: for the books, traces and figures. Rejects with `store_missing` until their owner has made them. */
export interface DatabaseView {
  /** The order of this id, or else the one to which the event of this id belongs. */
  orderOf(id: string): Promise<OrderSeen | undefined>
  /** Those of these ids that there are, by id. */
  orders(ids: readonly string[]): Promise<ReadonlyMap<string, OrderSeen>>
  /** Ids of the events of an order. */
  eventsOf(orderId: string): Promise<readonly string[]>
  /** Every order event ever taken, some hundreds at a time. */
  orderEvents(): AsyncIterable<readonly OrderEventSeen[]>
  /** Ids of orders whose own event is not among the order events: there are none, unless something is amiss. */
  ordersWithoutEvent(): Promise<readonly string[]>
  /** Order events on their way to the log. */
  outboxOrders(): Promise<number>
  /** All records on their way to the log, those written together at a time. */
  outbox(): AsyncIterable<readonly OutboxRecord[]>
  /** Of these, the ones that were written together with a record that holds the text. */
  outboxWith(text: string): Promise<readonly OutboxRecord[]>
  foods(): Promise<readonly Pick<Food, 'food_id' | 'name' | 'category'>[]>
  ads(): Promise<readonly Pick<Ad, 'adId' | 'itemId' | 'campaignId' | 'advertiserId' | 'pricing'>[]>
  ad(adId: string): Promise<Pick<Ad, 'pricing'> | undefined>
}
