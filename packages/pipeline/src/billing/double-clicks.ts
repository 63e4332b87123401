/** A click in the order of `ts` and event id. */
export interface ClickAt {
  userId: string
  adId: string
  ts: number
}

/**
 * Tells double clicks: less than `windowMs` after another click, charged or not, of the same user on the same ad. Clicks are to be given in the order
 * of `ts` and event id, so the answer does not hang on how they arrived. Remembers two windows at the most.
 */
export function doubleClicks(windowMs: number) {
  let current = new Map<string, number>()
  let previous = new Map<string, number>()
  let since = -Infinity

  return {
    clear() {
      current = new Map()
      previous = new Map()
      since = -Infinity
    },
    isDouble({ userId, adId, ts }: ClickAt): boolean {
      if (ts - since >= windowMs) {
        previous = ts - since < 2 * windowMs ? current : new Map()
        current = new Map()
        since = ts
      }
      const key = `${userId.length} ${userId} ${adId}`
      const last = current.get(key) ?? previous.get(key)
      current.set(key, ts)
      return last !== undefined && ts - last < windowMs
    },
  }
}
