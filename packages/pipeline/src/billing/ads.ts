import type { Ad } from '@flowguard/contract'
import { pause, type Part } from '../kernel/lifecycle.ts'

const REFRESH_MS = 5_000

/** The ads table in memory, read again every few seconds. */
export function adsInMemory(read: () => Promise<readonly Ad[]>): {
  adOf: (adId: string) => Ad | undefined
  load: () => Promise<void>
  refresh: Part
} {
  let ads = new Map<string, Ad>()
  const load = async () => {
    ads = new Map((await read()).map((ad) => [ad.adId, ad]))
  }
  return {
    adOf: (adId) => ads.get(adId),
    load,
    refresh: async (signal) => {
      while (!signal.aborted) {
        await pause(REFRESH_MS, signal)
        await load()
      }
    },
  }
}
