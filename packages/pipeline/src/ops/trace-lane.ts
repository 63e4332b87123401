import type { LogRecord } from '../log/event-log.ts'
import type { Standing } from '../reader/places.ts'
import type { LaneView } from '../workers/lane-view.ts'
import { WORKERS } from '../workers/processor.ts'
import { iso } from './topics.ts'
import { line, type Line } from './trace-line.ts'

/** What the workers made of a general event, or what it waits for. */
export async function laneOutcome(
  lane: LaneView | undefined,
  standings: readonly Standing[],
  record: LogRecord,
  event: Readonly<Record<string, unknown>>,
): Promise<Line[]> {
  const fate = await lane?.fateOf(event['event_id'] as string, event['user_id'] as string | undefined)
  if (fate?.state === 'processed') {
    const { processed_at: at, processed_by: by, retry_count: retries, category, session_start: begun } = fate
    const after = retries ? `, after ${tries(retries)} that failed` : ''
    return [
      line('done', `processed by ${by} at ${at}${after}`, { at }),
      ...(category ? [line('plain', `category ${category}`)] : []),
      ...(begun ? [line('plain', `in the session that began at ${begun}`)] : []),
    ]
  }
  if (fate?.state === 'waiting')
    return [line('coming', `pending: to be tried again at ${iso(fate.next_at)}, after ${tries(fate.tries)} that failed: ${fate.error}`)]
  if (fate) {
    const { failed_at: at, failed_by: by, retry_count: retries, error } = fate
    return [line('amiss', `failed at ${at}, by ${by}, after ${tries(retries + 1)}: ${error}`, { at })]
  }
  const next =
    standings.find((each) => each.reader === WORKERS && each.topic === record.topic && each.partition === record.partition)?.next ?? 0
  return next > record.offset ? [] : [line('coming', 'not worked off yet')]
}

function tries(count: number): string {
  return count === 1 ? '1 try' : `${count} tries`
}
