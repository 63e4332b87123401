import type { Ad } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'

const REFRESH_MS = 5_000

/** The ads table in memory, read again every few seconds; while it cannot be read, it is as it was. */
export function adsInMemory(
  read: () => Promise<readonly Ad[]>,
  { logger, refreshMs = REFRESH_MS }: { logger: Logger; refreshMs?: number },
): {
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
      let isFailing = false
      for (await pause(refreshMs, signal); !signal.aborted; await pause(refreshMs, signal)) {
        try {
          await load()
          if (isFailing) logger.info('the ads can be read again')
          isFailing = false
        } catch (error) {
          if (!(error instanceof FlowGuardError && error.retriable)) throw error
          if (!isFailing)
            logger.warn({ err: error, code: error.code }, 'the ads cannot be read just now: charges go by what was read before')
          isFailing = true
        }
      }
    },
  }
}
