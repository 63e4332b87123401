import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Topic } from '@flowguard/contract'
import { step } from '../../kernel/crash.ts'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import { partitionOf } from '../../kernel/partition.ts'
import { closeStore, guarded, openReadOnly, openStore, storeError, transaction } from '../../kernel/sqlite.ts'
import type { EventLog, LogRecord, NewRecord, PartitionEnds, Place, Position, TransactionalLog } from '../event-log.ts'
import type { TopicSpecs } from '../topics.ts'
import { batchCache, type DecodedBatch } from './batch-cache.ts'
import { checksum, pack, unpack } from './record-batch.ts'

const SCHEMA = `
  create table if not exists log_meta (log_id text not null) strict;
  create table if not exists log_batches (
    topic text not null, partition integer not null, base_offset integer not null, count integer not null,
    appended_at integer not null, crc integer not null, body blob not null
  ) strict;
  create unique index if not exists log_batches_by_offset on log_batches (topic, partition, base_offset);
`
const POLL_MS = 5
/** A row is unpacked as a whole, however little of it a reader asks for: what is larger is split. */
const BATCH_COUNT_MAX = 1_000
const TRIM_ROWS_MAX = 500

interface RowHead {
  base_offset: number
  count: number
  appended_at: number
}

interface BatchRow extends RowHead {
  crc: number
  body: Uint8Array
}

interface Waiting {
  topic: Topic
  records: readonly NewRecord[]
  resolve: (positions: readonly Position[]) => void
  reject: (error: unknown) => void
}

interface Options {
  path: string
  topics: TopicSpecs
  clock: Clock
  /** How many share what is read of a topic; one unless it is said. */
  readersCount?: ((topic: Topic) => number) | undefined
}

/** Opens the log at `path` as its one writer, and makes it where there is none. */
export function openSqliteLog({ path, topics, clock }: Options): TransactionalLog {
  const db = openStore(path)
  return sqliteLogOn(db, { path, topics, clock }, () => closeStore(db))
}

/** Opens a log that another process writes, for `readersCount` readers of this one. Throws `store_missing` where there is none. */
export function openSqliteLogReader({ path, topics, clock, readersCount }: Options): EventLog {
  const db = openReadOnly(path)
  return logOn(db, { path, topics, clock, readersCount }, () => closeStore(db))
}

/** A log whose tables lie in a store that holds other things too, so that both commit together. */
export function sqliteLogOn(db: DatabaseSync, options: Options, close: () => void = () => undefined): TransactionalLog {
  guarded(options.path, () =>
    transaction(db, () => {
      db.exec(SCHEMA)
      db.prepare('insert into log_meta select ? where not exists (select 1 from log_meta)').run(randomUUID())
    }),
  )
  return logOn(db, options, close)
}

