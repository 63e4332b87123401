import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Topic } from '@flowguard/contract'
import { step } from '../../kernel/crash.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import { partitionOf } from '../../kernel/partition.ts'
import { closeStore, guarded, openReadOnly, openStore, transaction } from '../../kernel/sqlite.ts'
import type { EventLog, NewRecord, PartitionEnds, Position, TransactionalLog } from '../event-log.ts'
import type { TopicSpecs } from '../topics.ts'
import { checksum, pack } from './record-batch.ts'
import { endOfRow, readingIn } from './sqlite-reading.ts'

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
  const { lastOf, endOf, startOf, readShares } = readingIn(db, path, readersCount)
  const waiting: Waiting[] = []
  let appended = 0

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
