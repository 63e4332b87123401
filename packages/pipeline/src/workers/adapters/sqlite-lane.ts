import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { DEAD, GENERAL } from '@flowguard/contract'
import { step } from '../../kernel/crash.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import { guarded, transaction } from '../../kernel/sqlite.ts'
import type { LogRecord, TransactionalLog } from '../../log/event-log.ts'
import { refuseOtherLog } from '../../reader/loop.ts'
import { placesIn } from '../../reader/places.ts'
import { WORKERS } from '../processor.ts'
import {
  FAILED_COLUMNS,
  PROCESSED_COLUMNS,
  RETRY_COLUMNS,
  type EventKey,
  type Found,
  type Known,
  type LaneTables,
  type Lease,
  type Session,
  type Waiting,
  type Writes,
} from '../tables.ts'

const SAME = "event_id = ?1 and coalesce(user_id, '') = ?2"

interface Options {
  db: DatabaseSync
  path: string
  /** The lane's own dead letters, on the same connection. */
  lane: TransactionalLog
  clock: Clock
}

/** The lane's tables in a file that several processes may write, by short transactions: one at a time. */
export function sqliteLane({ db, path, lane, clock }: Options): LaneTables & { lane: TransactionalLog } {
  const places = placesIn(db, WORKERS)
  const look = looking(db)
  const write = writing(db, lane, places)
  const due = retriesIn(db)
  const atOnce = <T>(work: () => T): T => guarded(path, () => transaction(db, work))

  return {
    lane,
    begin: (logId, from) =>
      atOnce(() => {
        refuseOtherLog(WORKERS, logId, places.standings())
        for (const place of from) places.begin(logId, place)
      }),
    standings: () => guarded(path, places.standings),
    expire: (stretches) => atOnce(() => stretches.forEach((each) => places.expire(each))),
    work({ events, users }, plan) {
      atOnce(() => write(plan({ events: events.map(look.known), sessions: look.sessions(users) })))
    },
    retry({ now, countMax }, plan) {
      // Nobody waits for a transaction that has nothing to write.
      if (!guarded(path, () => due.isAny(now))) return 0
      return atOnce(() => {
        const all = due.all(now, countMax)
        write(plan(all, look.sessions(all.flatMap(({ user }) => user ?? []))))
        return all.length
      })
    },
    ...sharing(db, atOnce, clock),
    ...forgetting(db, path, atOnce),
  }
}

function looking(db: DatabaseSync) {
  const find = db.prepare(
    `select 'processed' as state, content_hash as contentHash from processed_events where ${SAME}
     union all select 'waiting', content_hash from lane_retries where ${SAME}
     union all select 'failed', content_hash from failed_events where ${SAME}`,
  )
  const session = db.prepare(
    'select started_at as startedAt, last_at as lastAt, touched_at as touchedAt from lane_sessions where user_id = ?',
  )
  return {
    known: ({ eventId, user }: EventKey) => find.all(eventId, user) as unknown as Known[],
    sessions: (users: readonly string[]): Found['sessions'] => {
      const sessions = new Map<string, Session>()
      for (const user of users) {
        const found = session.get(user) as Session | undefined
        if (found) sessions.set(user, found)
      }
      return sessions
    },
  }
}

function adding<Column extends string>(db: DatabaseSync, table: string, columns: readonly Column[]) {
  const statement: StatementSync = db.prepare(`insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`)
  return (row: Readonly<Record<Column, SQLInputValue>>) => void statement.run(...columns.map((column) => row[column]))
}

function writing(db: DatabaseSync, lane: TransactionalLog, places: ReturnType<typeof placesIn>) {
  const addProcessed = adding(db, 'processed_events', PROCESSED_COLUMNS)
  const addFailed = adding(db, 'failed_events', FAILED_COLUMNS)
  const addRetry = adding(db, 'lane_retries', RETRY_COLUMNS)
  const forgive = db.prepare(`delete from failed_events where ${SAME}`)
  const postpone = db.prepare(
    'update lane_retries set tries = tries + 1, next_at = ?, error = ? where log_partition = ? and log_offset = ?',
  )
  const end = db.prepare('delete from lane_retries where log_partition = ? and log_offset = ?')
  const putSession = db.prepare(
    `insert into lane_sessions values (?1, ?2, ?3, ?4)
     on conflict (user_id) do update set started_at = ?2, last_at = ?3, touched_at = ?4`,
  )
  const took = db.prepare(
    'insert into lane_durations values (?1, ?2, ?3) on conflict (bucket) do update set events = events + ?2, seconds = seconds + ?3',
  )
  return (all: Writes) => {
    for (const { eventId, user } of all.forgiven) forgive.run(eventId, user)
    for (const { record } of all.ended) end.run(record.partition, record.offset)
    for (const { waiting, error, nextAt } of all.postponed) postpone.run(nextAt, error, waiting.record.partition, waiting.record.offset)
    all.processed.forEach(addProcessed)
    all.failed.forEach(addFailed)
    all.waiting.forEach(addRetry)
    for (const { user, startedAt, lastAt, touchedAt } of all.sessions) putSession.run(user, startedAt, lastAt, touchedAt)
    for (const { bucket, events, seconds } of all.took) took.run(bucket, events, seconds)
    if (all.letters.length > 0) lane.appendNow(DEAD, all.letters)
    for (const each of all.buried) places.buried(each)
    step('reader.after-effect')
    for (const each of all.moves) places.move(each)
    step('reader.after-place')
  }
}

