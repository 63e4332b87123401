import type { Topic } from '@flowguard/contract'
import { FlowGuardError } from '../../kernel/errors.ts'
import { openRedis, REDIS_PREFIX, redisError, type Redis } from '../../kernel/redis.ts'
import type { LogRecord } from '../event-log.ts'
import type { Batch, LogView, PartitionUsage } from '../log-view.ts'
import type { TopicSpecs } from '../topics.ts'
import { endIn, entryOf, fieldOf, firstEntries, logKeys, offsetOf, type Entry, type LogKeys } from './redis-keys.ts'
import { firstSince, recordOf } from './redis-reading.ts'

/** At once: what one look takes of the server's time, and of our memory. */
const FETCH_COUNT = 500

interface Options {
  address: { engine: 'redis'; url: string }
  /** Before the names of all keys, where it is not the usual one. */
  prefix?: string
  topics: TopicSpecs
}

/** A look at the log on a Redis; undefined while it has yet to be made. */
export async function openRedisView({ address, prefix = REDIS_PREFIX, topics }: Options): Promise<(LogView & AsyncDisposable) | undefined> {
  const { url } = address
  const redis = await openRedis(url)
  const keys = logKeys(prefix)
  const id = await redis.call('GET', keys.id).catch((error: unknown) => {
    redis.disconnect()
    throw redisError(url, error)
  })
  if (id !== null) return viewOn({ redis, url, keys, id: id as string, topics })
  redis.disconnect()
  return undefined
}

interface Opened {
  redis: Redis
  url: string
  keys: LogKeys
  id: string
  topics: TopicSpecs
}

