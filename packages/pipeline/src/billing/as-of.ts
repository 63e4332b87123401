import type { DatabaseSync } from 'node:sqlite'
import { ATTRIBUTED, isoOf, LATENESS_MS } from '@flowguard/contract'

/** Orders are charged once the stream has answered them, all else by billing itself. */
const TIME = "select min(time_ms) as time from places where reader in ('billing', 'stream')"
/**
 * And charged by a reader of the answers, which lie in each partition in the order of their time: where some are unread, all before the last that was read are
 * charged. -1 where none was.
 */
const ANSWERS = `select case when next > began then time_ms else -1 end as time, next < coalesce((
    select base_offset + count from log_batches where topic = p.topic and partition = p.partition order by base_offset desc limit 1
  ), 0) as behind
  from places p where reader = 'billing-orders' and topic = '${ATTRIBUTED}'`

/** Up to when all has been charged, as RFC 3339; null while that cannot be said. */
export function asOfIn(db: DatabaseSync): string | null {
  // Time first: whatever was answered before then is in the log as it is looked at after.
  const { time } = db.prepare(TIME).get() as { time: number | null }
  const answers = db.prepare(ANSWERS).all() as { time: number; behind: number }[]
  if (time === null || time < 0 || answers.length === 0) return null
  const unread = answers.flatMap((each) => (each.behind ? [each.time] : []))
  return unread.some((each) => each < 0) ? null : isoOf(Math.min(time - LATENESS_MS, ...unread))
}