function logOn(db: DatabaseSync, { path, topics, clock, readersCount = () => 1 }: Options, close: () => void): TransactionalLog {
  const sql = guarded(path, () => ({
    id: db.prepare('select log_id from log_meta'),
    last: db.prepare(
      'select base_offset, count, appended_at from log_batches where topic = ? and partition = ? order by base_offset desc limit 1',
    ),
    start: db.prepare('select base_offset as start from log_batches where topic = ? and partition = ? order by base_offset limit 1'),
    holding: db.prepare(
      'select base_offset, count from log_batches where topic = ? and partition = ? and base_offset <= ? order by base_offset desc limit 1',
    ),
    from: db.prepare(
      'select base_offset, count, appended_at, crc, body from log_batches where topic = ? and partition = ? and base_offset >= ? order by base_offset',
    ),
    version: db.prepare('pragma data_version'),
  }))
  const insert = lazily(() => db.prepare('insert into log_batches values (?, ?, ?, ?, ?, ?, ?)'))
  const remove = lazily(() =>
    db.prepare(
      `delete from log_batches where rowid in (
        select rowid from log_batches where topic = ? and partition = ? and appended_at < ? and base_offset + count <= ? order by base_offset limit ?)`,
    ),
  )
  const { log_id: id } = guarded(path, () => sql.id.get()) as { log_id: string }
  guarded(path, () => refuseFewerPartitions(db, path, topics))
  const cache = batchCache(readersCount)
  const waiting: Waiting[] = []
  let appended = 0
  let turn = 0

  const lastOf = (topic: Topic, partition: number) => sql.last.get(topic, partition) as RowHead | undefined
  const endOf = (topic: Topic, partition: number) => endOfRow(lastOf(topic, partition))
  const startOf = (topic: Topic, partition: number) => (sql.start.get(topic, partition) as { start: number } | undefined)?.start ?? 0

  function appendNow(topic: Topic, records: readonly NewRecord[]): readonly Position[] {
    const positions: Position[] = new Array<Position>(records.length)
    const groups = new Map<number, number[]>()
    records.forEach((record, at) => {
      const partition = record.partition ?? partitionOf(record.key, topics[topic].partitions)
      const group = groups.get(partition)
      if (group) group.push(at)
      else groups.set(partition, [at])
    })
    for (const [partition, group] of groups) {
      const last = lastOf(topic, partition)
      let offset = endOfRow(last)
      // Never back, whatever the clock does: retention deletes from the start on, and a hole would be damage.
      const now = Math.max(clock(), last?.appended_at ?? 0)
      for (let from = 0; from < group.length; from += BATCH_COUNT_MAX) {
        const part = group.slice(from, from + BATCH_COUNT_MAX)
        const body = pack(part.map((at) => records[at] as NewRecord))
        const crc = checksum(body, { topic, partition, offset }, part.length, now)
        insert().run(topic, partition, offset, part.length, now, crc, body)
        for (const at of part) positions[at] = { topic, partition, offset: offset++ }
      }
    }
    appended += records.length
    return positions
  }

  /** Everything that arrived in this turn of the event loop, in one transaction with one flush. */
  function commitWaiting(): void {
    const group = waiting.splice(0)
    if (group.length === 0) return
    let results: (readonly Position[])[]
    try {
      step('log.before-commit')
      results = guarded(path, () => transaction(db, () => appendByTopic(group)))
      step('log.after-commit')
    } catch (error) {
      const failure = error instanceof FlowGuardError ? error : new FlowGuardError('log_unavailable', `${path}: ${String(error)}`, error)
      for (const each of group) each.reject(failure)
      return
    }
    group.forEach((each, at) => each.resolve(results[at] as readonly Position[]))
  }

  /** One row a partition for all that waits, in the order of arrival. */
  function appendByTopic(group: readonly Waiting[]): (readonly Position[])[] {
    const results = new Array<readonly Position[]>(group.length)
    for (const topic of new Set(group.map((each) => each.topic))) {
      const members = group.map((each, at) => ({ each, at })).filter(({ each }) => each.topic === topic)
      const positions = appendNow(
        topic,
        members.flatMap(({ each }) => each.records),
      )
      let from = 0
      for (const { each, at } of members) results[at] = positions.slice(from, (from += each.records.length))
    }
    return results
  }

  /** One state of the store for all that is read: what another process trims or appends meanwhile is no damage. */
  function snapshot<T>(work: () => T): T {
    return guarded(path, () => {
      db.exec('begin')
      try {
        return work()
      } finally {
        if (db.isTransaction) db.exec('rollback')
      }
    })
  }

  function readPartition({ topic, partition, next }: Place, countMax: number): LogRecord[] {
    const records: LogRecord[] = []
    const take = (batch: DecodedBatch) => {
      const left = countMax - records.length
      for (let at = Math.max(0, next - batch.offset); at < batch.records.length && records.length < countMax; at += 1) {
        records.push(batch.records[at] as LogRecord)
      }
      if (batch.next - Math.max(next, batch.offset) <= left) cache.passed(topic, partition, batch)
    }
    let expected = next
    for (let known = cache.find(topic, partition, next); known; known = cache.find(topic, partition, expected)) {
      take(known)
      if (records.length >= countMax) return records
      expected = known.next
    }
    const holding = records.length > 0 ? undefined : (sql.holding.get(topic, partition, next) as RowHead | undefined)
    // Retention never takes what a reader has yet to read, so a place before the oldest record is a loss too.
    if (holding) expected = next < endOfRow(holding) ? holding.base_offset : endOfRow(holding)
    const corrupt = (offset: number, what: string, cause?: unknown) =>
      new FlowGuardError('store_corrupt', `${path}: ${topic}-${partition} is damaged at offset ${offset}: ${what}`, cause)
    try {
      for (const row of sql.from.iterate(topic, partition, holding || records.length > 0 ? expected : 0) as Iterable<
        BatchRow & Record<string, never>
      >) {
        const first = { topic, partition, offset: row.base_offset }
        if (row.base_offset !== expected) throw corrupt(row.base_offset, `offsets from ${expected} on are missing`)
        if (checksum(row.body, first, row.count, row.appended_at) !== row.crc) throw corrupt(row.base_offset, 'the checksum differs')
        const decoded = unpack(row.body, row.count, first, row.appended_at, readersCount(topic) > 1)
        if (!decoded) throw corrupt(row.base_offset, `it does not hold the ${row.count} records that it says`)
        expected = endOfRow(row)
        const batch = { offset: row.base_offset, next: expected, records: decoded }
        cache.add(topic, partition, batch, row.body.length)
        take(batch)
        if (records.length >= countMax) break
      }
    } catch (error) {
      const failure = storeError(path, error)
      throw hasCode(failure, 'store_corrupt') && failure !== error ? corrupt(expected, (error as Error).message, error) : failure
    }
    if (records.length === 0 && next > endOf(topic, partition)) {
      throw new FlowGuardError(
        'log_truncated',
        `${path}: ${topic}-${partition} ends at ${endOf(topic, partition)}; the reader had reached ${next}`,
      )
    }
    return records
  }

  function readShares(places: readonly Place[], countMax: number): LogRecord[] {
    const share = Math.max(1, Math.floor(countMax / Math.max(1, places.length)))
    const records: LogRecord[] = []
    const hungry: Place[] = []
    // With more partitions than records each has its turn.
    const first = places.length > countMax ? turn++ % places.length : 0
    for (const place of [...places.slice(first), ...places.slice(0, first)]) {
      if (records.length >= countMax) break
      const read = readPartition(place, share)
      for (const record of read) records.push(record)
      if (read.length === share) hungry.push({ ...place, next: (read.at(-1) as LogRecord).offset + 1 })
    }
    for (const place of hungry) {
      if (records.length >= countMax) break
      for (const record of readPartition(place, Math.ceil((countMax - records.length) / hungry.length))) {
        if (records.length < countMax) records.push(record)
      }
    }
    return records
  }

  /** Changes when this connection or any other has written to the store. */
  const version = () => `${(sql.version.get() as { data_version: number }).data_version}/${appended}`

  return {
    id,
    partitions: (topic) => topics[topic].partitions,
    appendNow,
    append(topic, records) {
      if (records.length === 0) return Promise.resolve([])
      return new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(commitWaiting)
        waiting.push({ topic, records, resolve, reject })
      })
    },
    async read(places, { countMax, waitMs }) {
      const deadline = performance.now() + waitMs
      for (;;) {
        const seen = guarded(path, version)
        const records = snapshot(() => readShares(places, countMax))
        if (records.length > 0) return records
        do {
          const left = deadline - performance.now()
          if (left <= 0) return []
          await new Promise((resolve) => setTimeout(resolve, Math.min(POLL_MS, left)))
        } while (guarded(path, version) === seen)
      }
    },
    ends: async (topic) =>
      snapshot(() =>
        Array.from({ length: topics[topic].partitions }, (_, partition): PartitionEnds => {
          const end = endOf(topic, partition)
          return { partition, start: startOf(topic, partition), end }
        }),
      ),
    async trim(topic, { appendedBefore, readBefore }) {
      let deleted = 0
      for (const [partition, before] of readBefore) {
        for (;;) {
          const changes = guarded(path, () => {
            // The newest row stays, whatever its age: it says where the partition ends.
            const limit = Math.min(before, lastOf(topic, partition)?.base_offset ?? 0)
            const start = startOf(topic, partition)
            const result = remove().run(topic, partition, appendedBefore, limit, TRIM_ROWS_MAX)
            deleted += startOf(topic, partition) - start
            return result.changes
          })
          if (Number(changes) < TRIM_ROWS_MAX) break
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      return deleted
    },
    async [Symbol.asyncDispose]() {
      commitWaiting()
      close()
    },
  }
}

function endOfRow(row: RowHead | undefined): number {
  return row ? row.base_offset + row.count : 0
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

/** With a partition less, what lies in it would never be read, and its time would hold back everybody's. */
function refuseFewerPartitions(db: DatabaseSync, path: string, topics: TopicSpecs): void {
  const used = db.prepare('select max(partition) as highest from log_batches where topic = ?')
  for (const [topic, { partitions }] of Object.entries(topics)) {
    const { highest } = used.get(topic) as { highest: number | null }
    if (highest === null || highest < partitions) continue
    throw new FlowGuardError(
      'file_invalid',
      `${path}: ${topic} has records in partition ${highest}, and is declared with ${partitions} of them`,
    )
  }
}