function retriesIn(db: DatabaseSync) {
  const any = db.prepare('select 1 from lane_retries where next_at <= ? limit 1')
  const due = db.prepare(
    `select log_partition as partition, log_offset as offset, user_id as user, content_hash as contentHash, tries, key, headers, value,
       appended_at as appendedAt from lane_retries where next_at <= ? order by next_at limit ?`,
  )
  return {
    isAny: (now: number) => any.get(now) !== undefined,
    all: (now: number, countMax: number): Waiting[] =>
      (due.all(now, countMax) as unknown as (Omit<LogRecord, 'headers'> & Omit<Waiting, 'record'> & { headers: string })[]).map(
        ({ user, contentHash, tries, headers, ...record }) => ({
          record: { ...record, topic: GENERAL, headers: JSON.parse(headers) as LogRecord['headers'] },
          user,
          contentHash,
          tries,
        }),
      ),
  }
}

type AtOnce = <T>(work: () => T) => T

function sharing(db: DatabaseSync, atOnce: AtOnce, clock: Clock): Pick<LaneTables, 'share' | 'leave'> {
  const live = db.prepare('insert into lane_workers values (?1, ?2) on conflict (owner) do update set until_ms = ?2')
  const bury = db.prepare('delete from lane_workers where until_ms <= ?')
  const owners = db.prepare('select owner from lane_workers order by owner')
  const leases = db.prepare('select log_partition as partition, owner, until_ms as until from lane_leases')
  const take = db.prepare('insert into lane_leases values (?1, ?2, ?3) on conflict (log_partition) do update set owner = ?2, until_ms = ?3')
  const leave = db.prepare('delete from lane_leases where owner = ?')
  const die = db.prepare('delete from lane_workers where owner = ?')
  return {
    share: (owner, leaseMs, divide) =>
      atOnce(() => {
        const now = clock()
        live.run(owner, now + leaseMs)
        bury.run(now)
        const names = (owners.all() as { owner: string }[]).map((each) => each.owner)
        const mine = divide({ now, owners: names, leases: leases.all() as unknown as Lease[] })
        leave.run(owner)
        for (const partition of mine) take.run(partition, owner, now + leaseMs)
        return mine
      }),
    leave: (owner) =>
      atOnce(() => {
        leave.run(owner)
        die.run(owner)
      }),
  }
}

function forgetting(db: DatabaseSync, path: string, atOnce: AtOnce) {
  const old = db.prepare(
    `select seq, partition from (select seq, log_partition as partition, processed_at from processed_events order by seq limit ?)
     where processed_at < ?`,
  )
  const forget = db.prepare('delete from processed_events where seq = ?')
  const note = db.prepare('insert into lane_forgotten values (?1, ?2) on conflict (log_partition) do update set processed = processed + ?2')
  const forgetFailed = db.prepare(
    'delete from failed_events where seq in (select seq from failed_events order by seq limit ?) and failed_at < ?',
  )
  const forgetSessions = db.prepare('delete from lane_sessions where touched_at < ?')
  return {
    forgetProcessed: (before: string, countMax: number) =>
      atOnce(() => {
        const rows = old.all(countMax, before) as { seq: number; partition: number }[]
        for (const { seq } of rows) forget.run(seq)
        for (const [partition, group] of Map.groupBy(rows, (row) => row.partition)) note.run(partition, group.length)
        return rows.length
      }),
    forgetFailed: (before: string, countMax: number) => guarded(path, () => Number(forgetFailed.run(countMax, before).changes)),
    forgetSessions: (touchedBefore: number) => guarded(path, () => void forgetSessions.run(touchedBefore)),
  }
}
