import type { DatabaseSync } from 'node:sqlite'
import { DEAD, GENERAL } from '@flowguard/contract'
import type { Standing } from '../reader/places.ts'
import { WORKERS } from '../workers/processor.ts'
import { checking, type Check } from './audit-check.ts'
import type { DeadBooks } from './audit-dead.ts'
import { isTrimmed, type PartitionWalk } from './audit-walk.ts'

interface Books {
  standings: readonly Standing[]
  dead: DeadBooks
  walks: readonly PartitionWalk[]
}

/** The general lane: what its workers say they did against the rows that they left. */
export function laneChecks(db: DatabaseSync, books: Books): Check[] {
  return [appliedCheck(db, books), onceCheck(db), failedCheck(db, books)]
}

function appliedCheck(db: DatabaseSync, { standings }: Books): Check {
  const check = checking('general events applied = processed or waiting')
  const sums = new Map<number, number>()
  const rows = db
    .prepare(
      `select log_partition as partition, count(*) as count from processed_events group by log_partition
       union all select log_partition, processed from lane_forgotten
       union all select log_partition, count(*) from lane_retries group by log_partition`,
    )
    .all() as { partition: number; count: number }[]
  for (const { partition, count } of rows) sums.set(partition, (sums.get(partition) ?? 0) + count)
  let [expected, actual] = [0, 0]
  for (const { partition, applied } of standings.filter(({ reader }) => reader === WORKERS)) {
    const found = sums.get(partition) ?? 0
    expected += applied
    actual += found
    if (found !== applied) check.fault(`${WORKERS} ${GENERAL}-${partition}: applied ${applied}, rows ${found}`)
  }
  return check.done({ detail: 'by partition; rows that are no longer kept are counted', expected, actual })
}

/** By event and by record: neither has two rows, in whichever tables. */
function onceCheck(db: DatabaseSync): Check {
  const check = checking('no general event is worked off twice')
  const all = (columns: string) =>
    `select ${columns} from processed_events union all select ${columns} from failed_events union all select ${columns} from lane_retries`
  const twice = (columns: string) =>
    db.prepare(`select ${columns}, count(*) as count from (${all(columns)}) group by ${columns} having count(*) > 1`).all()
  for (const row of twice('event_id, user_id') as { event_id: string; user_id: string | null; count: number }[])
    check.fault(`${row.event_id} of ${row.user_id ?? 'nobody'}: ${row.count} rows`)
  for (const row of twice('log_partition, log_offset') as { log_partition: number; log_offset: number; count: number }[])
    check.fault(`${GENERAL}-${row.log_partition}@${row.log_offset}: ${row.count} rows`)
  const { rows, events } = db
    .prepare(
      `select count(*) as rows, count(distinct event_id || ' ' || coalesce(user_id, '')) as events from (${all('event_id, user_id')})`,
    )
    .get() as { rows: number; events: number }
  return check.done({ detail: 'processed, failed and waiting, by user and event, and by record', expected: events, actual: rows })
}

function failedCheck(db: DatabaseSync, { dead, walks }: Books): Check {
  const check = checking('every failed general event has its dead letter')
  const rows = db.prepare('select dead_id as id from failed_events').all() as { id: string }[]
  const isLost = isTrimmed(walks, DEAD)
  let found = 0
  for (const { id } of rows) {
    if (dead.hasLetter(id)) found += 1
    else if (!isLost) check.fault(`${id}: no letter`)
  }
  return check.done({
    detail: isLost ? 'letters beyond retention are not looked for' : 'by dead_id',
    expected: isLost ? found : rows.length,
    actual: found,
  })
}
