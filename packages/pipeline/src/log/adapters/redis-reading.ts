import { isUtf8 } from 'node:buffer'
import { FlowGuardError } from '../../kernel/errors.ts'
import { ANSWER_MS_MAX, openRedisOnce, redisError, type Redis } from '../../kernel/redis.ts'
import type { Headers, LogRecord, Place, Position } from '../event-log.ts'
import { endIn, entryOf, fieldOf, firstEntries, offsetOf, type Entry, type LogKeys } from './redis-keys.ts'

const NO_HEADERS: Headers = Object.freeze({})
const FIELDS_COUNT = 8

interface Options {
  redis: Redis
  url: string
  keys: LogKeys
  id: string
}

/** What is asked of one place. */
interface Asked extends Place {
  countMax: number
}

/** The half of the log that reads. */
export function readingFrom({ redis, url, keys, id }: Options) {
  let turn = 0

  const fault = (code: 'store_corrupt' | 'log_truncated' | 'log_expired', { topic, partition }: Place, what: string) =>
    new FlowGuardError(code, `${keys.stream(topic, partition)}: ${topic}-${partition} ${what}`)

  /** Records of each of these places, in one round trip. The id is asked for last: a log that was emptied in between would else look like an empty one. */
  async function readEach(asked: readonly Asked[]): Promise<LogRecord[][]> {
    const ends = redis.callBuffer('HMGET', [keys.ends, ...asked.map(({ topic, partition }) => fieldOf(topic, partition))])
    const streams = asked.map(({ topic, partition, next, countMax }) =>
      redis.callBuffer('XRANGE', keys.stream(topic, partition), entryOf(next), '+', 'COUNT', countMax),
    )
    const [known, current, ...entries] = await Promise.all([ends, redis.call('GET', keys.id), ...streams])
    requireSame(current as string | null)
    for (const [at, place] of asked.entries()) await refuseExpired(place, (entries[at] as Entry[])[0])
    return asked.map((place, at) => {
      const records = recordsIn(place, entries[at] as Entry[])
      const end = endIn((known as (Buffer | null)[])[at])
      if (records.length === 0 && place.next > end) {
        throw fault('log_truncated', place, `ends at ${end}; the reader had reached ${place.next}`)
      }
      if (records.length === 0 && place.next < end) throw fault('store_corrupt', place, `has lost the records from offset ${place.next} on`)
      return records
    })
  }

  function requireSame(current: string | null): void {
    if (current !== id) throw new FlowGuardError('log_replaced', `${keys.id} is ${current ?? 'gone'}, and was ${id}`)
  }

  /** Our retention takes nothing that is still to be read: somebody else has trimmed the stream, or this reader was not known to it. */
  async function refuseExpired(place: Place, found: Entry | undefined): Promise<void> {
    if (!found || found[0].toString('latin1') === entryOf(place.next)) return
    const [first] = await firstEntries(redis, [keys.stream(place.topic, place.partition)])
    const start = first && offsetOf(first[0])
    if (start !== undefined && start > place.next)
      throw fault('log_expired', place, `begins at ${start}; the reader had reached ${place.next}`)
  }

  /** Records one after the other, from the place on: a gap is a loss. */
  function recordsIn(place: Place, entries: readonly Entry[]): LogRecord[] {
    const { topic, partition } = place
    return entries.map(([entry, fields], at) => {
      const offset = place.next + at
      const name = entry.toString('latin1')
      if (name !== entryOf(offset)) throw fault('store_corrupt', place, `lacks offset ${offset}: the next entry there is ${name}`)
      const record = recordOf({ topic, partition, offset }, fields)
      if (!record) throw fault('store_corrupt', place, `is damaged at offset ${offset}: entry ${name} is none of ours`)
      return record
    })
  }

  /** About as much of each place, and all of what is asked for where that is there. */
  async function readShares(places: readonly Place[], countMax: number): Promise<LogRecord[]> {
    const share = Math.max(1, Math.floor(countMax / places.length))
    // With more partitions than records each has its turn.
    const first = places.length > countMax ? turn++ % places.length : 0
    const asked = [...places.slice(first), ...places.slice(0, first)].slice(0, countMax).map((place) => ({ ...place, countMax: share }))
    const found = await readEach(asked)
    const records = found.flat()
    const hungry = asked.filter((_, at) => found[at]?.length === share)
    const left = countMax - records.length
    if (hungry.length === 0 || left === 0) return records
    const more = hungry.map((place) => ({ ...place, next: place.next + share, countMax: Math.ceil(left / hungry.length) }))
    return [...records, ...(await readEach(more)).flat()].slice(0, countMax)
  }

  const blocked = new Set<Redis>()
  const idle: Redis[] = []

  /** Until something lies at one of the places, or that time is over. On a connection of its own: it blocks. */
  async function waitFor(places: readonly Place[], ms: number): Promise<void> {
    const connection = idle.pop() ?? (await openRedisOnce(url))
    blocked.add(connection)
    const silent = setTimeout(() => connection.disconnect(), ms + ANSWER_MS_MAX)
    try {
      const streams = places.map(({ topic, partition }) => keys.stream(topic, partition))
      // Behind the entry before the one that is wanted.
      const behind = places.map(({ next }) => `${next}-0`)
      await connection.callBuffer('XREAD', ['COUNT', 1, 'BLOCK', Math.max(1, Math.ceil(ms)), 'STREAMS', ...streams, ...behind])
      idle.push(connection)
    } catch (error) {
      connection.disconnect()
      throw error
    } finally {
      clearTimeout(silent)
      blocked.delete(connection)
    }
  }

  return {
    requireSame,
    async read(places: readonly Place[], { countMax, waitMs }: { countMax: number; waitMs: number }): Promise<readonly LogRecord[]> {
      const deadline = performance.now() + waitMs
      try {
        for (;;) {
          const records = places.length > 0 ? await readShares(places, countMax) : []
          const left = deadline - performance.now()
          if (records.length > 0 || left <= 0) return records
          if (places.length > 0) await waitFor(places, left)
          else await new Promise((resolve) => setTimeout(resolve, left))
        }
      } catch (error) {
        throw redisError(url, error)
      }
    },
    /** Whoever still waits is told that the log is closed. */
    close() {
      for (const each of [...blocked, ...idle]) each.disconnect()
    },
  }
}

