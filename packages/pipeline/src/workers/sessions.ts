import type { DatabaseSync } from 'node:sqlite'
import { DAY_MS, MINUTE_MS } from '@flowguard/contract'

/** A session is a user's events with no longer gap than this. */
const GAP_MS = 30 * MINUTE_MS
/** A user of whom nothing was appended for so long has no session any more: far longer than the gap, for events that are sent late or replayed. */
const KEPT_MS = DAY_MS

/** Each user's session as the lane has come to know it, in the order in which it works events off. Inside the transaction of the event. */
export function sessionsIn(db: DatabaseSync) {
  const find = db.prepare('select started_at as startedAt, last_at as lastAt from lane_sessions where user_id = ?')
  const put = db.prepare(
    `insert into lane_sessions values (?1, ?2, ?3, ?4)
     on conflict (user_id) do update set started_at = ?2, last_at = ?3, touched_at = ?4`,
  )
  const forget = db.prepare('delete from lane_sessions where touched_at < ?')
  return {
    /** Notes an event, and says when the session that it belongs to began. One that lies more than the gap before the session is one by itself. */
    startOf(user: string, ts: number, appendedAt: number): number {
      const known = find.get(user) as { startedAt: number; lastAt: number } | undefined
      if (known && ts < known.startedAt - GAP_MS) return ts
      const isOn = known !== undefined && ts <= known.lastAt + GAP_MS
      const startedAt = isOn ? Math.min(known.startedAt, ts) : ts
      put.run(user, startedAt, isOn ? Math.max(known.lastAt, ts) : ts, appendedAt)
      return startedAt
    },
    forget: (now: number) => void forget.run(now - KEPT_MS),
  }
}
