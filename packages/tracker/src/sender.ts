import { backoffMs, type Backoff } from './backoff.ts'
import type { Environment } from './environment.ts'
import { refusalOf, type Gateway, type Refusal } from './gateway.ts'
import type { Queue, Queued } from './queue.ts'

/** Held by the one tab that sends. */
const LOCK = 'flowguard:send'
/** How long an event may wait for others to travel with. */
export const SEND_DELAY_MS = 1_000
const DRAIN_RETRY_MS = 200
const DRAIN_RETRY_MS_MAX = 1_000

export interface SenderDeps {
  env: Environment
  queue: Queue
  backoff: Backoff
  gateway: Gateway
  told: { sent: (count: number) => void; refused: (queued: Queued, refusal: Refusal) => void }
}

/** Empties the queue into the gateway, one batch at a time, for as long as it answers. */
export function createSender({ env, queue, backoff, gateway, told }: SenderDeps) {
  let running: Promise<boolean> | undefined
  let callOff = () => {}
  let dueAt = Number.POSITIVE_INFINITY
  let isStopped = false
  /** Sent by beacon since the page was last seen: `pagehide` follows `visibilitychange`. */
  const beaconed = new Set<string>()

  function schedule(delayMs: number): void {
    if (isStopped || env.now() + delayMs >= dueAt) return
    callOff()
    dueAt = env.now() + delayMs
    callOff = env.after(delayMs, () => {
      dueAt = Number.POSITIVE_INFINITY
      void flush(false)
    })
  }

  /** Resolves to whether all went out. Urgent: does not wait for the backoff, only for what the gateway asked for. */
  function flush(isUrgent: boolean): Promise<boolean> {
    running ??= inTurn(() => sendAll(isUrgent)).finally(() => {
      running = undefined
      if (queue.count() > 0) schedule(Math.max(SEND_DELAY_MS, backoff.waitMs(false)))
    })
    return running
  }

  async function inTurn(work: () => Promise<boolean>): Promise<boolean> {
    if (!env.locks) return work()
    let hasTurn = false
    try {
      return await env.locks.request(LOCK, () => {
        hasTurn = true
        return work()
      })
    } catch (error) {
      // Locks are refused where storage is; a repeat that another tab sends does no harm.
      if (hasTurn) throw error
      return work()
    }
  }

  async function sendAll(isUrgent: boolean): Promise<boolean> {
    while (!isStopped) {
      const [piece] = queue.pieces()
      if (!piece) return true
      if (backoff.waitMs(isUrgent) > 0) return false
      const outcome = await gateway.postBatch(piece.map(({ line }) => line))
      if (outcome.kind === 'refused') for (const queued of piece) refuse(queued, outcome)
      else if (outcome.kind === 'unanswered' || !settle(piece, outcome.body)) {
        backoff.failed(outcome.kind === 'unanswered' ? outcome.retryAfterMs : 0)
        return false
      }
      backoff.succeeded()
    }
    return false
  }

  /** Works off a batch's answer. False where it is none for some event, which then stays: not all that answers 200 is the gateway. */
  function settle(piece: readonly Queued[], body: unknown): boolean {
    const results = Array.isArray(body) ? (body as ({ index?: unknown; status?: unknown; error?: unknown } | null)[]) : []
    let isWhole = true
    for (const [index, queued] of piece.entries()) {
      const result = results[index]?.index === index ? results[index] : undefined
      if (result?.status === 'accepted' || result?.status === 'duplicate') {
        queue.remove(queued.key)
        told.sent(1)
      } else if (result?.status === 'rejected') refuse(queued, refusalOf(result.error))
      else isWhole = false
    }
    return isWhole
  }

  function refuse(queued: Queued, refusal: Refusal): void {
    queue.remove(queued.key)
    told.refused(queued, refusal)
  }

  return {
    schedule,
    flush,
    /** Urgent, again and again until the queue is empty or the time is up. */
    async drain(limitMs: number): Promise<void> {
      const until = env.now() + limitMs
      for (let tries = 1; queue.count() > 0; tries += 1) {
        const leftMs = until - env.now()
        if (leftMs <= 0) return
        await within(leftMs, flush(true), env)
        if (queue.count() === 0) return
        const waitMs = Math.max(backoff.waitMs(true), backoffMs(tries, DRAIN_RETRY_MS, DRAIN_RETRY_MS_MAX, env.random))
        if (env.now() + waitMs >= until) return
        await pause(waitMs, env)
      }
    },
    /** All that waits, as the page hides. It stays in the queue and is sent again: that it arrived, nobody says. */
    beacon(): void {
      for (const piece of queue.pieces()) {
        const fresh = piece.filter(({ key }) => !beaconed.has(key))
        if (fresh.length > 0 && gateway.beacon(fresh.map(({ line }) => line))) for (const { key } of fresh) beaconed.add(key)
      }
    },
    /** The gateway has just answered something else. */
    reached(): void {
      backoff.succeeded()
      if (queue.count() > 0) schedule(0)
    },
    /** The page is seen again: what is queued then may go by beacon once more. */
    seen(): void {
      beaconed.clear()
      if (queue.count() > 0) schedule(0)
    },
    stop(): void {
      isStopped = true
      callOff()
    },
  }
}

export type Sender = ReturnType<typeof createSender>

export function pause(ms: number, { after }: Pick<Environment, 'after'>): Promise<void> {
  return new Promise((resolve) => void after(ms, resolve))
}

/** Waits for the work, but no longer than that. */
async function within(ms: number, work: Promise<unknown>, { after }: Pick<Environment, 'after'>): Promise<void> {
  let relax = () => {}
  const late = new Promise<void>((resolve) => (relax = after(ms, resolve)))
  await Promise.race([work, late])
  relax()
}
