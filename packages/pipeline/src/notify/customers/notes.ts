import type { NoteKind } from '@flowguard/contract'

/** One thing that a customer is told, as it is kept: the words are made when it is read. */
export interface Note {
  /** `kind/order_id`: an order is confirmed once, and so is told once, however often its event is read. */
  id: string
  userId: string
  kind: NoteKind
  orderId: string
  itemId: number
  itemName: string | null
  quantity: number
  /** Event time, ms. */
  ts: number
  /** When its event was appended to the log, ms: what is kept, and what is unread, counts from there. */
  notedAt: number
}

/**
 * As one text, the same for the same note wherever it is kept. Of notes of one instant the greater text is the newer: the store here and the one elsewhere compare the
 * same bytes, and so drop the same ones.
 */
export function bodyOf({ id, kind, orderId, itemId, itemName, quantity, ts, notedAt }: Note): string {
  return JSON.stringify([id, kind, orderId, itemId, itemName, quantity, ts, notedAt])
}

export function noteOf(userId: string, body: string): Note {
  const [id, kind, orderId, itemId, itemName, quantity, ts, notedAt] = JSON.parse(body) as [
    string,
    NoteKind,
    string,
    number,
    string | null,
    number,
    number,
    number,
  ]
  return { id, userId, kind, orderId, itemId, itemName, quantity, ts, notedAt }
}

/** Whoever has a user's notes. Rejects with `counters_unavailable` or `store_missing` while there are none to be read. */
export interface NotesView {
  /** Noted since then (ms), the newest first. */
  notes(userId: string, notedSince: number): Promise<readonly Note[]>
}
