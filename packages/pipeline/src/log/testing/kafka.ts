import { randomUUID } from 'node:crypto'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { TOPICS, type Topic } from '@flowguard/contract'
import { engineAddress } from '../../../../../test/support/engines.ts'
import { parseAddress, type KafkaAddress } from '../../kernel/addresses.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import { silentLogger } from '../../kernel/logging.ts'
import { accessConf, called, committedBy, connected, disconnected, kafkaDriver } from '../adapters/kafka-driver.ts'
import { cluster, coordinator } from '../adapters/kafka-requests.ts'
import { ensureTopics } from '../adapters/kafka-topics.ts'
import { wireTo, Writer } from '../adapters/kafka-wire.ts'
import { openKafkaLog } from '../adapters/kafka.ts'
import type { EventLog } from '../event-log.ts'
import type { TopicSpecs } from '../topics.ts'
import { TEST_TOPICS, type LogStore } from './records.ts'

const DELETE_MS_MAX = 20_000
/** The clocks of tests begin in 1970, and Kafka goes by what they say. */
const KEPT_MS = 1e13

/** Topics under a prefix of their own, deleted at the end. */
export interface KafkaTopics extends LogStore {
  address: KafkaAddress
  specs: TopicSpecs
  open(clock: Clock): Promise<EventLog>
}

export function testAddress(): KafkaAddress {
  const address = parseAddress(`kafka://${engineAddress('kafka')}/test-${randomUUID().slice(0, 8)}.`)
  if (address?.engine !== 'kafka') throw new Error('FLOWGUARD_TEST_KAFKA must be host:port,host:port')
  return address
}

export const specsOf = (copies: number): TopicSpecs =>
  Object.fromEntries(
    TOPICS.map((topic) => [topic, { ...TEST_TOPICS[topic], copies, minInsync: Math.max(1, copies - 1), retentionMs: KEPT_MS }]),
  ) as unknown as TopicSpecs

/** Makes these topics alone: Kafka takes a while for each partition. */
export async function kafkaTopics(holds: readonly [Topic, ...Topic[]], copies = 1, address = testAddress()): Promise<KafkaTopics> {
  const specs = specsOf(copies)
  await ensureTopics(address, specs, holds)
  const open = (clock: Clock) => openKafkaLog({ address, topics: specs, holds, clock, logger: silentLogger })
  return {
    address,
    specs,
    open,
    openReader: () => open(() => 0),
    [Symbol.asyncDispose]: () => deleteTopics(address, holds),
  }
}

export async function deleteTopics(address: KafkaAddress, topics: readonly string[]): Promise<void> {
  const admin = kafkaDriver().AdminClient.create(accessConf(address), { 'event.error': () => undefined })
  try {
    await Promise.all(topics.map((topic) => called(topic, (done) => admin.deleteTopic(address.prefix + topic, DELETE_MS_MAX, done))))
  } finally {
    admin.disconnect()
  }
  // A broker may know them for a moment more.
  const deadline = performance.now() + DELETE_MS_MAX
  using wire = await wireTo(address)
  const names = topics.map((topic) => address.prefix + topic)
  while ((await cluster(wire, names)).topics.length > 0 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20))
}

const groupOf = ({ prefix }: KafkaAddress, reader: string) => `flowguard.${prefix}${reader}`

/** As Kafka does with a group of which it has heard nothing for a week. */
export async function forgetGroup(address: KafkaAddress, reader: string): Promise<void> {
  const group = groupOf(address, reader)
  using any = await wireTo(address)
  using wire = await wireTo(address, [await coordinator(any, group)])
  const body = new Writer()
  const answer = await wire.ask({ key: 42, version: 2, body: body.array([group], (each) => void body.text(each)).end() })
  answer.int32()
  const errors = answer.array(() => {
    answer.text()
    const error = answer.int16()
    answer.end()
    return error
  })
  if (errors.some((error) => error !== 0)) throw new Error(`${group} cannot be deleted: Kafka's error ${errors.join()}`)
}

/** Where a group stands in partitions of a topic; undefined where it has no place, or no broker knows the group yet. */
export async function committedPlaces(
  address: KafkaAddress,
  reader: string,
  topic: Topic,
  partitions: readonly number[],
): Promise<(number | undefined)[]> {
  const consumer = new (kafkaDriver().KafkaConsumer)({ ...accessConf(address), 'group.id': groupOf(address, reader) })
  await connected(consumer)
  try {
    const asked = partitions.map((partition) => ({ topic: address.prefix + topic, partition }))
    const found = await committedBy(consumer, asked, DELETE_MS_MAX).catch(() => [])
    return partitions.map((partition) => found.find((each) => each.partition === partition)?.offset)
  } finally {
    await disconnected(consumer)
  }
}

/** The way to a broker that only the first of the driver's clients finds; those that speak to it without the driver pass. */
export async function withOneConnection(address: KafkaAddress) {
  const [broker = ''] = address.brokers
  const at = broker.lastIndexOf(':')
  const open = new Set<Socket>()
  let [drivers, refused] = [0, 0]
  const server = createServer((client) => {
    client.on('error', () => undefined)
    client.once('data', (first: Buffer) => {
      if (first.includes('librdkafka') && (drivers += 1) > 1) {
        refused += 1
        return void client.destroy()
      }
      const upstream = connect(Number(broker.slice(at + 1)), broker.slice(0, at))
      open.add(client)
      upstream.on('error', () => undefined)
      for (const each of [client, upstream]) each.on('close', () => (open.delete(client), client.destroy(), upstream.destroy()))
      upstream.write(first)
      client.pipe(upstream).pipe(client)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: { ...address, brokers: [`127.0.0.1:${(server.address() as AddressInfo).port}`] } satisfies KafkaAddress,
    open: () => open.size,
    refused: () => refused,
    async [Symbol.asyncDispose]() {
      for (const each of open) each.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
