import type { TrackedEvent } from './events.ts'
import type { Store } from './store.ts'

const PREFIX = 'flowguard:queue:'
const CLICK = `${PREFIX}0:`
const IMPRESSION = `${PREFIX}1:`
export const QUEUE_COUNT_MAX = 1_000
/** A beacon may have 64 KiB. */
export const PIECE_BYTES_MAX = 60 * 1024
/** The gateway takes 500. */
export const PIECE_COUNT_MAX = 200
/** As the gateway has it. */
export const EVENT_BYTES_MAX = 32 * 1024

export interface Queued {
  key: string
  /** The event's JSON as it was made: the gateway compares what is sent again byte for byte. */
  line: string
}

export interface QueueTold {
  dropped: (event: TrackedEvent) => void
  /** Something else has written over it, or it was cut off. */
  unreadable: () => void
}

const bytesOf = (text: string) => new TextEncoder().encode(text).length

/**
 * Events waiting to be sent, each under a key of its own: tabs that add and remove at the same time cannot undo each other's work, and what is corrupted is
 * one event. The order of the keys is the order of sending: clicks first, for orders may wait for them, then by time.
 */
export function openQueue(store: Store, now: () => number, told: QueueTold) {
  const keys = () => store.keys(PREFIX).sort()
  const count = () => store.keys(PREFIX).length

  function read(key: string): (Queued & { event: TrackedEvent }) | undefined {
    const line = store.get(key)
    // Another tab has just removed it.
    if (line === undefined) return undefined
    try {
      const event = JSON.parse(line) as TrackedEvent | null
      if (typeof event?.event_id === 'string' && !line.includes('\n')) return { key, line, event }
    } catch {
      // Told below, like what is JSON but no event.
    }
    store.remove(key)
    told.unreadable()
    return undefined
  }

  function makeRoom(): void {
    const overCount = count() - QUEUE_COUNT_MAX
    if (overCount <= 0) return
    const all = keys()
    const leastWanted = [...all.filter((key) => key.startsWith(IMPRESSION)), ...all.filter((key) => !key.startsWith(IMPRESSION))]
    for (const key of leastWanted.slice(0, overCount)) {
      const dropped = read(key)
      store.remove(key)
      if (dropped) told.dropped(dropped.event)
    }
  }

  return {
    /** False where the gateway would not take it: no JSON, or too much of it. */
    add(event: TrackedEvent): boolean {
      const line = jsonOf(event)
      if (line === undefined || bytesOf(line) > EVENT_BYTES_MAX) return false
      const time = now().toString(36).padStart(9, '0')
      store.set(`${event.event_type === 'click' ? CLICK : IMPRESSION}${time}:${event.event_id}`, line)
      makeRoom()
      return true
    },
    remove: (key: string) => store.remove(key),
    count,
    /** All of it in pieces that may be sent at once, read as they are asked for. */
    *pieces(): Generator<Queued[]> {
      let piece: Queued[] = []
      let bytes = 0
      for (const key of keys()) {
        const queued = read(key)
        if (!queued) continue
        const more = bytesOf(queued.line) + 1
        if (piece.length === PIECE_COUNT_MAX || (piece.length > 0 && bytes + more >= PIECE_BYTES_MAX)) {
          yield piece
          piece = []
          bytes = 0
        }
        piece.push(queued)
        bytes += more
      }
      if (piece.length > 0) yield piece
    },
  }
}

export type Queue = ReturnType<typeof openQueue>

/** Undefined for what JSON cannot hold: a cycle, a bigint. */
function jsonOf(event: TrackedEvent): string | undefined {
  try {
    return JSON.stringify(event)
  } catch {
    return undefined
  }
}
