import { WORKERS } from '../workers/processor.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { Standing } from '../reader/places.ts'
import type { Stores } from './stores.ts'
import { iso } from './topics.ts'
import { line, type Line } from './trace-line.ts'

/** What the workers made of a general event, or what it waits for. */
export function laneOutcome(
  { lane }: Stores,
  standings: readonly Standing[],
  record: LogRecord,
  event: Readonly<Record<string, unknown>>,
): Line[] {
  const row = (columns: string, table: string) =>
    lane?.db
      .prepare(`select ${columns} from ${table} where event_id = ? and coalesce(user_id, '') = ?`)
      .get(event['event_id'] as string, (event['user_id'] as string | undefined) ?? '') as
      | Record<string, string | number | null>
      | undefined

  const done = row('category, session_start, processed_at, processed_by, retry_count', 'processed_events')
  if (done) {
    const at = String(done['processed_at'])
    const after = done['retry_count'] ? `, after ${tries(done['retry_count'] as number)} that failed` : ''
    return [
      line('done', `processed by ${done['processed_by']} at ${at}${after}`, { at }),
      ...(done['category'] ? [line('plain', `category ${done['category']}`)] : []),
      ...(done['session_start'] ? [line('plain', `in the session that began at ${done['session_start']}`)] : []),
    ]
  }
  const waiting = row('tries, next_at, error', 'lane_retries')
  if (waiting) {
    const failed = `after ${tries(waiting['tries'] as number)} that failed: ${waiting['error']}`
    return [line('coming', `pending: to be tried again at ${iso(waiting['next_at'] as number)}, ${failed}`)]
  }
  const failed = row('error, retry_count, failed_at, failed_by', 'failed_events')
  if (failed) {
    const at = String(failed['failed_at'])
    const after = tries(Number(failed['retry_count']) + 1)
    return [line('amiss', `failed at ${at}, by ${failed['failed_by']}, after ${after}: ${failed['error']}`, { at })]
  }
  const next =
    standings.find((each) => each.reader === WORKERS && each.topic === record.topic && each.partition === record.partition)?.next ?? 0
  return next > record.offset ? [] : [line('coming', 'not worked off yet')]
}

function tries(count: number): string {
  return count === 1 ? '1 try' : `${count} tries`
}
