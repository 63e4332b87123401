import { loadDriver } from '../../kernel/drivers.ts'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { FlowGuardError } from '../../kernel/errors.ts'

const NAME = '@confluentinc/kafka-javascript'
/** What was tried, and is installed with the engines. */
export const DRIVER_VERSION = '1.10.1'
const CONNECT_MS_MAX = 10_000
const CLOSE_MS_MAX = 5_000
/** Longer than any call is given by its own limit: one that has not answered by then never will. */
const CALL_MS_MAX = 60_000

/** What is used of the driver, in the words of its own types: it is no dependency, so that they cannot be imported. */
export interface DriverError extends Error {
  code: number
}
type Done = (error: DriverError | null | undefined) => void
type Conf = Readonly<Record<string, unknown>>

export interface TopicPartition {
  topic: string
  partition: number
}
export interface TopicPartitionOffset extends TopicPartition {
  offset: number
  metadata?: string | null
}

export interface Message extends TopicPartitionOffset {
  value: Buffer | null
  key: Buffer | null
  timestamp: number
  headers?: Readonly<Record<string, Buffer>>[]
}

interface Client {
  connect(options: { timeout: number }, done: Done): void
  disconnect(done: Done): void
  isConnected(): boolean
  on(event: 'event.error', listener: (error: DriverError) => void): this
}

export interface Producer extends Client {
  setPollInBackground(isOn: boolean): void
  produce(
    topic: string,
    partition: number,
    value: Buffer,
    key: Buffer | null,
    timestamp: number,
    opaque: unknown,
    headers: readonly Readonly<Record<string, Buffer>>[],
  ): void
  on(event: 'event.error', listener: (error: DriverError) => void): this
  on(event: 'delivery-report', listener: (error: DriverError | null, report: TopicPartitionOffset & { opaque: unknown }) => void): this
  initTransactions(timeoutMs: number, done: Done): void
  beginTransaction(done: Done): void
  commitTransaction(timeoutMs: number, done: Done): void
  sendOffsetsToTransaction(offsets: readonly TopicPartitionOffset[], consumer: KafkaConsumer, timeoutMs: number, done: Done): void
}

export interface KafkaConsumer extends Client {
  incrementalAssign(places: readonly TopicPartitionOffset[]): void
  incrementalUnassign(partitions: readonly TopicPartition[]): void
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  setDefaultConsumeTimeout(timeoutMs: number): void
  consume(countMax: number, done: (error: DriverError | null, messages: readonly Message[]) => void): void
  on(event: 'event.error', listener: (error: DriverError) => void): this
  on(event: 'data', listener: (message: Message) => void): this
  on(event: 'partition.eof', listener: (end: TopicPartitionOffset) => void): this
  committed(
    partitions: readonly TopicPartition[],
    timeoutMs: number,
    done: (error: DriverError | null, found: readonly (Partial<TopicPartitionOffset> | Error)[]) => void,
  ): void
}

export interface AdminClient {
  disconnect(): void
  createTopic(
    topic: { topic: string; num_partitions: number; replication_factor: number; config: Readonly<Record<string, string>> },
    timeoutMs: number,
    done: Done,
  ): void
  deleteTopic(topic: string, timeoutMs: number, done: Done): void
  createPartitions(topic: string, total: number, timeoutMs: number, done: Done): void
}

export interface Driver {
  librdkafkaVersion: string
  Producer: new (conf: Conf, topicConf?: Conf) => Producer
  KafkaConsumer: new (conf: Conf, topicConf?: Conf) => KafkaConsumer
  AdminClient: {
    create(conf: Conf, handlers: Readonly<Record<string, (error: DriverError) => void>>): AdminClient
  }
}

/** librdkafka's own codes. https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka.h */
export const ERR = {
  badMessage: -199,
  badFormat: -170,
  offsetReset: -140,
  fenced: -144,
  fatal: -150,
  topicExists: 36,
  producerFenced: 90,
  tooLarge: 10,
}

export function kafkaDriver(): Driver {
  return loadDriver(NAME, DRIVER_VERSION) as Driver
}

/** What every client is told. */
export function accessConf({ brokers, user, password, isTls }: KafkaAddress): Conf {
  const protocol = `${user === undefined ? '' : 'sasl_'}${isTls ? 'ssl' : 'plaintext'}`
  return {
    'bootstrap.servers': brokers.join(','),
    'client.id': 'flowguard',
    'security.protocol': protocol,
    ...(user === undefined ? {} : { 'sasl.mechanisms': 'PLAIN', 'sasl.username': user, 'sasl.password': password }),
    'reconnect.backoff.ms': 50,
    'reconnect.backoff.max.ms': 1_000,
    'topic.metadata.refresh.interval.ms': 30_000,
  }
}

/** Resolves once a broker has answered. Rejects with `log_unavailable`, and the client is closed then. */
export function connected(client: Client): Promise<void> {
  return called('no broker of Kafka answers', (done) => client.connect({ timeout: CONNECT_MS_MAX }, done))
}

/** Never hangs: a broker that is gone is not waited for. One that never connected is closed already. Resolves to whether it is closed. */
export function disconnected(client: Client): Promise<boolean> {
  return soon(closed(client))
}

/** Resolves when it is closed, however long that takes: until then one of the few threads that all of a process's clients share may be held by it. */
export function closed(client: Client): Promise<void> {
  return new Promise((resolve) => {
    if (!client.isConnected()) return resolve()
    client.disconnect(() => resolve())
  })
}

/** Whether it has happened by the time that nobody waits for any longer. */
export async function soon(work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), CLOSE_MS_MAX)))
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

/** What the driver reports, as the operator can act on it: `log_unavailable`, or `record_too_large`. */
export function unavailable(what: string, error: Error): FlowGuardError {
  const isTooLarge = (error as Partial<DriverError>).code === ERR.tooLarge
  return new FlowGuardError(isTooLarge ? 'record_too_large' : 'log_unavailable', `${what}: ${error.message}`, error)
}

/** The places that a group has committed; what has none is left out. Rejects with `log_unavailable` where one cannot be told, as while a transaction has yet to end. */
export async function committedBy(
  consumer: KafkaConsumer,
  asked: readonly TopicPartition[],
  timeoutMs: number,
): Promise<TopicPartitionOffset[]> {
  let places: readonly TopicPartitionOffset[] = []
  await called('what a group has committed cannot be read', (done) =>
    consumer.committed(asked, timeoutMs, (error, found) => {
      const failure = error ?? found.find((each): each is DriverError => each instanceof Error)
      if (!failure) places = found.filter((each): each is TopicPartitionOffset => !(each instanceof Error) && (each.offset ?? -1) >= 0)
      done(failure)
    }),
  )
  return [...places]
}

/** A call of the driver as a promise; what it reports becomes an error of ours. */
export function called(what: string, call: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(unavailable(what, new Error(`no answer within ${CALL_MS_MAX} ms`))), CALL_MS_MAX)
    const done: Done = (error) => {
      clearTimeout(timer)
      if (error) reject(unavailable(what, error))
      else resolve()
    }
    try {
      call(done)
    } catch (error) {
      done(error as DriverError)
    }
  })
}
