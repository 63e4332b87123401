import { step } from '../../kernel/crash.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Statements } from '../../kernel/postgres.ts'
import type { NewRecord, Position } from '../../log/event-log.ts'
import type { Expired } from '../../reader/expired.ts'
import type { Move } from '../../reader/places.ts'
import { WORKERS } from '../processor.ts'
import { FAILED_COLUMNS, PROCESSED_COLUMNS, RETRY_COLUMNS, type Found, type Writes } from '../tables.ts'
import { columnsOf } from './postgres-columns.ts'

export type AppendOn = (on: Statements, records: readonly NewRecord[]) => Promise<readonly Position[]>

/** All that a plan says, in the transaction that is open: a statement a table. The order of the tables is the same for all, so that none wait in a ring. */
export async function writeOn(on: Statements, all: Writes, known: Found['sessions'], appendOn: AppendOn): Promise<void> {
  await forgiveOn(on, all)
  await eventsOn(on, all)
  await sessionsOn(on, all.sessions, known)
  await appendOn(on, all.letters)
  if (all.took.length > 0) await on.changed(TOOK, columnsOf(all.took, ['bucket', 'partition', 'events', 'seconds']))
  for (const { topic, partition } of all.buried) await on.changed(BURIED, [WORKERS, topic, partition])
  step('reader.after-effect')
  if (all.moves.length > 0) await moveOn(on, all.moves)
  step('reader.after-place')
}

/** What goes, before what comes in its place. */
async function forgiveOn(on: Statements, { forgiven, ended, postponed }: Writes): Promise<void> {
  if (forgiven.length > 0) await on.changed(FORGIVE, columnsOf(forgiven, ['eventId', 'user']))
  if (ended.length > 0) await on.changed(END, placesOf(ended.map(({ record }) => record)))
  if (postponed.length > 0)
    await on.changed(POSTPONE, [...placesOf(postponed.map(({ waiting }) => waiting.record)), ...columnsOf(postponed, ['error', 'nextAt'])])
}

/** An event lies in one of three tables, and a unique index holds for one: the others are held to it by what is done here. */
async function eventsOn(on: Statements, { processed, failed, waiting }: Writes): Promise<void> {
  const others = [...failed, ...waiting]
  if (others.length > 0) {
    // Whoever is about to process the same event waits for this one's end, or has this one wait for its own.
    const keys = [others.map(({ event_id: id }) => id), others.map(({ user_id: user }) => user ?? '')]
    await on.changed(CLAIM, keys)
    await on.changed(UNCLAIM, keys)
  }
  if (processed.length > 0) await on.changed(ADD_PROCESSED, columnsOf(processed, PROCESSED_COLUMNS))
  if (failed.length > 0) await on.changed(ADD_FAILED, columnsOf(failed, FAILED_COLUMNS))
  if (waiting.length > 0) await on.changed(ADD_WAITING, columnsOf(waiting, RETRY_COLUMNS))
  const notFailed = [...processed, ...waiting]
  const notWaiting = [...processed, ...failed]
  if (notFailed.length + notWaiting.length === 0) return
  const [clash] = await on.rows<{ id: string }>(CLASH, [
    ...columnsOf(notFailed, ['event_id', 'user_id']),
    ...columnsOf(notWaiting, ['event_id', 'user_id']),
  ])
  if (clash) throw new FlowGuardError('store_busy', `another worker wrote ${clash.id} meanwhile`)
}

async function sessionsOn(on: Statements, sessions: Writes['sessions'], known: Found['sessions']): Promise<void> {
  const columns = ['user', 'startedAt', 'lastAt', 'touchedAt'] as const
  const [old, fresh] = [sessions.filter(({ user }) => known.has(user)), sessions.filter(({ user }) => !known.has(user))]
  if (old.length > 0) await on.changed(PUT_SESSIONS, columnsOf(old, columns))
  if (fresh.length > 0) await on.changed(ADD_SESSIONS, columnsOf(fresh, columns))
}

async function moveOn(on: Statements, moves: readonly Move[]): Promise<void> {
  const moved = await on.changed(MOVE, [
    WORKERS,
    ...columnsOf(moves, ['topic', 'partition', 'from', 'next', 'timeMs', 'heartbeats']),
    ...columnsOf(
      moves.map(({ tally }) => tally),
      ['read', 'applied', 'duplicate', 'late', 'skipped', 'dead'],
    ),
  ])
  requireAll(moved, moves)
}

