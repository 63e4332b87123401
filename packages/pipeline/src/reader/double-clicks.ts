import { generations } from '../kernel/generations.ts'

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
  const latest = generations<number>(windowMs)
  return {
    clear: () => latest.clear(),
    isDouble({ userId, adId, ts }: ClickAt): boolean {
      latest.turn(ts)
      const key = `${userId.length} ${userId} ${adId}`
      const last = latest.get(key)
      latest.set(key, ts)
      return last !== undefined && ts - last < windowMs
    },
  }
}
