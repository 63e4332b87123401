import { backoffMs } from './backoff.ts'
import type { Environment } from './environment.ts'
import type { OrderDetails, TrackedEvent } from './events.ts'
import type { Gateway } from './gateway.ts'
import { pause, type Sender } from './sender.ts'
import type { Store } from './store.ts'

const PREFIX = 'flowguard:order:'
/** How long an order waits for the clicks that led to it. */
export const ORDER_FLUSH_MS_MAX = 3_000
/** How long it is tried after that, before the customer is told. */
export const ORDER_MS_MAX = 15_000
/** For how long the same order, when the first was not answered, is the same act. */
export const ORDER_ACT_MS = 15 * 60_000
const RETRY_MS = 500
const RETRY_MS_MAX = 4_000
/** Not all that answers 200 is the gateway. */
const NO_ANSWER = { retryAfterMs: 0, detail: 'what answered is not the gateway' }

export interface OrderAnswer {
  success: true
  order_id: string
  event_id: string
  status: 'confirmed'
  message: string
}

/** `refused`: there is no order. `unanswered`: there may be one; the same order again asks for it and makes no second. */
export class OrderError extends Error {
  override readonly name = 'OrderError'
  readonly reason: 'refused' | 'unanswered'
  readonly code: string

  constructor(reason: OrderError['reason'], code: string, detail: string) {
    super(`order ${reason}: ${detail || code}`)
    this.reason = reason
    this.code = code
  }
}

export interface OrdersDeps {
  env: Environment
  store: Store
  sender: Sender
  gateway: Gateway
  userId: () => string
  newOrder: (details: OrderDetails) => TrackedEvent
}

/** Places orders. An act is remembered until it is answered, so that pressing the button again, even after a reload, is the same order. */
export function createOrders({ env, store, sender, gateway, userId, newOrder }: OrdersDeps) {
  const underWay = new Map<string, Promise<OrderAnswer>>()

  function rememberedLine(key: string): string | undefined {
    const line = store.get(key)
    try {
      const { event_id: id, timestamp } = JSON.parse(line ?? 'null') as TrackedEvent
      if (typeof id === 'string' && Math.abs(env.now() - Date.parse(timestamp)) <= ORDER_ACT_MS) return line
    } catch {
      // Whatever it is, it is no act.
    }
    store.remove(key)
    return undefined
  }

  async function place(key: string, details: OrderDetails): Promise<OrderAnswer> {
    const line = rememberedLine(key) ?? JSON.stringify(newOrder(details))
    store.set(key, line)
    await sender.drain(ORDER_FLUSH_MS_MAX)
    const until = env.now() + ORDER_MS_MAX
    for (let tries = 1; ; tries += 1) {
      const outcome = await gateway.postOrder(line, until - env.now())
      if (outcome.kind === 'answered' && isAnswer(outcome.body)) {
        store.remove(key)
        sender.reached()
        return outcome.body
      }
      if (outcome.kind === 'refused') {
        store.remove(key)
        throw new OrderError('refused', outcome.code, outcome.detail)
      }
      const { retryAfterMs: askedMs, detail } = outcome.kind === 'unanswered' ? outcome : NO_ANSWER
      const waitMs = Math.max(askedMs, backoffMs(tries, RETRY_MS, RETRY_MS_MAX, env.random))
      if (env.now() + waitMs >= until) throw new OrderError('unanswered', 'unanswered', detail)
      await pause(waitMs, env)
    }
  }

  for (const key of store.keys(PREFIX)) rememberedLine(key)

  return async function order(details: OrderDetails): Promise<OrderAnswer> {
    const key = `${PREFIX}${JSON.stringify([userId(), details])}`
    const placed = underWay.get(key) ?? place(key, details).finally(() => underWay.delete(key))
    underWay.set(key, placed)
    return placed
  }
}

function isAnswer(body: unknown): body is OrderAnswer {
  return typeof (body as Partial<OrderAnswer> | undefined | null)?.order_id === 'string'
}
