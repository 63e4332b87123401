import { Readable } from 'node:stream'

export const LISTENERS_MAX = 64
/** Where nothing else is to be said, a line that says nothing: so that neither side takes a quiet connection for a dead one. */
const HEARTBEAT_TICKS = 15
/** A listener that takes nothing misses states until it has taken these; each is whole, so only the latest counts. */
const WAITING_BYTES_MAX = 256 * 1024

/** The last minutes, as whoever comes later is told them. They are kept when the last listener has gone: it may be a page that is loaded anew. */
const PAST_COUNT_MAX = 180

interface LiveFeed {
  /** The server-sent events of a new listener: first what has been, then the latest state; undefined where there are too many already. */
  listen(): Readable | undefined
  /** Computes the state once and tells all. */
  tick(): Promise<void>
  count(): number
  /** Ends all connections, for good. */
  close(): void
}

export interface LiveOptions<T extends object> {
  /** The state of now, to be sent as JSON. A rejection is told to the listeners as an event of its own, and is tried again at the next tick. */
  look: () => Promise<T>
  /** What of a state is kept for those who come later. */
  brief: (state: T) => object
  /** Somebody listens; nobody does any more. */
  onBusy: (isBusy: boolean) => void
}

/** One state each second for all who listen, computed once, and not at all where nobody does. */
export function liveFeed<T extends object>({ look, brief, onBusy }: LiveOptions<T>): LiveFeed {
  const listeners = new Set<Readable>()
  let isClosed = false
  let isLooking = false
  let latest: string | undefined
  const past: string[] = []
  let quietTicks = 0

  function tell(message: string) {
    for (const listener of listeners) if (listener.readableLength < WAITING_BYTES_MAX) listener.push(message)
  }

  function leave(listener: Readable) {
    if (!listeners.delete(listener) || listeners.size > 0) return
    latest = undefined
    onBusy(false)
  }

  return {
    listen() {
      if (isClosed || listeners.size >= LISTENERS_MAX) return undefined
      const listener = new Readable({ read() {} })
      listener.once('close', () => leave(listener))
      listeners.add(listener)
      const before = past.length > 0 ? `event: past\ndata: [${past.join()}]\n\n` : ''
      listener.push(`retry: 2000\n\n${before}${latest ?? ''}`)
      if (listeners.size === 1) onBusy(true)
      return listener
    },
    async tick() {
      if (isClosed || listeners.size === 0) return
      quietTicks += 1
      if (quietTicks >= HEARTBEAT_TICKS) {
        quietTicks = 0
        tell(': alive\n\n')
      }
      // The one before is still at it: this one would only make it longer.
      if (isLooking) return
      isLooking = true
      try {
        const state = await look()
        latest = `event: state\ndata: ${JSON.stringify(state)}\n\n`
        past.push(JSON.stringify(brief(state)))
        if (past.length > PAST_COUNT_MAX) past.shift()
        quietTicks = 0
        tell(latest)
      } catch {
        tell('event: trouble\ndata: {"detail":"the stores do not answer just now"}\n\n')
      } finally {
        isLooking = false
      }
    },
    count: () => listeners.size,
    close() {
      isClosed = true
      for (const listener of listeners) listener.push(null)
    },
  }
}
