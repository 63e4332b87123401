import { TIMED_TOPICS } from '@flowguard/contract'
import { gateIn } from '../reader/gate.ts'
import { readerLoop } from '../reader/loop.ts'
import { fraudIn } from '../stream/fraud/fraud.ts'
import { streamProcessor } from '../stream/processor.ts'
import { alertsOf } from './alerts.ts'
import { answeredByFlink } from './flink.ts'
import { rawReader } from './logs.ts'
import type { StartRole } from './machine.ts'
import { laneKeeping } from './lane.ts'
import { mirrored } from './mirrored.ts'
import { retainDerived, retainRaw } from './retained.ts'

export const start: StartRole = async (machine) => {
  const { settings, topics, clock, logger } = machine
  const { db, path, derived } = await machine.pipeline()
  const flink = await answeredByFlink(machine)
  const log = await rawReader(machine, TIMED_TOPICS)
  const { book, rules, watching } = await alertsOf(machine)
  const handler = streamProcessor({
    db,
    derived,
    gate: gateIn(db, 'stream', topics),
    doubleClickMs: Number(settings.DOUBLE_CLICK_MS),
    fraud: fraudIn({ db, book, rules: () => rules.now().fraud }),
    ...(flink && { answered: flink.answered }),
    logger,
  })
  const { parts: shipping, passed } = await mirrored(machine)
  return [
    readerLoop({ name: 'stream', topics: TIMED_TOPICS, log, handler }, { db, path, derived, clock, logger }),
    ...(flink?.parts ?? []),
    ...watching,
    ...shipping,
    await retainDerived(machine, passed),
    ...(await retainRaw(machine, 'redis')),
    ...(await laneKeeping(machine)),
  ]
}
