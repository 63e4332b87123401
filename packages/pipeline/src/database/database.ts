import type { Ad, Food, Order, OrderType } from '@flowguard/contract'
import type { Headers } from '../log/event-log.ts'
import type { OutboxRecord } from './outbox-rows.ts'

/** An order event that passed the gateway's checks, before the database has given it its place. */
export interface OrderDraft {
  eventId: string
  /** Given by the gateway: what a `placed` order is called from here on. */
  orderId: string
  /** The client's own id for the order; for a status it may be the gateway's. */
  clientOrderId: string | null
  orderType: OrderType
  userId: string
  contentHash: string
  headers: Headers
  /** The flat event as the log is to hold it; of a status, what the order says is written over it. */
  event: Readonly<Record<string, unknown>>
}

export type OrderResult =
  /** Written, and on its way to the log. */
  | { kind: 'accepted'; orderId: string }
  /** Seen before with the same content: the first answer stands. */
  | { kind: 'duplicate'; orderId: string }
  /** Seen before with another content. */
  | { kind: 'conflict' }
  /** A status for an order that this user does not have. */
  | { kind: 'unknown_order' }

export interface OutboxRow {
  id: number
  record: OutboxRecord
}

/** What a key may do: `events`, send them and no more, for a key that lies open in a page. */
export type KeyUse = 'all' | 'events'

export interface WriteKey {
  name: string
  use: KeyUse
  createdAt: string
  revokedAt: string | null
}

/** The operational tables. An order and its outbox row are written together; what resolves has been flushed. */
export interface Database extends AsyncDisposable {
  /** Has what is remembered of orders read soon, so that the first of them need not wait for it. What fails in it, that one meets. */
  prepareOrders(): void
  /**
   * What became of each, in order. Concurrent calls share one transaction. Rejects with `disk_full`, `store_busy`, `log_unavailable` or `database_unavailable`; then none of
   * it is there, but for a server that was lost while it committed: then all may be. Sent again, it is a duplicate.
   */
  take(drafts: readonly OrderDraft[]): Promise<readonly OrderResult[]>
  order(orderId: string): Promise<Order | undefined>
  /** Puts heartbeats of these event times behind the orders that are already on their way. */
  queueHeartbeats(records: readonly OutboxRecord[]): Promise<void>
  /** The oldest records that have not been shipped, in the order in which they were written: what was written together comes whole, and only the first of it may be more than `countMax`. */
  outbox(countMax: number): Promise<readonly OutboxRow[]>
  /** Forgets the outbox up to and with `lastId`: the log has it. Records that were written together go together, with the last of them. */
  shipped(lastId: number): Promise<void>
  /** Changes whenever the outbox may have. */
  outboxVersion(): Promise<string>
  foods(): Promise<readonly Food[]>
  food(foodId: number): Promise<Food | undefined>
  ads(): Promise<readonly Ad[]>
  replaceFoods(foods: readonly Food[]): Promise<void>
  replaceAds(ads: readonly Ad[]): Promise<void>
  addKey(name: string, hash: string, use?: KeyUse): Promise<void>
  revokeKey(name: string): Promise<boolean>
  keys(): Promise<readonly WriteKey[]>
  /** Whether a key with this SHA-256 (hex) exists, is not revoked, and may do that. */
  hasKey(hash: string, use?: KeyUse): Promise<boolean>
}
