import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { DEAD, type Topic } from '@flowguard/contract'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import { partitionOf } from '../../kernel/partition.ts'
import type { Postgres, Statements } from '../../kernel/postgres.ts'
import type { EventLog, LogRecord, NewRecord, PartitionEnds, Place, Position } from '../../log/event-log.ts'
import type { TopicSpecs } from '../../log/topics.ts'
import { columnsOf } from './postgres-columns.ts'

/** Nobody waits for a dead letter: it is asked for some times a second. */
const POLL_MS = 100

interface Options {
  postgres: Postgres
  topics: TopicSpecs
  clock: Clock
}

interface Letter {
  partition: number
  offset: number
  appendedAt: number
  key: string
  headers: string
  value: string
}

/** The workers' own dead letters as the log of `dead.v1` that they are copied from. */
export async function postgresLetters({ postgres, topics, clock }: Options) {
  const { partitions } = topics[DEAD]
  await postgres.changed('insert into lane_log (log_id) values ($1) on conflict do nothing', [randomUUID()])
  await postgres.changed('insert into lane_ends select at, 0 from generate_series(0, $1::int - 1) as at on conflict do nothing', [
    partitions,
  ])
  const [{ id } = { id: '' }] = await postgres.rows<{ id: string }>('select log_id as id from lane_log')

  /** Inside the transaction that is open there. Whoever comes after waits for its end, so that offsets appear in their order. */
  async function appendOn(on: Statements, records: readonly NewRecord[]): Promise<Position[]> {
    if (records.length === 0) return []
    const at = records.map(({ key, partition }) => partition ?? partitionOf(key, partitions))
    const ends = await on.rows<{ partition: number; next: number }>(
      'select log_partition as partition, next from lane_ends where log_partition = any($1::int[]) order by log_partition for update',
      [[...new Set(at)]],
    )
    const nexts = new Map(ends.map(({ partition, next }) => [partition, next]))
    const now = clock()
    const rows = records.map(({ key, headers, value }, index): Letter => {
      const partition = at[index] as number
      const offset = nexts.get(partition) as number
      nexts.set(partition, offset + 1)
      return { partition, offset, appendedAt: now, key, headers: JSON.stringify(headers), value: textOf(value) }
    })
    await on.changed(
      `insert into lane_letters (log_partition, log_offset, appended_at, key, headers, value)
       select * from unnest($1::int[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])`,
      columnsOf(rows, ['partition', 'offset', 'appendedAt', 'key', 'headers', 'value']),
    )
    await on.changed('update lane_ends set next = n.next from unnest($1::int[], $2::bigint[]) as n (at, next) where log_partition = n.at', [
      [...nexts.keys()],
      [...nexts.values()],
    ])
    return rows.map(({ partition, offset }) => ({ topic: DEAD, partition, offset }))
  }

  async function readNow(places: readonly Place[], countMax: number): Promise<LogRecord[]> {
    if (places.length === 0) return []
    const share = Math.max(1, Math.floor(countMax / places.length))
    const rows = await postgres.rows<{ at: number; end: number } & (Letter | { offset: null })>(READ, [
      places.map(({ partition }) => partition),
      places.map(({ next }) => next),
      share,
    ])
    for (const { partition, next } of places) {
      const first = rows.find(({ at }) => at === partition)
      if (!first || first.end < next)
        throw new FlowGuardError('log_truncated', `${postgres.at}: ${DEAD}-${partition} ends before ${next}, which the reader had reached`)
      if (first.offset !== next && first.end > next)
        throw new FlowGuardError('store_corrupt', `${postgres.at}: lane_letters has no ${DEAD}-${partition}@${next} any more`)
    }
    return rows.flatMap((row) => (row.offset === null ? [] : [recordOf(row)]))
  }

  const log: EventLog = {
    id,
    partitions: (topic: Topic) => topics[topic].partitions,
    append: (_topic, records) => postgres.transaction((on) => appendOn(on, records)),
    async read(places, { countMax, waitMs }) {
      const deadline = performance.now() + waitMs
      for (;;) {
        const records = await readNow(places, countMax)
        const left = deadline - performance.now()
        if (records.length > 0 || left <= 0) return records
        await wait(Math.min(POLL_MS, left))
      }
    },
    ends: () => postgres.rows<PartitionEnds>(ENDS),
    async trim(_topic, { appendedBefore, readBefore }) {
      const before = [...readBefore].map(([, limit]) => Math.min(limit, Number.MAX_SAFE_INTEGER))
      return postgres.changed(TRIM, [[...readBefore.keys()], before, Math.min(appendedBefore, Number.MAX_SAFE_INTEGER)])
    },
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
  }
  return { log, appendOn }
}

/** A row for each place at least, so that its end is of the same moment as its letters. */
const READ = `
  select p.at, e.next as end, l.log_partition as partition, l.log_offset as offset, l.appended_at as "appendedAt", l.key, l.headers, l.value
  from unnest($1::int[], $2::bigint[]) as p (at, next) join lane_ends e on e.log_partition = p.at
  left join lateral (
    select * from lane_letters where log_partition = p.at and log_offset >= p.next order by log_offset limit $3
  ) l on true
  order by p.at, l.log_offset`
const ENDS = `
  select e.log_partition as partition, e.next as end,
    coalesce((select min(l.log_offset) from lane_letters l where l.log_partition = e.log_partition), e.next) as start
  from lane_ends e order by e.log_partition`
const TRIM = `
  delete from lane_letters l using unnest($1::int[], $2::bigint[]) as b (at, before)
  where l.log_partition = b.at and l.log_offset < b.before and l.appended_at < $3`

function recordOf({ partition, offset, appendedAt, key, headers, value }: Letter): LogRecord {
  return { topic: DEAD, partition, offset, appendedAt, key, headers: JSON.parse(headers) as LogRecord['headers'], value, memo: null }
}

function textOf(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString()
}
