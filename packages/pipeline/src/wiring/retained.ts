import { TOPICS, RAW_TOPICS, type RawTopic, type Topic } from '@flowguard/contract'
import type { Part } from '../kernel/lifecycle.ts'
import type { EventLog } from '../log/event-log.ts'
import { retention } from '../log/retention.ts'
import { standingsOf } from '../ops/stores.ts'
import { passedBy, passedIn } from '../reader/passed.ts'
import { journeyIndexIn } from '../stream/journey-index.ts'
import { openStores, placesOf } from '../stores.ts'
import { rawLogs, rawLogToAppend } from './logs.ts'
import type { Machine } from './machine.ts'

export const DERIVED_TOPICS = TOPICS.filter((topic) => !(RAW_TOPICS as readonly Topic[]).includes(topic))

/**
 * Retention of the raw logs of one engine, which goes no further than the readers have come. By who owns a log that is a file; of Redis by who has the
 * pipeline's store at hand; Kafka's brokers see to it themselves.
 */
export async function retainRaw(machine: Machine, engine: 'sqlite' | 'redis'): Promise<Part[]> {
  const { settings, closing, topics, clock, logger } = machine
  const kept = rawLogs(settings).flatMap(({ address, holds }): readonly RawTopic[] => (address.engine === engine ? holds : []))
  if (kept.length === 0) return []
  const stores = closing.use(openStores({ ...placesOf(settings), clock }))
  const passed = (topic: RawTopic) => async () => passedBy(await standingsOf(await stores.look('lane')), topic, topics[topic].partitions)
  const readBefore = Object.fromEntries(kept.map((topic) => [topic, passed(topic)]))
  return [retention({ log: await rawLogToAppend(machine, kept), topics, clock, logger, readBefore })]
}

/** Retention of the derived topics, which goes no further than their readers, and what ships them elsewhere, have come. */
export async function retainDerived(
  { pipeline, topics, clock, logger }: Machine,
  mirrored?: (topic: Topic) => ReadonlyMap<number, number> | undefined,
): Promise<Part> {
  const { db, derived } = await pipeline()
  const passed = (topic: Topic) => () => {
    const read = passedIn([db], topic, topics[topic].partitions)
    const shipped = mirrored?.(topic)
    return shipped ? new Map([...read].map(([partition, next]) => [partition, Math.min(next, shipped.get(partition) ?? 0)])) : read
  }
  const readBefore = Object.fromEntries(DERIVED_TOPICS.map((topic) => [topic, passed(topic)]))
  const journeys = journeyIndexIn(db)
  const log: Pick<EventLog, 'trim'> = {
    async trim(topic, limits) {
      const deleted = await derived.trim(topic, limits)
      if (deleted > 0) journeys.forget(topic, await derived.ends(topic))
      return deleted
    },
  }
  return retention({ log, topics, clock, logger, readBefore })
}
