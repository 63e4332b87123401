import type { Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import type { Logger } from '../../kernel/logging.ts'
import type { EventLog } from '../event-log.ts'
import type { TopicSpecs } from '../topics.ts'
import { kafkaDriver } from './kafka-driver.ts'
import { kafkaHints } from './kafka-hints.ts'
import { allBounds, kafkaOffsets, type Bounds } from './kafka-offsets.ts'
import { kafkaProducing } from './kafka-producing.ts'
import { kafkaReading } from './kafka-reading.ts'
import { logIdOf } from './kafka-topics.ts'

export interface KafkaLogOptions {
  address: KafkaAddress
  topics: TopicSpecs
  /** The topics of this log, never none. Its id is made of theirs: all who write and read one log name the same. */
  holds: readonly [Topic, ...Topic[]]
  clock: Clock
  logger: Logger
}

/**
 * Opens the log on Kafka, for writing and reading. Rejects with `store_missing` while a topic is missing, with `file_invalid` where one has another number
 * of partitions than it is declared with, and with `log_unavailable` where no broker answers.
 */
export async function openKafkaLog({ address, topics, holds, clock, logger }: KafkaLogOptions): Promise<EventLog> {
  const driver = kafkaDriver()
  const id = await logIdOf(address, topics, holds)
  const offsets = kafkaOffsets(address)
  const producing = kafkaProducing({ driver, address, topics, compression: topics[holds[0]].compression, clock })
  const reading = kafkaReading({ driver, address, offsets })
  const hints = kafkaHints(address, logger)

  /** Where, in each partition, what may be deleted ends. */
  async function trimLimits(topic: Topic, appendedBefore: number, readBefore: ReadonlyMap<number, number>): Promise<Map<number, Bounds>> {
    const limits = await offsets.bounds(topic, [...readBefore.keys()])
    await Promise.all(
      [...limits].map(async ([partition, { start, end }]) => {
        const since = Number.isFinite(appendedBefore) ? await offsets.since(topic, partition, appendedBefore) : undefined
        limits.set(partition, { start, end: Math.min(readBefore.get(partition) ?? 0, since ?? end, end) })
      }),
    )
    return limits
  }

  let closing: Promise<void> | undefined
  async function close(): Promise<void> {
    await Promise.all([producing[Symbol.asyncDispose](), reading[Symbol.asyncDispose]()])
    hints[Symbol.dispose]()
    offsets[Symbol.dispose]()
  }

  return {
    id,
    partitions: (topic) => topics[topic].partitions,
    append: (topic, records) => producing.append(topic, records),
    read: (places, { countMax, waitMs }) => reading.read(places, countMax, waitMs),
    ends: (topic) => allBounds(offsets, topic, topics[topic].partitions),
    async trim(topic, { appendedBefore, readBefore }) {
      if (readBefore.size === 0) return 0
      const limits = await trimLimits(topic, appendedBefore, readBefore)
      const before = new Map<number, number>()
      let deleted = 0
      for (const [partition, { start, end }] of limits) {
        if (end <= start) continue
        before.set(partition, end)
        deleted += end - start
      }
      if (before.size === 0) return 0
      await offsets.deleteBefore(topic, before)
      reading.forget(topic, before)
      return deleted
    },
    emptyTo: (place) => reading.emptyTo(place),
    noteRead: (reader, places) => hints.note(reader, places),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  }
}