/** The first record from `low` on and before `high` that was appended at `ms` or later; `high` where there is none. They lie in the order of their time. */
export async function firstSince(
  { redis, keys }: Pick<Options, 'redis' | 'keys'>,
  { topic, partition }: Omit<Place, 'next'>,
  { low, high, ms }: { low: number; high: number; ms: number },
): Promise<number> {
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [entry] = (await redis.callBuffer('XRANGE', keys.stream(topic, partition), entryOf(middle), entryOf(middle))) as Entry[]
    const record = entry && recordOf({ topic, partition, offset: middle }, entry[1])
    // Damage is for a reader to tell: whoever trims leaves it.
    if (!record || record.appendedAt >= ms) high = middle
    else low = middle + 1
  }
  return low
}

/** Fields as the script writes them; undefined of an entry that somebody else has made. */
export function recordOf(position: Position, fields: readonly Buffer[]): LogRecord | undefined {
  if (fields.length !== FIELDS_COUNT) return undefined
  const [, key, , bytes, , headers, , time] = fields as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]
  const appendedAt = Number(time.toString('latin1'))
  const parsed = headers.length === 2 ? NO_HEADERS : headersIn(headers.toString('utf8'))
  if (Number.isNaN(appendedAt) || !parsed) return undefined
  const record: LogRecord = {
    topic: position.topic,
    partition: position.partition,
    offset: position.offset,
    key: key.toString('utf8'),
    value: bytes.toString('utf8'),
    headers: parsed,
    appendedAt,
    memo: null,
  }
  if (!isUtf8(bytes)) record.bytes = bytes
  return record
}

function headersIn(text: string): Headers | undefined {
  try {
    return JSON.parse(text) as Headers
  } catch {
    return undefined
  }
}
