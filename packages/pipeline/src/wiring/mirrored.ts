import type { Topic } from '@flowguard/contract'
import type { Part } from '../kernel/lifecycle.ts'
import { mirror } from '../log/mirror.ts'
import { addressesOf } from '../stores.ts'
import { FLINK_TOPICS } from '../stream/flink/importing.ts'
import type { Machine } from './machine.ts'
import { DERIVED_TOPICS } from './retained.ts'

/**
 * Where the log is Kafka: ships the derived topics there, but for those that Flink writes there itself. `passed`: before which offset of a partition all is shipped;
 * undefined of a topic that is not.
 */
export async function mirrored(
  machine: Machine,
): Promise<{ parts: readonly Part[]; passed?: (topic: Topic) => ReadonlyMap<number, number> | undefined }> {
  const { settings, topics, clock, logger, closing } = machine
  const { log: address } = addressesOf(settings)
  if (address.engine !== 'kafka') return { parts: [] }
  const others: readonly Topic[] = settings.STREAM_ENGINE === 'flink' ? FLINK_TOPICS : []
  const own = DERIVED_TOPICS.filter((topic) => !others.includes(topic)) as [Topic, ...Topic[]]
  const { kafkaSink } = await import('../log/adapters/kafka-sink.ts')
  const { derived } = await machine.pipeline()
  const sink = closing.use(kafkaSink({ address, topics, holds: own }))
  const shipping = mirror({ log: derived, topics: own, sink, clock, logger })
  return { parts: [shipping.run], passed: (topic) => (own.includes(topic) ? shipping.passed(topic) : undefined) }
}
