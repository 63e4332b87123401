import { randomUUID } from 'node:crypto'
import type { Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { accessConf, called, connected, disconnected, kafkaDriver } from '../../log/adapters/kafka-driver.ts'
import type { TopicSpecs } from '../../log/topics.ts'

const CONSUME_COUNT = 5_000
const CONSUME_MS = 250

export interface Committed {
  topic: Topic
  partition: number
  key: string | null
  value: string
  headers: Readonly<Record<string, string>>
}

/** Reads on and on what is committed in the topics, as any consumer of Kafka's does. */
export async function committedIn(address: KafkaAddress, topics: readonly Topic[], specs: TopicSpecs) {
  const conf = { 'group.id': randomUUID(), 'isolation.level': 'read_committed', 'enable.auto.commit': false }
  const consumer = new (kafkaDriver().KafkaConsumer)({ ...accessConf(address), ...conf }, { 'auto.offset.reset': 'earliest' })
  await connected(consumer)
  consumer.setDefaultConsumeTimeout(CONSUME_MS)
  consumer.incrementalAssign(
    topics.flatMap((topic) =>
      Array.from({ length: specs[topic].partitions }, (_, partition) => ({ topic: address.prefix + topic, partition, offset: 0 })),
    ),
  )
  const found: Committed[] = []
  const textsOf = (headers: readonly Readonly<Record<string, Buffer>>[]) =>
    Object.fromEntries(headers.flatMap((each) => Object.entries(each).map(([name, value]) => [name, value.toString()])))

  return {
    found: (topic: Topic) => found.filter((each) => each.topic === topic),
    /** Resolves to how many more there were. */
    async more(): Promise<number> {
      let count = 0
      await called('reading', (done) =>
        consumer.consume(CONSUME_COUNT, (error, messages) => {
          count = messages?.length ?? 0
          for (const { topic, partition, key, value, headers = [] } of messages ?? []) {
            found.push({
              topic: topic.slice(address.prefix.length) as Topic,
              partition,
              key: key?.toString() ?? null,
              value: value?.toString() ?? '',
              headers: textsOf(headers),
            })
          }
          done(error)
        }),
      )
      return count
    },
    [Symbol.asyncDispose]: async () => void (await disconnected(consumer)),
  }
}
