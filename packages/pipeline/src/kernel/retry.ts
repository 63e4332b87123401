import { pause } from './lifecycle.ts'

export interface Backoff {
  firstMs: number
  longestMs: number
  /** A number in [0, 1): chance, handed in. */
  random: () => number
}

export const BACKOFF: Backoff = { firstMs: 100, longestMs: 10_000, random: Math.random }

/** Exponential, with jitter: between half of `firstMs × 2^(tries-1)` and all of it, at most `longestMs`. `tries` counts from 1. */
export function backoffMs(tries: number, { firstMs, longestMs, random }: Backoff): number {
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(tries - 1, 30))
  return ceiling / 2 + (random() * ceiling) / 2
}

/** Does the work again until it succeeds, fails for good, or the signal aborts (then undefined). */
export async function retried<T>(
  work: () => Promise<T>,
  canRetry: (error: unknown, tries: number) => boolean,
  signal: AbortSignal,
  backoff: Backoff = BACKOFF,
): Promise<T | undefined> {
  for (let tries = 1; !signal.aborted; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!canRetry(error, tries)) throw error
      await pause(backoffMs(tries, backoff), signal)
    }
  }
  return undefined
}
