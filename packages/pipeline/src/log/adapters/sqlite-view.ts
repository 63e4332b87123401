import type { DatabaseSync } from 'node:sqlite'
import type { Topic } from '@flowguard/contract'
import { asyncWalk } from '../../kernel/async-walk.ts'
import type { LogRecord, PartitionEnds } from '../event-log.ts'
import type { Batch, LocalLogView, PartitionUsage } from '../log-view.ts'
import type { TopicSpecs } from '../topics.ts'
import { checksum, unpack } from './record-batch.ts'

interface Row {
  offset: number
  count: number
  appendedAt: number
  crc: number
  body: Uint8Array
}

const ROW = 'base_offset as offset, count, appended_at as appendedAt, crc, body'
const LINE_BREAK = 10

/** A look at the log whose tables lie in `db`; undefined while it has yet to get its id. */
export function sqliteLogView(db: DatabaseSync, topics: TopicSpecs): LocalLogView | undefined {
  const meta = db.prepare('select log_id as id from log_meta').get() as { id: string } | undefined
  if (!meta) return undefined
  const of = 'from log_batches where topic = ? and partition = ?'
  // Prepared at each use: several walks go on side by side, and a statement has one place.
  const walk = (order: string, of: string, ...values: (string | number)[]) =>
    db.prepare(`select ${ROW} ${of} order by base_offset ${order}`).iterate(...values) as Iterable<unknown> as Iterable<Row>
  const sql = {
    first: db.prepare(`select base_offset as offset, appended_at as appendedAt ${of} order by base_offset limit 1`),
    last: db.prepare(`select base_offset + count as end, appended_at as appendedAt ${of} order by base_offset desc limit 1`),
    usage: db.prepare(`select coalesce(sum(count), 0) as records, coalesce(sum(length(body)), 0) as bytes ${of}`),
    holding: db.prepare(
      `select base_offset as offset, appended_at as appendedAt ${of} and base_offset <= ? order by base_offset desc limit 1`,
    ),
  }
  const first = (topic: Topic, partition: number) => sql.first.get(topic, partition) as { offset: number; appendedAt: number } | undefined
  const last = (topic: Topic, partition: number) => sql.last.get(topic, partition) as { end: number; appendedAt: number } | undefined
  const numbers = (topic: Topic) => Array.from({ length: topics[topic].partitions }, (_, partition) => partition)

  /** Where the rows appended at or after `ms` begin; rows lie in the order of their time, so a bisection finds it. */
  function offsetSince(topic: Topic, partition: number, ms: number): number {
    let low = first(topic, partition)?.offset ?? 0
    let high = last(topic, partition)?.end ?? 0
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const row = sql.holding.get(topic, partition, middle) as { offset: number; appendedAt: number }
      if (row.appendedAt >= ms) high = row.offset
      else low = middle + 1
    }
    return low
  }

  function* batches(rows: Iterable<Row>, topic: Topic, partition: number): Generator<Batch> {
    let neighbour: Row | undefined
    for (const row of rows) {
      const [older, newer] = neighbour && neighbour.offset > row.offset ? [row, neighbour] : [neighbour, row]
      const gap =
        older && newer && older.offset + older.count !== newer.offset
          ? `offsets from ${older.offset + older.count} to ${newer.offset}`
          : undefined
      neighbour = row
      yield batchOf(topic, partition, row, gap && `${gap} are missing or there twice`)
    }
  }

  function usageOf(topic: Topic, partition: number): PartitionUsage {
    const [oldest, newest] = [first(topic, partition), last(topic, partition)]
    return {
      topic,
      partition,
      start: oldest?.offset ?? 0,
      end: newest?.end ?? 0,
      ...(sql.usage.get(topic, partition) as { records: number; bytes: number }),
      oldestMs: oldest?.appendedAt ?? null,
      newestMs: newest?.appendedAt ?? null,
    }
  }

  function* find(topic: Topic, partition: number, text: string, range: { from: number } | { before: number }): Generator<LogRecord> {
    const [low, high] =
      'from' in range
        ? [offsetSince(topic, partition, range.from), Number.MAX_SAFE_INTEGER]
        : [0, offsetSince(topic, partition, range.before)]
    // Twice as fast as SQLite's instr.
    const bytes = Buffer.from(text)
    for (const row of walk('desc', `${of} and base_offset >= ? and base_offset < ?`, topic, partition, low, high)) {
      const { buffer, byteOffset, byteLength } = row.body
      if (!Buffer.from(buffer, byteOffset, byteLength).includes(bytes)) continue
      const batch = batchOf(topic, partition, row, undefined)
      if (batch.fault === undefined)
        yield* batch
          .records()
          .filter(({ value }) => value.includes(text))
          .toReversed()
    }
  }

  const endsNow = (topic: Topic): PartitionEnds[] =>
    numbers(topic).map((partition) => ({
      partition,
      start: first(topic, partition)?.offset ?? 0,
      end: last(topic, partition)?.end ?? 0,
    }))
  const LATER = `${of} and base_offset >= coalesce((select base_offset ${of} and base_offset <= ? order by base_offset desc limit 1), 0)`

  return {
    id: meta.id,
    hasGaps: false,
    partitions: (topic) => topics[topic].partitions,
    endsNow,
    ends: async (topic) => endsNow(topic),
    usage: async (topic) => numbers(topic).map((partition) => usageOf(topic, partition)),
    batches: (topic, partition) => asyncWalk(() => batches(walk('asc', of, topic, partition), topic, partition)),
    batchesBackwards: (topic, partition) => asyncWalk(() => batches(walk('desc', of, topic, partition), topic, partition)),
    batchesAt: (topic, partition, offset, direction) =>
      asyncWalk(() =>
        batches(
          direction === 'later'
            ? walk('asc', LATER, topic, partition, topic, partition, offset)
            : walk('desc', `${of} and base_offset <= ?`, topic, partition, offset),
          topic,
          partition,
        ),
      ),
    offsetSince: async (...asked) => offsetSince(...asked),
    oldestMs: async (topic, partition) => first(topic, partition)?.appendedAt,
    find: (...asked) => asyncWalk(() => find(...asked)),
  }
}

function batchOf(topic: Topic, partition: number, row: Row, gap: string | undefined): Batch {
  const { offset, count, appendedAt, body } = row
  const place = { topic, partition, offset }
  return {
    topic,
    partition,
    offset,
    end: offset + count,
    count,
    fault: gap ?? faultOf(),
    records: () => unpack(body, count, place, appendedAt) as readonly LogRecord[],
  }

  function faultOf(): string | undefined {
    if (checksum(body, place, count, appendedAt) !== row.crc) return 'the checksum differs'
    return linesIn(body) === count ? undefined : `it does not hold the ${count} records that it says`
  }
}

/** Line breaks, one before each value; `indexOf` finds them natively. */
function linesIn(body: Uint8Array): number {
  let lines = 0
  for (let at = body.indexOf(LINE_BREAK); at !== -1; at = body.indexOf(LINE_BREAK, at + 1)) lines += 1
  return lines
}
