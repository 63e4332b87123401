import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Topic } from '@flowguard/contract'
import { maskedAddress } from '../../kernel/addresses.ts'
import { step } from '../../kernel/crash.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import type { Logger } from '../../kernel/logging.ts'
import { partitionOf } from '../../kernel/partition.ts'
import { openRedis, redisError, runScript, type Redis } from '../../kernel/redis.ts'
import type { EventLog, NewRecord, Position } from '../event-log.ts'
import type { TopicSpecs } from '../topics.ts'
import { groupsOf } from './redis-groups.ts'
import { APPEND, endIn, entryOf, fieldOf, firstEntries, logKeys, offsetOf, TRIM, type LogKeys } from './redis-keys.ts'
import { firstSince, readingFrom } from './redis-reading.ts'
import { checkSettings, FLUSH_MS_MAX, type Durability } from './redis-settings.ts'

/** While a script runs, nobody else is served: what is more goes into another one, but no append is divided. */
const CALL_COUNT_MAX = 2_000
const TRIM_COUNT_MAX = 10_000

interface Options {
  url: string
  /** Before the names of all keys. */
  prefix: string
  topics: TopicSpecs
  clock: Clock
  logger: Logger
}

interface Waiting {
  topic: Topic
  records: readonly NewRecord[]
  resolve: (positions: readonly Position[]) => void
  reject: (error: unknown) => void
}

/**
 * Opens the log on a Redis, and makes it where there is none; any number of processes may write and read it. Throws `log_unavailable` where Redis does not
 * answer now, `settings_invalid` where it does not let us in.
 */
export async function openRedisLog({ url, prefix, topics, clock, logger }: Options): Promise<EventLog> {
  const keys = logKeys(prefix)
  // Two, for whoever waits until an append is flushed keeps its connection waiting.
  const writer = await openRedis(url, [APPEND])
  try {
    const redis = await openRedis(url, [TRIM])
    try {
      const durability = await checkSettings(redis, url, logger)
      await redis.call('SET', keys.id, randomUUID(), 'NX')
      const id = (await redis.call('GET', keys.id)) as string
      refuseFewerPartitions((await redis.call('HKEYS', keys.ends)) as string[], url, topics)
      return logOn({ writer, redis, url, keys, id, topics, clock, durability })
    } catch (error) {
      redis.disconnect()
      throw error
    }
  } catch (error) {
    writer.disconnect()
    throw redisError(url, error)
  }
}

interface Opened {
  writer: Redis
  redis: Redis
  url: string
  keys: LogKeys
  id: string
  topics: TopicSpecs
  clock: Clock
  durability: Durability
}

function logOn(opened: Opened): EventLog {
  const { writer, redis, url, keys, id, topics } = opened
  const reading = readingFrom({ redis, url, keys, id })
  const groups = groupsOf(redis, keys, hostname())
  const appending = appendingTo(opened)
  const partitions = (topic: Topic) => topics[topic].partitions
  const streamsOf = (topic: Topic) => Array.from({ length: partitions(topic) }, (_, partition) => keys.stream(topic, partition))

  return {
    id,
    partitions,
    append: (topic, records) => appending.append(topic, records),
    read: (places, limit) => reading.read(places, limit),
    noteRead: (reader, places) => groups.noteRead(reader, places),
    async ends(topic) {
      try {
        const fields = Array.from({ length: partitions(topic) }, (_, partition) => fieldOf(topic, partition))
        // The starts first: what is trimmed meanwhile lies before the ends all the same.
        const [firsts, ends, current] = await Promise.all([
          firstEntries(redis, streamsOf(topic)),
          redis.callBuffer('HMGET', [keys.ends, ...fields]),
          redis.call('GET', keys.id),
        ])
        reading.requireSame(current as string | null)
        return fields.map((_, partition) => {
          const end = endIn((ends as (Buffer | null)[])[partition])
          const first = firsts[partition]
          return { partition, start: (first && offsetOf(first[0])) ?? end, end }
        })
      } catch (error) {
        throw redisError(url, error)
      }
    },
    async trim(topic, { appendedBefore, readBefore }) {
      let deleted = 0
      try {
        for (const [partition, before] of readBefore) deleted += await trimPartition(opened, topic, partition, { appendedBefore, before })
        return deleted
      } catch (error) {
        throw redisError(url, error)
      }
    },
    async [Symbol.asyncDispose]() {
      await appending.close()
      await groups.close()
      reading.close()
      for (const each of [writer, redis]) each.disconnect()
    },
  }
}

