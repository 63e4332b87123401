/** What a customer is told of an order. */
export interface Notification {
  id: string
  title: string
  message: string
  orderId: string
  timestamp: string
}

export interface Notifications {
  /** Those that came in since they were looked at last. */
  unread: number
  /** To be kept by whoever has looked at them. */
  latest: string | undefined
  /** The newest first. */
  list: Notification[]
}

/** As the tracker names a customer whom nobody has named: nobody can guess one, and so nobody reads another's. */
export const CUSTOMER_ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

export function parseNotifications(value: unknown): Notifications | undefined {
  const { unread, latest, notifications } = (value ?? {}) as Record<string, unknown>
  if (!Number.isSafeInteger(unread) || !Array.isArray(notifications)) return undefined
  return {
    unread: unread as number,
    latest: typeof latest === 'string' ? latest : undefined,
    list: notifications.flatMap((each: unknown) => notificationOf(each) ?? []),
  }
}

function notificationOf(value: unknown): Notification | undefined {
  const { id, title, message, order_id: orderId, timestamp } = (value ?? {}) as Record<string, unknown>
  const texts = [id, title, message, orderId, timestamp]
  if (!texts.every((text): text is string => typeof text === 'string')) return undefined
  return { id, title, message, orderId, timestamp } as Notification
}
