import { TIMED_TOPICS } from '@flowguard/contract'
import { gateIn } from '../reader/gate.ts'
import { readerLoop } from '../reader/loop.ts'
import { streamProcessor } from '../stream/processor.ts'
import { rawReader } from './edge-stores.ts'
import type { StartRole } from './machine.ts'
import { laneKeeping } from './lane.ts'
import { retainDerived } from './retained.ts'

export const start: StartRole = async (machine) => {
  const { topics, clock, logger } = machine
  const { db, path, derived } = await machine.pipeline()
  const log = await rawReader(machine, TIMED_TOPICS)
  const handler = streamProcessor(db, derived, gateIn(db, 'stream', topics), logger)
  return [
    readerLoop({ name: 'stream', topics: TIMED_TOPICS, log, handler }, { db, path, derived, clock, logger }),
    await retainDerived(machine),
    ...(await laneKeeping(machine)),
  ]
}