/** All that arrives while one call is on its way goes with the next, by one script, whose answer comes once it is flushed. */
function appendingTo({ writer, url, keys, id, topics, clock, durability }: Opened) {
  const waiting: Waiting[] = []
  let sending: Promise<void> | undefined
  let isClosed = false

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      let count = 0
      const upTo = waiting.findIndex(({ records }) => (count += records.length) > CALL_COUNT_MAX)
      // At least one: none is divided.
      const group = waiting.splice(0, upTo === -1 ? waiting.length : Math.max(1, upTo))
      try {
        const positions = await send(group)
        group.forEach(({ resolve }, at) => resolve(positions[at] as readonly Position[]))
      } catch (error) {
        const failure = redisError(url, error)
        for (const { reject } of group) reject(failure)
      }
    }
    // In the same breath as looking whether something waits: what comes after begins anew.
    sending = undefined
  }

  async function send(group: readonly Waiting[]): Promise<(readonly Position[])[]> {
    const { streams, fields, records, placed } = callOf(group)
    step('log.before-commit')
    const values = [id, Math.floor(clock()), ...fields, ...records]
    const firsts = (await runScript(writer, APPEND, [keys.id, keys.ends, ...streams], values)) as number[]
    if (durability.needsWaitAof) await flushed()
    step('log.after-commit')
    return placed.map((places) =>
      places.map(({ stream, topic, partition, at }) => ({ topic, partition, offset: (firsts[stream] ?? 0) + at })),
    )
  }

  /** On the connection that wrote: that is what Redis is asked about. */
  async function flushed(): Promise<void> {
    const [here = 0] = (await writer.call('WAITAOF', '1', '0', String(FLUSH_MS_MAX))) as number[]
    if (here < 1) throw new FlowGuardError('log_unavailable', `${maskedAddress(url)}: it was not flushed within ${FLUSH_MS_MAX} ms`)
  }

  function callOf(group: readonly Waiting[]) {
    const [streams, fields]: [string[], string[]] = [[], []]
    const counts: number[] = []
    const known = new Map<string, number>()
    const records: (string | number | Buffer)[] = []
    const placed = group.map(({ topic, records: own }) =>
      own.map(({ partition, key, value, headers }) => {
        const number = partition ?? partitionOf(key, topics[topic].partitions)
        const field = fieldOf(topic, number)
        let stream = known.get(field)
        if (stream === undefined) {
          known.set(field, (stream = streams.push(keys.stream(topic, number)) - 1))
          fields.push(field)
          counts.push(0)
        }
        records.push(stream + 1, key, typeof value === 'string' ? value : bufferOf(value), JSON.stringify(headers))
        const at = counts[stream] as number
        counts[stream] = at + 1
        return { stream, topic, partition: number, at }
      }),
    )
    return { streams, fields, records, placed }
  }

  return {
    append(topic: Topic, records: readonly NewRecord[]): Promise<readonly Position[]> {
      if (records.length === 0) return Promise.resolve([])
      if (isClosed) return Promise.reject(new FlowGuardError('log_unavailable', `${maskedAddress(url)}: the log is closed`))
      return new Promise((resolve, reject) => {
        waiting.push({ topic, records, resolve, reject })
        sending ??= new Promise((begin) => setImmediate(begin)).then(sendAll)
      })
    },
    async close() {
      isClosed = true
      await sending
    },
  }
}

interface TrimLimits {
  appendedBefore: number
  before: number
}

async function trimPartition(opened: Opened, topic: Topic, partition: number, limits: TrimLimits): Promise<number> {
  const { redis, keys, id } = opened
  const stream = keys.stream(topic, partition)
  const [first] = await firstEntries(redis, [stream])
  const start = first && offsetOf(first[0])
  if (start === undefined) return 0
  const end = endIn((await redis.callBuffer('HGET', keys.ends, fieldOf(topic, partition))) as Buffer | null)
  // What somebody has yet to read stays, and the newest, which says where the partition ends.
  const high = Math.max(start, Math.min(limits.before, end - 1))
  const low = await firstSince(opened, { topic, partition }, { low: start, high, ms: limits.appendedBefore })
  let deleted = 0
  for (let upTo = start; upTo < low;) {
    upTo = Math.min(low, upTo + TRIM_COUNT_MAX)
    deleted += (await runScript(redis, TRIM, [keys.id, stream], [id, entryOf(upTo)])) as number
  }
  return deleted
}

/** With a partition less, what lies in it would never be read. */
function refuseFewerPartitions(fields: readonly string[], url: string, topics: TopicSpecs): void {
  for (const [topic, { partitions }] of Object.entries(topics)) {
    const used = fields.filter((field) => field.startsWith(`${topic}:`)).map((field) => Number(field.slice(topic.length + 1)))
    const highest = Math.max(-1, ...used)
    if (highest < partitions) continue
    throw new FlowGuardError(
      'file_invalid',
      `${maskedAddress(url)}: ${topic} has records in partition ${highest}, and is declared with ${partitions} of them`,
    )
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