function viewOn(opened: Opened): LogView & AsyncDisposable {
  const { redis, url, keys, id, topics } = opened
  const numbers = (topic: Topic) => Array.from({ length: topics[topic].partitions }, (_, partition) => partition)

  /** What was asked of this log, and not of another that has taken its place meanwhile. */
  async function asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      const answer = await work()
      const current = await redis.call('GET', keys.id)
      if (current !== id) throw new FlowGuardError('log_replaced', `${keys.id} is ${(current as string | null) ?? 'gone'}, and was ${id}`)
      return answer
    } catch (error) {
      throw redisError(url, error)
    }
  }

  const endsOf = (topic: Topic) =>
    asked(async () => {
      const firsts = await firstEntries(
        redis,
        numbers(topic).map((partition) => keys.stream(topic, partition)),
      )
      const fields = numbers(topic).map((partition) => fieldOf(topic, partition))
      const ends = (await redis.callBuffer('HMGET', [keys.ends, ...fields])) as (Buffer | null)[]
      return numbers(topic).map((partition) => {
        const end = endIn(ends[partition])
        const first = firsts[partition]
        return { partition, start: (first && offsetOf(first[0])) ?? end, end }
      })
    })

  /** Whatever is kept from `low` on, or from `high` on backwards, with both ends. */
  async function* walk(topic: Topic, partition: number, { low = '-', high = '+', isBackwards = false }): AsyncGenerator<Batch> {
    const stream = keys.stream(topic, partition)
    let neighbour: Batch | undefined
    for (let [from, to] = [low, high]; ;) {
      const entries = await asked(async () => {
        const range = isBackwards ? ['XREVRANGE', stream, to, from] : ['XRANGE', stream, from, to]
        return (await redis.callBuffer(...(range as [string, ...string[]]), 'COUNT', String(FETCH_COUNT))) as Entry[]
      })
      const batches = runsOf(topic, partition, isBackwards ? entries.toReversed() : entries)
      for (const batch of isBackwards ? batches.toReversed() : batches) {
        const [older, newer] = isBackwards ? [batch, neighbour] : [neighbour, batch]
        if (older && newer && older.end !== newer.offset)
          batch.fault ??= `offsets from ${older.end} to ${newer.offset} are missing or there twice`
        neighbour = batch
        yield batch
      }
      const last = entries.at(-1)?.[0].toString('latin1')
      if (last === undefined || entries.length < FETCH_COUNT) return
      if (isBackwards) to = `(${last}`
      else from = `(${last}`
    }
  }

  async function usageOf(topic: Topic, partition: number, ends: { start: number; end: number }): Promise<PartitionUsage> {
    const stream = keys.stream(topic, partition)
    const bytes = await redis.call('MEMORY', 'USAGE', stream).catch(() => null)
    const [first] = await firstEntries(redis, [stream])
    const [last] = (await redis.callBuffer('XREVRANGE', stream, '+', '-', 'COUNT', '1')) as Entry[]
    const timeOf = (entry: Entry | undefined) => (entry && recordOf({ topic, partition, offset: 0 }, entry[1])?.appendedAt) ?? null
    return {
      topic,
      partition,
      ...ends,
      records: (await redis.call('XLEN', stream)) as number,
      bytes: bytes as number | null,
      oldestMs: timeOf(first),
      newestMs: timeOf(last),
    }
  }

  async function offsetSince(topic: Topic, partition: number, ms: number): Promise<number> {
    const { start = 0, end = 0 } = (await endsOf(topic))[partition] ?? {}
    return asked(() => firstSince(opened, { topic, partition }, { low: start, high: end, ms }))
  }

  async function* find(
    topic: Topic,
    partition: number,
    text: string,
    range: { from: number } | { before: number },
  ): AsyncGenerator<LogRecord> {
    const at = await offsetSince(topic, partition, 'from' in range ? range.from : range.before)
    const within = 'from' in range ? { low: entryOf(at) } : { high: entryOf(at - 1) }
    if ('before' in range && at === 0) return
    for await (const batch of walk(topic, partition, { ...within, isBackwards: true })) {
      if (batch.fault !== undefined) continue
      for (const record of batch.records().toReversed()) if (record.value.includes(text)) yield record
    }
  }

  return {
    id,
    // Entries are numbered by the script that writes them.
    hasGaps: false,
    partitions: (topic) => topics[topic].partitions,
    ends: endsOf,
    async usage(topic) {
      const ends = await endsOf(topic)
      return asked(() => Promise.all(ends.map(({ partition, start, end }) => usageOf(topic, partition, { start, end }))))
    },
    batches: (topic, partition) => walk(topic, partition, {}),
    batchesBackwards: (topic, partition) => walk(topic, partition, { isBackwards: true }),
    batchesAt: (topic, partition, offset, direction) =>
      walk(topic, partition, direction === 'later' ? { low: entryOf(offset) } : { high: entryOf(offset), isBackwards: true }),
    offsetSince,
    oldestMs: (topic, partition) =>
      asked(async () => {
        const [first] = await firstEntries(redis, [keys.stream(topic, partition)])
        return first && recordOf({ topic, partition, offset: 0 }, first[1])?.appendedAt
      }),
    find,
    async [Symbol.asyncDispose]() {
      redis.disconnect()
    },
  }
}

/** Entries that lie together as one batch, each that is none of ours as a damaged one. */
function runsOf(topic: Topic, partition: number, entries: readonly Entry[]): Batch[] {
  const runs: { offset: number; records: LogRecord[]; fault: string | undefined }[] = []
  for (const [entry, fields] of entries) {
    const run = runs.at(-1)
    const expected = run ? run.offset + Math.max(1, run.records.length) : 0
    const offset = offsetOf(entry) ?? expected
    const record = offsetOf(entry) === undefined ? undefined : recordOf({ topic, partition, offset }, fields)
    if (!record) runs.push({ offset, records: [], fault: `entry ${entry.toString('latin1')} is none of ours` })
    else if (run && run.fault === undefined && expected === offset) run.records.push(record)
    else runs.push({ offset, records: [record], fault: undefined })
  }
  return runs.map(({ offset, records, fault }) => {
    const count = Math.max(1, records.length)
    return { topic, partition, offset, end: offset + count, count, fault, records: () => records }
  })
}
