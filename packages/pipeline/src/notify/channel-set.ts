import { isDeepStrictEqual } from 'node:util'
import type { DatabaseSync } from 'node:sqlite'
import { pause, type Part } from '../kernel/lifecycle.ts'
import { guarded, transaction } from '../kernel/sqlite.ts'
import { forgetOtherChannels } from './deliveries.ts'
import type { Channel } from './channels.ts'

/** How often it is looked whether the file has other channels now. */
const LOOK_MS = 1_000

interface Options {
  db: DatabaseSync
  path: string
  /** As the file has them now. */
  channels: () => readonly Channel[]
  /** The reader of one. */
  reader: (channel: Channel) => Part
}

interface Running {
  channel: Channel
  stop: AbortController
  ended: Promise<void>
}

/**
 * The readers of all channels: begun, begun anew where the file says another thing of one, and ended with it. What fails for good in one is a fault of the store
 * and not of its receiver; so it ends all.
 */
export function channelSet({ db, path, channels, reader }: Options): Part {
  return async (signal) => {
    const running = new Map<string, Running>()
    const failed = new AbortController()
    const stop = AbortSignal.any([signal, failed.signal])
    let failure: { error: unknown } | undefined

    function begin(channel: Channel) {
      const own = new AbortController()
      const ended = reader(channel)(AbortSignal.any([stop, own.signal])).catch((error: unknown) => {
        failure ??= { error }
        failed.abort()
      })
      running.set(channel.name, { channel, stop: own, ended })
    }

    async function end(gone: readonly Running[]) {
      for (const each of gone) {
        each.stop.abort()
        running.delete(each.channel.name)
      }
      await Promise.all(gone.map(({ ended }) => ended))
    }

    let last: readonly Channel[] | undefined
    while (!stop.aborted) {
      const now = channels()
      if (!isDeepStrictEqual(now, last)) {
        last = now
        await end([...running.values()].filter((each) => !now.some((channel) => isDeepStrictEqual(channel, each.channel))))
        guarded(path, () =>
          transaction(db, () =>
            forgetOtherChannels(
              db,
              now.map(({ name }) => name),
            ),
          ),
        )
        for (const channel of now) if (!running.has(channel.name)) begin(channel)
      }
      await pause(LOOK_MS, stop)
    }
    await end([...running.values()])
    if (failure) throw failure.error
  }
}