/** Places behind what the log deleted unread, which is booked. */
export async function expireOn(on: Statements, stretches: readonly Expired[]): Promise<void> {
  requireAll(await on.changed(EXPIRE, [WORKERS, ...columnsOf(stretches, ['topic', 'partition', 'from', 'to'])]), stretches)
}

function requireAll(moved: number, moves: readonly Pick<Move, 'topic' | 'partition' | 'from'>[]): void {
  if (moved === moves.length) return
  const where = moves.map(({ topic, partition, from }) => `${topic}-${partition} at ${from}`).join(', ')
  throw new FlowGuardError('place_moved', `${WORKERS}: not all stand any longer where they stood: ${where}`)
}

const placesOf = (records: readonly { partition: number; offset: number }[]) => columnsOf(records, ['partition', 'offset'])

const NUMBERS = ['retry_count', 'log_partition', 'log_offset', 'tries', 'next_at', 'appended_at']

const adding = (table: string, columns: readonly string[]) =>
  `insert into ${table} (${columns.join(', ')})
   select * from unnest(${columns.map((name, at) => `$${at + 1}::${NUMBERS.includes(name) ? 'bigint' : 'text'}[]`).join(', ')})`
const ADD_PROCESSED = adding('processed_events', PROCESSED_COLUMNS)
const ADD_FAILED = adding('failed_events', FAILED_COLUMNS)
const ADD_WAITING = adding('lane_retries', RETRY_COLUMNS)

const KEYS = 'unnest($1::text[], $2::text[]) as k (id, usr)'
const same = (table: string) => `${table}.event_id = k.id and coalesce(${table}.user_id, '') = coalesce(k.usr, '')`
const FORGIVE = `delete from failed_events using ${KEYS} where ${same('failed_events')}`
const CLAIM = `
  insert into processed_events (event_id, user_id, event_type, timestamp, received_at, processed_at, processed_by, retry_count, content_hash, log_partition,
    log_offset) select id, usr, '', '', '', '', '', 0, '', 0, 0 from ${KEYS} order by id, usr`
const UNCLAIM = `delete from processed_events using ${KEYS} where ${same('processed_events')}`
const isIn = (table: string) => `exists (select 1 from ${table} where ${same(table)})`
const CLASH = `
  select k.id from ${KEYS} where ${isIn('failed_events')}
  union all select k.id from unnest($3::text[], $4::text[]) as k (id, usr) where ${isIn('lane_retries')} limit 1`

const RECORDS = 'unnest($1::int[], $2::bigint[]) as r (at, "offset")'
const END = `delete from lane_retries using ${RECORDS} where log_partition = r.at and log_offset = r."offset"`
const POSTPONE = `
  update lane_retries set tries = tries + 1, error = n.error, next_at = n.next_at
  from unnest($1::int[], $2::bigint[], $3::text[], $4::bigint[]) as n (at, "offset", error, next_at)
  where log_partition = n.at and log_offset = n."offset"`

const ADD_SESSIONS = `
  insert into lane_sessions (user_id, started_at, last_at, touched_at)
  select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) as n (user_id, started_at, last_at, touched_at) order by user_id`
const PUT_SESSIONS = `${ADD_SESSIONS}
  on conflict (user_id) do update set started_at = excluded.started_at, last_at = excluded.last_at, touched_at = excluded.touched_at`

const TOOK = `
  insert into lane_took as t select * from unnest($1::int[], $2::int[], $3::bigint[], $4::double precision[]) order by 1, 2
  on conflict (bucket, log_partition) do update set events = t.events + excluded.events, seconds = t.seconds + excluded.seconds`
const BURIED = 'update places set applied = applied - 1, dead = dead + 1 where reader = $1 and topic = $2 and partition = $3'
const MOVE = `
  update places p set next = m.next, time_ms = m.time_ms, heartbeats = p.heartbeats + m.heartbeats, read = p.read + m.read,
    applied = p.applied + m.applied, duplicate = p.duplicate + m.duplicate, late = p.late + m.late, skipped = p.skipped + m.skipped, dead = p.dead + m.dead
  from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::bigint[], $13::bigint[])
    as m (topic, partition, "from", next, time_ms, heartbeats, read, applied, duplicate, late, skipped, dead)
  where p.reader = $1 and p.topic = m.topic and p.partition = m.partition and p.next = m."from"`
const EXPIRE = `
  update places p set next = e."to", expired = p.expired + e."to" - e."from"
  from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) as e (topic, partition, "from", "to")
  where p.reader = $1 and p.topic = e.topic and p.partition = e.partition and p.next = e."from"`
