import type { Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import type { LogRecord } from '../event-log.ts'
import type { Batch, LogView } from '../log-view.ts'
import type { TopicSpecs } from '../topics.ts'
import { kafkaDriver } from './kafka-driver.ts'
import { allBounds, kafkaOffsets, type Bounds, type Offsets } from './kafka-offsets.ts'
import { kafkaReading } from './kafka-reading.ts'
import { logIdOf } from './kafka-topics.ts'

const FORWARD_COUNT = 2_000
/** A broker is asked anew for each step back: longer ones read more than is needed, shorter ones wait more often. */
const BACK_COUNT_MIN = 250
const BACK_COUNT_MAX = 8_000

interface Options {
  address: KafkaAddress
  topics: TopicSpecs
  /** As the log's writer names them: its id is made of theirs. */
  holds: readonly [Topic, ...Topic[]]
}

/** Opens the log on Kafka to be looked at; undefined where its topics have yet to be made. */
export async function openKafkaView({ address, topics, holds }: Options): Promise<(LogView & AsyncDisposable) | undefined> {
  const driver = kafkaDriver()
  let id: string
  try {
    id = await logIdOf(address, topics, holds)
  } catch (error) {
    if (hasCode(error, 'store_missing')) return undefined
    throw error
  }
  const offsets = kafkaOffsets(address)
  const reading = kafkaReading({ driver, address, offsets })
  const walks = walksOf(offsets, (topic, partition, next, countMax) => reading.read([{ topic, partition, next }], countMax, 0))
  const numbers = (topic: Topic) => Array.from({ length: topics[topic].partitions }, (_, partition) => partition)
  const since = async (topic: Topic, partition: number, ms: number) =>
    (await offsets.since(topic, partition, ms)) ?? (await boundsOf(offsets, topic, partition)).end

  return {
    id,
    hasGaps: true,
    partitions: (topic) => topics[topic].partitions,
    ends: (topic) => allBounds(offsets, topic, topics[topic].partitions),
    async usage(topic) {
      const [ends, times] = await Promise.all([allBounds(offsets, topic, topics[topic].partitions), offsets.times(topic, numbers(topic))])
      return ends.map(({ partition, start, end }) => {
        const { oldestMs = null, newestMs = null } = times.get(partition) ?? {}
        return { topic, partition, start, end, records: end - start, bytes: null, oldestMs, newestMs }
      })
    },
    batches: (topic, partition) => walks.later(topic, partition, 0),
    batchesBackwards: (topic, partition) => walks.earlier(topic, partition, { from: 0, before: Infinity }),
    batchesAt: (topic, partition, offset, direction) =>
      direction === 'later' ? walks.later(topic, partition, offset) : walks.earlier(topic, partition, { from: 0, before: offset + 1 }),
    offsetSince: since,
    oldestMs: async (topic, partition) => (await offsets.times(topic, [partition])).get(partition)?.oldestMs,
    async *find(topic, partition, text, range) {
      const stretch =
        'from' in range
          ? { from: await since(topic, partition, range.from), before: Infinity }
          : { from: 0, before: await since(topic, partition, range.before) }
      for await (const batch of walks.earlier(topic, partition, stretch)) {
        const found = batch.records().filter(({ value }) => value.includes(text))
        yield* found.toReversed()
      }
    },
    async [Symbol.asyncDispose]() {
      await reading[Symbol.asyncDispose]()
      offsets[Symbol.dispose]()
    },
  }
}

type Read = (topic: Topic, partition: number, next: number, countMax: number) => Promise<readonly LogRecord[]>

/** What retention takes while a walk is on its way is not there for it: it goes on with what is. */
function walksOf(offsets: Offsets, read: Read) {
  async function kept(topic: Topic, partition: number, next: number, countMax: number): Promise<readonly LogRecord[]> {
    try {
      return await read(topic, partition, next, countMax)
    } catch (error) {
      if (!hasCode(error, 'log_expired')) throw error
      return kept(topic, partition, (await boundsOf(offsets, topic, partition)).start, countMax)
    }
  }

  async function* later(topic: Topic, partition: number, from: number): AsyncGenerator<Batch> {
    const { start, end } = await boundsOf(offsets, topic, partition)
    for (let next = Math.max(from, start); next < end;) {
      const records = await kept(topic, partition, next, FORWARD_COUNT)
      // Behind the last record there may be marks of transactions.
      const batch = batchOf(records)
      if (!batch) return
      yield batch
      next = batch.end
    }
  }

  /** By steps that grow: who looks for the newest few reads little, and who looks for all asks seldom. */
  async function* earlier(topic: Topic, partition: number, { from, before }: { from: number; before: number }): AsyncGenerator<Batch> {
    const { start, end } = await boundsOf(offsets, topic, partition)
    const first = Math.max(from, start)
    let count = BACK_COUNT_MIN
    for (let to = Math.min(before, end); to > first; count = Math.min(2 * count, BACK_COUNT_MAX)) {
      const low = Math.max(first, to - count)
      const batch = batchOf(await stretch(topic, partition, low, to))
      if (batch) yield batch
      to = low
    }
  }

  async function stretch(topic: Topic, partition: number, from: number, to: number): Promise<LogRecord[]> {
    const records: LogRecord[] = []
    for (let next = from; next < to;) {
      const more = await kept(topic, partition, next, to - next)
      const last = more.at(-1)
      if (!last) break
      records.push(...more.filter(({ offset }) => offset < to))
      next = last.offset + 1
    }
    return records
  }

  return { later, earlier }
}

async function boundsOf(offsets: Offsets, topic: Topic, partition: number): Promise<Bounds> {
  const bounds = (await offsets.bounds(topic, [partition])).get(partition)
  if (!bounds) throw new FlowGuardError('log_unavailable', `Kafka says nothing of ${topic}-${partition}`)
  return bounds
}

/** What one reading brought. It is whole: the driver checks what it fetches, and a reading that finds damage rejects. */
function batchOf(records: readonly LogRecord[]): Batch | undefined {
  const [first, last] = [records[0], records.at(-1)]
  if (!first || !last) return undefined
  const { topic, partition, offset } = first
  return { topic, partition, offset, count: records.length, end: last.offset + 1, fault: undefined, records: () => records }
}
