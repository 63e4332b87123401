import { toPaise, toRupees } from '@flowguard/contract'
import type { OrderDraft, OrderResult } from '../database.ts'
import type { OutboxRecord } from '../outbox-rows.ts'
import type { OrderRow } from './tables.ts'

/** One call that waits for its commit: order events to be taken, or heartbeats to be put behind those that came before. */
export type Call = { kind: 'drafts'; drafts: readonly OrderDraft[] } | { kind: 'heartbeats'; records: readonly OutboxRecord[] }

export interface OrderEvent {
  event_id: string
  order_id: string
  content_hash: string
}

/** What the tables hold of the events and the orders that a group speaks of. */
export interface Known {
  events: readonly OrderEvent[]
  orders: readonly OrderRow[]
}

/** What a group comes to: what is to be written, and what each call is answered. */
export interface Outcome {
  events: OrderEvent[]
  orders: OrderRow[]
  /** Orders that were there before and have another status now. */
  changed: OrderRow[]
  records: OutboxRecord[]
  results: (readonly OrderResult[])[]
}

/** Works a group off as if its drafts came one after the other. It changes nothing that it is given. */
export function workOff(calls: readonly Call[], known: Known, now: string): Outcome {
  const outcome: Outcome = { events: [], orders: [], changed: [], records: [], results: [] }
  const events = new Map(known.events.map((event) => [event.event_id, event]))
  const orders = new Map<string, OrderRow>()
  const newest = new Map<string, OrderRow>()
  const changed = new Set<OrderRow>()

  function remember(order: OrderRow): void {
    orders.set(order.order_id, order)
    if (order.client_order_id === null) return
    const key = clientKey(order.user_id, order.client_order_id)
    // The gateway's ids rise with time, so the highest is the newest.
    if ((newest.get(key)?.order_id ?? '') < order.order_id) newest.set(key, order)
  }

  function take(draft: OrderDraft): OrderResult {
    const { eventId, contentHash, userId, headers } = draft
    const seen = events.get(eventId)
    if (seen) return seen.content_hash === contentHash ? { kind: 'duplicate', orderId: seen.order_id } : { kind: 'conflict' }
    const taken = draft.orderType === 'placed' ? place(draft) : changeStatus(draft)
    if (!taken) return { kind: 'unknown_order' }
    const event = { event_id: eventId, order_id: taken.orderId, content_hash: contentHash }
    events.set(eventId, event)
    outcome.events.push(event)
    outcome.records.push({ key: userId, value: JSON.stringify(taken.event), headers })
    return { kind: 'accepted', orderId: taken.orderId }
  }

  function place({ orderId, eventId, clientOrderId, userId, event }: OrderDraft) {
    const { item_id, item_name = null, price, quantity } = event as { item_id: number; item_name?: string; price: number; quantity: number }
    const order: OrderRow = {
      order_id: orderId,
      event_id: eventId,
      client_order_id: clientOrderId,
      user_id: userId,
      item_id,
      item_name,
      price_paise: toPaise(price),
      quantity,
      status: 'placed',
      created_at: now,
      updated_at: now,
    }
    remember(order)
    outcome.orders.push(order)
    return { orderId, event }
  }

  /** The event of a status says what the order is, whatever the client sent beside its id. */
  function changeStatus({ clientOrderId, userId, orderType, event }: OrderDraft) {
    const own = clientOrderId === null ? undefined : orders.get(clientOrderId)
    const order = own?.user_id === userId ? own : newest.get(clientKey(userId, clientOrderId ?? ''))
    if (clientOrderId === null || !order) return undefined
    order.status = orderType
    order.updated_at = now
    changed.add(order)
    const { order_id, item_id, item_name, price_paise, quantity } = order
    return {
      orderId: order_id,
      event: { ...event, order_id, item_id, item_name: item_name ?? undefined, price: toRupees(price_paise), quantity },
    }
  }

  for (const order of known.orders) remember({ ...order })
  for (const call of calls) {
    if (call.kind === 'drafts') outcome.results.push(call.drafts.map(take))
    else {
      outcome.records.push(...call.records)
      outcome.results.push([])
    }
  }
  const placed = new Set(outcome.orders)
  outcome.changed = [...changed].filter((order) => !placed.has(order))
  return outcome
}

function clientKey(userId: string, clientOrderId: string): string {
  return JSON.stringify([userId, clientOrderId])
}
