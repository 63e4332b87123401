import { WINDOW_MS } from '@flowguard/contract'

/** Whether a click at `clickTs` may earn an order at `orderTs`: from 0 to 30 minutes before it, both ends included (CONTRACT, Attribution). */
export function mayEarn(clickTs: number, orderTs: number): boolean {
  return clickTs <= orderTs && orderTs - clickTs <= WINDOW_MS
}

/** The later click; of two at one instant, the one with the greater event id. */
export function later<T extends { ts: number; id: string }>(a: T, b: T): T {
  if (a.ts !== b.ts) return a.ts > b.ts ? a : b
  return a.id > b.id ? a : b
}
