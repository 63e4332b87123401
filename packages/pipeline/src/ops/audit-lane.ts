import { DEAD, GENERAL } from '@flowguard/contract'
import type { Standing } from '../reader/places.ts'
import type { LaneView } from '../workers/lane-view.ts'
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
export async function laneChecks(lane: LaneView, books: Books): Promise<Check[]> {
  return [await appliedCheck(lane, books), await onceCheck(lane), await failedCheck(lane, books)]
}

async function appliedCheck(lane: LaneView, { standings }: Books): Promise<Check> {
  const check = checking('general events applied = processed or waiting')
  const sums = await lane.applied()
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
async function onceCheck(lane: LaneView): Promise<Check> {
  const check = checking('no general event is worked off twice')
  const { rows, events, twice } = await lane.rows()
  for (const { of, count } of twice) {
    const what = 'event_id' in of ? `${of.event_id} of ${of.user_id ?? 'nobody'}` : `${GENERAL}-${of.partition}@${of.offset}`
    check.fault(`${what}: ${count} rows`)
  }
  return check.done({ detail: 'processed, failed and waiting, by user and event, and by record', expected: events, actual: rows })
}

async function failedCheck(lane: LaneView, { dead, walks }: Books): Promise<Check> {
  const check = checking('every failed general event has its dead letter')
  const letters = await lane.failedLetters()
  const isLost = isTrimmed(walks, DEAD)
  let found = 0
  for (const id of letters) {
    if (dead.hasLetter(id)) found += 1
    else if (!isLost) check.fault(`${id}: no letter`)
  }
  return check.done({
    detail: isLost ? 'letters beyond retention are not looked for' : 'by dead_id',
    expected: isLost ? found : letters.length,
    actual: found,
  })
}
