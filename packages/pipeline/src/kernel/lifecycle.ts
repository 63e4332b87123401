import { setTimeout as wait } from 'node:timers/promises'

/** Milliseconds since 1970. Handed in, so that a test decides what time it is. */
export type Clock = () => number

/** A part of the system: works until the signal aborts, then drains and resolves. Rejects when it cannot go on. */
export type Part = (signal: AbortSignal) => Promise<void>

/** Runs parts side by side. The first to fail stops the others, and its error is the one thrown. */
export async function runAll(parts: readonly Part[], signal: AbortSignal): Promise<void> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  let failure: { error: unknown } | undefined
  await Promise.all(
    parts.map(async (part) => {
      try {
        await part(both)
      } catch (error) {
        failure ??= { error }
        stop.abort()
      }
    }),
  )
  if (failure) throw failure.error
}

/** Resolves after `ms`, or at once when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await wait(ms, undefined, { signal }).catch(() => undefined)
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
