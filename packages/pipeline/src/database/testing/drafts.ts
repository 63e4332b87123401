import assert from 'node:assert/strict'
import type { Clock } from '../../kernel/lifecycle.ts'
import type { Database, OrderDraft, OrderResult } from '../database.ts'

/** One store of operational tables: what is opened again finds what was there. */
export interface DatabaseStore extends AsyncDisposable {
  open(clock: Clock): Promise<Database>
  /** As another process sees it. */
  openReader(clock: Clock): Promise<Database>
  /** How long replacing 70,000 ads may take: a server that shares the machine with others gets longer. */
  replaceMsMax: number
}

export type WithDatabase = (title: string, run: (database: Database, store: DatabaseStore) => Promise<void>) => void

let drafts = 0

/** An order of user u1 that has ids of its own, which rise as the gateway's do. */
export function draftOf(change: Partial<OrderDraft> = {}): OrderDraft {
  drafts += 1
  const orderId = `018d5f00-0000-7000-8000-${String(drafts).padStart(12, '0')}`
  const userId = change.userId ?? 'u1'
  const draft = {
    eventId: `event-${drafts}`,
    orderId,
    clientOrderId: null,
    orderType: 'placed' as const,
    userId,
    contentHash: `hash-${drafts}`,
    ...change,
  }
  return {
    headers: { content_hash: draft.contentHash, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    event: {
      event_type: 'order',
      event_id: draft.eventId,
      order_id: orderId,
      user_id: userId,
      item_id: 7,
      item_name: 'Paneer Biryani',
      price: 249.5,
      quantity: 2,
      order_type: draft.orderType,
      note: 'no onions, 🌶️\n',
    },
    ...draft,
  }
}

export function statusOf(
  orderType: 'confirmed' | 'cancelled' | 'delivered',
  clientOrderId: string | null,
  change: Partial<OrderDraft> = {},
): OrderDraft {
  return draftOf({ orderType, clientOrderId, ...change })
}

export async function taken(database: Database, draft: OrderDraft): Promise<OrderResult> {
  const [result] = await database.take([draft])
  return result as OrderResult
}

export async function placed(database: Database, draft: OrderDraft): Promise<string> {
  const result = await taken(database, draft)
  assert.equal(result.kind, 'accepted')
  return (result as { orderId: string }).orderId
}

export async function outboxValues(database: Database): Promise<Record<string, unknown>[]> {
  const rows = await database.outbox(10_000)
  return rows.map(({ record }) => JSON.parse(record.value) as Record<string, unknown>)
}
