import type { Environment } from './environment.ts'
import type { Store } from './store.ts'

const KEY = 'flowguard:backoff'
const FIRST_MS = 1_000
export const BACKOFF_MS_MAX = 60_000
export const RETRY_AFTER_MS_MAX = 300_000

/** Exponential, with jitter: between half of `firstMs × 2^(tries-1)` and all of it, at most `longestMs`. `tries` counts from 1. */
export function backoffMs(tries: number, firstMs: number, longestMs: number, random: () => number): number {
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(tries - 1, 30))
  return ceiling / 2 + (random() * ceiling) / 2
}

interface Failure {
  tries: number
  /** When to try again. */
  until: number
  /** Until when the gateway asked to be left alone, which binds even what is urgent. */
  asked: number
}

/** How long to leave the gateway alone. Kept in storage: all tabs wait together, and a page loaded over and over does not begin anew. */
export function openBackoff(store: Store, { now, random }: Pick<Environment, 'now' | 'random'>) {
  function failure(): Failure | undefined {
    const [tries, until, asked] = (store.get(KEY) ?? '').split(' ').map(Number)
    if (!Number.isSafeInteger(tries) || !Number.isFinite(until) || !Number.isFinite(asked)) return undefined
    return { tries: tries!, until: until!, asked: asked! }
  }

  return {
    failed(retryAfterMs: number): void {
      const tries = (failure()?.tries ?? 0) + 1
      const asked = now() + retryAfterMs
      store.set(KEY, [tries, asked + backoffMs(tries, FIRST_MS, BACKOFF_MS_MAX, random), asked].join(' '))
    },
    succeeded: () => store.remove(KEY),
    waitMs(isUrgent: boolean): number {
      const { until, asked } = failure() ?? { until: 0, asked: 0 }
      const leftMs = (isUrgent ? asked : until) - now()
      // Further off than any failure puts it: the clock was set back, or the text is not ours.
      return leftMs > RETRY_AFTER_MS_MAX + BACKOFF_MS_MAX ? 0 : Math.max(0, leftMs)
    },
  }
}

export type Backoff = ReturnType<typeof openBackoff>
