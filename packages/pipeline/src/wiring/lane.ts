import { DEAD } from '@flowguard/contract'
import type { Part } from '../kernel/lifecycle.ts'
import { passedIn } from '../reader/passed.ts'
import { readerLoop } from '../reader/loop.ts'
import { deadShipper, LANE_DEAD } from '../workers/dead-shipper.ts'
import { laneRetention } from '../workers/retention.ts'
import type { Machine } from './machine.ts'

/** What the process that owns `dead.v1` does for the general lane: fetches the workers' dead letters, and forgets what is old. */
export async function laneKeeping(machine: Machine): Promise<Part[]> {
  const { topics, clock, logger } = machine
  const { db, path, derived } = await machine.pipeline()
  const store = await machine.lane()
  const shipped = () => passedIn([db], DEAD, topics[DEAD].partitions, 'lane')
  return [
    readerLoop({ name: LANE_DEAD, topics: [DEAD], log: store.lane, handler: deadShipper(derived) }, { db, path, derived, clock, logger }),
    laneRetention({ store, topics, shipped, clock, logger }),
  ]
}
