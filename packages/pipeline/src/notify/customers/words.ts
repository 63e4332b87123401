import { isoOf, type NoteKind, type UserNotification, type UserNotifications } from '@flowguard/contract'
import type { Note } from './notes.ts'

const WORDS: Readonly<Record<NoteKind, (what: string) => readonly [title: string, message: string]>> = {
  order_confirmed: (what) => ['Order confirmed', `We have your order of ${what}, and it is on its way to the stove.`],
  order_delivered: (what) => ['Order delivered', `Your order of ${what} was delivered. Enjoy your meal!`],
  order_cancelled: (what) => ['Order cancelled', `Your order of ${what} was cancelled. Nothing is charged.`],
  ad_order: (what) => ['Thank you', `You saw ${what} with us and ordered it: thank you for trying what we recommend.`],
}

/** As a customer reads it. */
function notificationOf(note: Note): UserNotification {
  const { id, kind, orderId, itemId, itemName, quantity, ts, notedAt } = note
  const dish = itemName ?? `dish ${itemId}`
  const [title, message] = WORDS[kind](quantity > 1 && kind !== 'ad_order' ? `${quantity} × ${dish}` : dish)
  return { id, kind, order_id: orderId, item_id: itemId, title, message, timestamp: isoOf(ts), noted_at: isoOf(notedAt) }
}

/** The newest `limit` of a user's notes, and how many of all came in after `since`. */
export function notificationsOf(
  userId: string,
  notes: readonly Note[],
  { since, limit }: { since: number; limit: number },
): UserNotifications {
  const latest = Math.max(...notes.map(({ notedAt }) => notedAt))
  return {
    user_id: userId,
    total: notes.length,
    unread: notes.filter(({ notedAt }) => notedAt > since).length,
    latest: notes.length > 0 ? isoOf(latest) : null,
    notifications: notes.slice(0, limit).map(notificationOf),
  }
}
