import { DAY_MS, MINUTE_MS } from '@flowguard/contract'
import type { Session } from './tables.ts'

/** A session is a user's events with no longer gap than this. */
const GAP_MS = 30 * MINUTE_MS
/** A user of whom nothing was appended for so long has no session any more: far longer than the gap, for events that are sent late or replayed. */
export const SESSION_KEPT_MS = DAY_MS

/** Each user's session as the lane has come to know it, in the order in which it works events off: on from what the store knows. */
export function sessionsFrom(known: ReadonlyMap<string, Session>) {
  const changed = new Map<string, Session & { user: string }>()
  return {
    /** Notes an event, and says when the session that it belongs to began. One that lies more than the gap before the session is one by itself. */
    startOf(user: string, ts: number, appendedAt: number): number {
      const session = changed.get(user) ?? known.get(user)
      if (session && ts < session.startedAt - GAP_MS) return ts
      const isOn = session !== undefined && ts <= session.lastAt + GAP_MS
      const startedAt = isOn ? Math.min(session.startedAt, ts) : ts
      changed.set(user, { user, startedAt, lastAt: isOn ? Math.max(session.lastAt, ts) : ts, touchedAt: appendedAt })
      return startedAt
    },
    changed: () => [...changed.values()],
  }
}
