import type { Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { LogRecord } from '../event-log.ts'
import type { MirrorPlace, MirrorSink } from '../mirror.ts'
import type { TopicSpecs } from '../topics.ts'
import {
  accessConf,
  called,
  closed,
  committedBy,
  connected,
  ERR,
  kafkaDriver,
  soon,
  unavailable,
  type DriverError,
  type KafkaConsumer,
  type Producer,
} from './kafka-driver.ts'
import { kafkaOffsets } from './kafka-offsets.ts'
import { bytes, headersOf, PRODUCER_CONF } from './kafka-producing.ts'
import { ensureTopics, logIdOf } from './kafka-topics.ts'

const TRANSACTION_MS_MAX = 30_000
const GROUP = 'mirror'
const SHOWN_MS_MAX = 10_000
const LOOK_MS = 200

interface Options {
  address: KafkaAddress
  topics: TopicSpecs
  holds: readonly [Topic, ...Topic[]]
}

interface Clients {
  producer: Producer
  consumer: KafkaConsumer
  /** Why the first record that could not be delivered was not: what comes of it in the transaction does not say. */
  refused: DriverError | undefined
}

/**
 * Topics on Kafka that mirror a local log. Its places are those of the group `flowguard.mirror`, committed in the transactions of the records; the
 * transactional id is one for all, so that who begins later fences who began before.
 */
export function kafkaSink(options: Options): MirrorSink {
  const { address, topics, holds } = options
  const { prefix } = address
  let clients: Clients | undefined
  /** Of the clients before these. */
  let closing: Promise<unknown> = Promise.resolve()

  /** Resolves to whether there is no other client of ours any more. */
  async function close(): Promise<boolean> {
    const open = clients
    clients = undefined
    if (open) closing = Promise.all([closing, closed(open.producer), closed(open.consumer)])
    return soon(closing)
  }

  /** Whatever a transaction stumbled over: what became of it is told by the next `begin` alone. */
  async function within<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const refused = clients?.refused
      await close()
      if (refused) throw unavailable('records cannot be mirrored', refused)
      const { code } = ((error as Error).cause ?? error) as DriverError
      if (code !== ERR.fenced && code !== ERR.producerFenced) throw error
      throw new FlowGuardError(
        'place_moved',
        `another mirror writes to ${address.brokers.join(',')} under ${prefix}flowguard-${GROUP}`,
        error,
      )
    }
  }

  return {
    begin: () =>
      within(async () => {
        // Clients that cannot close hold the threads that readers of this process need too: there are never more of them than of one connection.
        if (!(await close())) throw new FlowGuardError('log_unavailable', 'the mirror cannot begin: its connection before has yet to close')
        await ensureTopics(address, topics, holds)
        await logIdOf(address, topics, holds)
        // Known before they connect: where one of them cannot, both are closed.
        const { producer, consumer } = (clients = clientsOf(options))
        const connecting = await Promise.allSettled([connected(producer), connected(consumer)])
        for (const each of connecting) if (each.status === 'rejected') throw each.reason
        producer.setPollInBackground(true)
        await called('the mirror cannot begin', (done) => producer.initTransactions(TRANSACTION_MS_MAX, done))
        return placesKept(consumer, options)
      }),
    ship: (records, to) =>
      within(async () => {
        if (!clients) throw new FlowGuardError('log_unavailable', 'the mirror has not begun')
        const { producer, consumer } = clients
        const offsets = to.map(({ topic, partition, next, logId }) => ({ topic: prefix + topic, partition, offset: next, metadata: logId }))
        await called('no transaction can begin', (done) => producer.beginTransaction(done))
        const left = records.filter((record) => !send(producer, prefix, record))
        await called('the places of the mirror cannot be told', (done) =>
          producer.sendOffsetsToTransaction(offsets, consumer, TRANSACTION_MS_MAX, done),
        )
        await called('a transaction cannot be committed', (done) => producer.commitTransaction(TRANSACTION_MS_MAX, done))
        return left
      }),
    [Symbol.asyncDispose]: async () => void (await close()),
  }
}

function clientsOf({ address, topics, holds }: Options): Clients {
  const driver = kafkaDriver()
  const access = accessConf(address)
  const producer = new driver.Producer(
    {
      ...access,
      ...PRODUCER_CONF,
      'compression.type': topics[holds[0]].compression,
      'transactional.id': `${address.prefix}flowguard-${GROUP}`,
      'transaction.timeout.ms': TRANSACTION_MS_MAX,
    },
    {},
  )
  const consumer = new driver.KafkaConsumer(
    {
      ...access,
      'group.id': `flowguard.${address.prefix}${GROUP}`,
      'enable.auto.commit': false,
      'isolation.level': 'read_committed',
    },
    {},
  )
  for (const client of [producer, consumer]) client.on('event.error', () => undefined)
  const clients: Clients = { producer, consumer, refused: undefined }
  producer.on('delivery-report', (error) => {
    if (error?.code === ERR.tooLarge) clients.refused ??= error
  })
  return clients
}

/**
 * The places, once they are all there: what a transaction has committed may show a moment after its answer. Rejects with `place_lost` where they do not come.
 */
async function placesKept(consumer: KafkaConsumer, options: Options): Promise<MirrorPlace[]> {
  const deadline = performance.now() + SHOWN_MS_MAX
  for (;;) {
    const places = await placesOf(consumer, options)
    const lost = await lostIn(places, options)
    if (lost.length === 0) return places
    if (performance.now() > deadline) {
      throw new FlowGuardError('place_lost', `Kafka does not know how far the mirror has come in ${lost.join(', ')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

async function placesOf(consumer: KafkaConsumer, { address: { prefix }, topics, holds }: Options): Promise<MirrorPlace[]> {
  const asked = holds.flatMap((topic) => numbersOf(topics, topic).map((partition) => ({ topic: prefix + topic, partition })))
  const found = await committedBy(consumer, asked, TRANSACTION_MS_MAX)
  return found.map(({ topic, partition, offset, metadata }) => ({
    topic: topic.slice(prefix.length) as Topic,
    partition,
    next: offset,
    logId: metadata ?? '',
  }))
}

/** Without a place a partition is at its beginning only if it has never had a record: what it has would be shipped again. */
async function lostIn(places: readonly MirrorPlace[], { address, topics, holds }: Options): Promise<string[]> {
  using offsets = kafkaOffsets(address)
  const lost: string[] = []
  for (const topic of holds) {
    const missing = numbersOf(topics, topic).filter(
      (partition) => !places.some((place) => place.topic === topic && place.partition === partition),
    )
    if (missing.length === 0) continue
    const ends = await offsets.ends(topic, missing)
    if (missing.some((partition) => ends.get(partition) !== 0)) lost.push(address.prefix + topic)
  }
  return lost
}

const numbersOf = (topics: TopicSpecs, topic: Topic) => Array.from({ length: topics[topic].partitions }, (_, partition) => partition)

/** Whether it is on its way: what is larger than any topic takes never can be. */
function send(producer: Producer, prefix: string, { topic, partition, key, value, bytes: raw, headers, appendedAt }: LogRecord): boolean {
  const keyed = key === null ? null : Buffer.from(key)
  try {
    producer.produce(prefix + topic, partition, bytes(raw ?? value), keyed, appendedAt, undefined, headersOf(headers))
    return true
  } catch (error) {
    if ((error as DriverError).code === ERR.tooLarge) return false
    throw unavailable('records cannot be mirrored', error as Error)
  }
}
