import { FlowGuardError } from '../kernel/errors.ts'
import type { Message } from './message.ts'

/** A way to people. */
export interface Sender {
  /**
   * Resolves once the receiver has taken it, to what it said. Rejects with `channel_unavailable` where it may be taken later, and with `channel_refused` where it
   * never will be.
   */
  send(message: Message, signal: AbortSignal): Promise<string>
}

/** Waits before the next try, where the receiver said so. */
export class Unavailable extends FlowGuardError {
  readonly retryAfterMs: number

  constructor(detail: string, { retryAfterMs = 0, cause }: { retryAfterMs?: number; cause?: unknown } = {}) {
    super('channel_unavailable', detail, cause)
    this.retryAfterMs = retryAfterMs
  }
}

export const refused = (detail: string, cause?: unknown) => new FlowGuardError('channel_refused', detail, cause)
