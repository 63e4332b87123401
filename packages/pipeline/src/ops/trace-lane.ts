import { WORKERS } from '../workers/processor.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { Standing } from '../reader/places.ts'
import type { Stores } from './stores.ts'
import { iso } from './topics.ts'

/** What the workers made of a general event, or what it waits for. */
export function laneOutcome(
  { lane }: Stores,
  standings: readonly Standing[],
  record: LogRecord,
  event: Readonly<Record<string, unknown>>,
): string[] {
  const row = (columns: string, table: string) =>
    lane?.db
      .prepare(`select ${columns} from ${table} where event_id = ? and coalesce(user_id, '') = ?`)
      .get(event['event_id'] as string, (event['user_id'] as string | undefined) ?? '') as
      | Record<string, string | number | null>
      | undefined

  const done = row('category, session_start, processed_at, processed_by, retry_count', 'processed_events')
  if (done) {
    return [
      `processed by ${done['processed_by']} at ${done['processed_at']}${done['retry_count'] ? `, after ${tries(done['retry_count'] as number)} that failed` : ''}`,
      ...(done['category'] ? [`category ${done['category']}`] : []),
      ...(done['session_start'] ? [`in the session that began at ${done['session_start']}`] : []),
    ]
  }
  const waiting = row('tries, next_at, error', 'lane_retries')
  if (waiting)
    return [
      `pending: to be tried again at ${iso(waiting['next_at'] as number)}, after ${tries(waiting['tries'] as number)} that failed: ${waiting['error']}`,
    ]
  const failed = row('error, retry_count, failed_at, failed_by', 'failed_events')
  if (failed)
    return [
      `failed at ${failed['failed_at']}, by ${failed['failed_by']}, after ${tries(Number(failed['retry_count']) + 1)}: ${failed['error']}`,
    ]
  const next =
    standings.find((each) => each.reader === WORKERS && each.topic === record.topic && each.partition === record.partition)?.next ?? 0
  return next > record.offset ? [] : ['not worked off yet']
}

function tries(count: number): string {
  return count === 1 ? '1 try' : `${count} tries`
}
