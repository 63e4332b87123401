const TICK_MS = 1

export interface LoopOptions {
  count: number
  /** Infinity: as fast as `openMax` lets them go. */
  perSecond: number
  /** Requests that may be open at once: those that are due beyond wait, and their waiting counts. */
  openMax: number
  signal: AbortSignal
  /** Milliseconds that only go forward. */
  now: () => number
}

/**
 * Sends by schedule, whatever the answers take, and tells of each how long it took from the time at which it was due: a gateway that stands still cannot hide
 * it by not being asked. Resolves, once all are answered or the signal aborts, to how many were sent.
 */
export function openLoop(
  { count, perSecond, openMax, signal, now }: LoopOptions,
  send: (tookMs: () => number) => Promise<void>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let failed = false
    const startedAt = now()
    let sent = 0
    let open = 0
    const isOver = () => sent === count || signal.aborted
    const fail = (error: unknown) => {
      failed = true
      reject(error instanceof Error ? error : new Error(String(error)))
    }
    const pump = () => {
      const due = Math.min(count, Math.floor(((now() - startedAt) * perSecond) / 1_000) + 1)
      while (!failed && !signal.aborted && open < openMax && sent < (perSecond === Infinity ? count : due)) {
        const dueAt = startedAt + (perSecond === Infinity ? now() - startedAt : (sent * 1_000) / perSecond)
        sent += 1
        open += 1
        send(() => now() - dueAt).then(answered, fail)
      }
    }
    const answered = () => {
      open -= 1
      if (open >= openMax - 1) pump()
    }
    const tick = () => {
      pump()
      if (isOver() && open === 0) resolve(sent)
      else if (!failed) setTimeout(tick, TICK_MS)
    }
    tick()
  })
}
