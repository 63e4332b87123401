import type { Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import { partitionOf } from '../../kernel/partition.ts'
import type { Headers, NewRecord, Position } from '../event-log.ts'
import { RAW_BYTES_MAX, RECORD_BYTES_MAX, type TopicSpecs } from '../topics.ts'
import { accessConf, connected, disconnected, ERR, unavailable, type Driver, type DriverError, type Producer } from './kafka-driver.ts'

/** How long a record is tried for: then its append is rejected, so that a client hears 503 and not nothing. */
const DELIVERY_MS_MAX = 10_000
/** Records of one partition wait so long for others, to travel with them: as by Kafka's own producer since 4.0. */
const LINGER_MS = 5
/** What travels together must be taken together by every topic. */
const BATCH_BYTES_MAX = Math.floor(0.9 * RAW_BYTES_MAX)
const QUEUE_COUNT_MAX = 200_000
const QUEUE_BYTES_MAX = 256 * 1024 * 1024

/** What every producer of ours is told: acknowledged means on all copies that are in step, and never doubled by a retry of the client's own. */
export const PRODUCER_CONF = {
  'enable.idempotence': true,
  acks: 'all',
  'linger.ms': LINGER_MS,
  'batch.size': BATCH_BYTES_MAX,
  'message.max.bytes': RECORD_BYTES_MAX,
  // Ours are the limits: these are only never to be met before.
  'queue.buffering.max.messages': 2 * QUEUE_COUNT_MAX,
  'queue.buffering.max.kbytes': 2 * (QUEUE_BYTES_MAX / 1024),
  dr_cb: true,
}

interface Append {
  topic: Topic
  records: readonly NewRecord[]
  appendedAt: number
  positions: Position[]
  left: number
  failure: DriverError | undefined
  resolve: (positions: readonly Position[]) => void
  reject: (error: unknown) => void
}

/** Of one record: given along with it, and back with its report. */
interface Slip {
  append: Append
  at: number
}

interface Options {
  driver: Driver
  address: KafkaAddress
  topics: TopicSpecs
  compression: string
  clock: Clock
}

/** The half of the log that appends. */
export function kafkaProducing({ driver, address, topics, compression, clock }: Options) {
  let producer: Producer | undefined
  let connecting: Promise<void> | undefined
  const waiting: Append[] = []
  let queuedCount = 0
  let queuedBytes = 0
  let isClosed = false
  let settled: (() => void) | undefined

  function settle(append: Append): void {
    queuedCount -= append.records.length
    queuedBytes -= bytesOf(append.records)
    if (append.failure) append.reject(unavailable(`${append.topic} cannot be appended to`, append.failure))
    else append.resolve(append.positions)
    if (queuedCount === 0) settled?.()
  }

  function report(error: DriverError | undefined, { append, at }: Slip, offset: number): void {
    if (error) append.failure = error
    else (append.positions[at] as Position).offset = offset
    append.left -= 1
    if (append.left === 0) settle(append)
  }

  function send(to: Producer, append: Append): void {
    const { topic, records, appendedAt } = append
    const name = address.prefix + topic
    for (const [at, { key, value, headers, partition = partitionOf(key, topics[topic].partitions) }] of records.entries()) {
      append.positions[at] = { topic, partition, offset: -1 }
      const slip: Slip = { append, at }
      try {
        to.produce(name, partition, bytes(value), Buffer.from(key), appendedAt, slip, headersOf(headers))
      } catch (error) {
        report(error as DriverError, slip, -1)
      }
    }
  }

  /** A producer that failed for good is left behind: another can go on where it cannot. */
  async function connect(): Promise<void> {
    const made = new driver.Producer(
      { ...accessConf(address), ...PRODUCER_CONF, 'compression.type': compression },
      { 'message.timeout.ms': DELIVERY_MS_MAX },
    )
    made.on('event.error', (error) => {
      if (error.code !== ERR.fatal || producer !== made) return
      producer = undefined
      setTimeout(() => void disconnected(made), DELIVERY_MS_MAX)
    })
    made.on('delivery-report', (error, { opaque, offset }) => report(error ?? undefined, opaque as Slip, offset))
    try {
      await connected(made)
    } catch (error) {
      for (const each of waiting.splice(0)) {
        each.failure = error as DriverError
        settle(each)
      }
      return
    }
    made.setPollInBackground(true)
    producer = made
    for (const each of waiting.splice(0)) send(made, each)
  }

  return {
    append(topic: Topic, records: readonly NewRecord[]): Promise<readonly Position[]> {
      if (records.length === 0) return Promise.resolve([])
      if (isClosed) return Promise.reject(new FlowGuardError('log_unavailable', 'the log is closed'))
      if (queuedCount + records.length > QUEUE_COUNT_MAX || queuedBytes > QUEUE_BYTES_MAX) {
        return Promise.reject(new FlowGuardError('log_unavailable', `${queuedCount} records wait for Kafka already`))
      }
      queuedCount += records.length
      queuedBytes += bytesOf(records)
      return new Promise((resolve, reject) => {
        const positions = new Array<Position>(records.length)
        const append = { topic, records, appendedAt: clock(), positions, left: records.length, failure: undefined, resolve, reject }
        if (producer) return send(producer, append)
        waiting.push(append)
        connecting ??= connect().finally(() => (connecting = undefined))
      })
    },
    async [Symbol.asyncDispose](): Promise<void> {
      isClosed = true
      if (queuedCount > 0) await new Promise<void>((resolve) => (settled = resolve))
      await connecting
      if (producer) await disconnected(producer)
    },
  }
}

function bytesOf(records: readonly NewRecord[]): number {
  return records.reduce((sum, { value }) => sum + value.length, 0)
}

/** Empty is not null: a value that is null deletes a key where topics are compacted. */
export function bytes(value: string | Uint8Array): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

export function headersOf(headers: Headers): Record<string, Buffer>[] {
  return Object.entries(headers).map(([name, value]) => ({ [name]: Buffer.from(value) }))
}
