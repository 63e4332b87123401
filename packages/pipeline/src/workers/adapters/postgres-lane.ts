import { GENERAL } from '@flowguard/contract'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import { migratePostgres, sqlStateOf, type Postgres, type Statements } from '../../kernel/postgres.ts'
import type { LogRecord } from '../../log/event-log.ts'
import type { TopicSpecs } from '../../log/topics.ts'
import { refuseOtherLog } from '../../reader/loop.ts'
import type { Standing } from '../../reader/places.ts'
import { WORKERS } from '../processor.ts'
import type { Asked, Found, Known, LaneTables, Session, Waiting } from '../tables.ts'
import { POSTGRES_LANE_SCHEMA } from './postgres-lane-schema.ts'
import { postgresForgetting, postgresSharing } from './postgres-lane-keeping.ts'
import { expireOn, writeOn, type AppendOn } from './postgres-lane-writes.ts'
import { postgresLetters } from './postgres-letters.ts'

/** The list of the lane's tables in the database. */
export const POSTGRES_LANE = 'lane'
const UNIQUE_VIOLATION = '23505'

interface Options {
  /** Stays open when the tables are closed: who opened it closes it after them. */
  postgres: Postgres
  topics: TopicSpecs
  clock: Clock
  /** For leases: the server's own unless a test decides what time it is. All machines must go by the same. */
  leaseClock?: Clock
}

/** The lane's tables in PostgreSQL, for workers on any number of machines. Makes them where there are none. */
export async function openPostgresLane({ postgres, topics, clock, leaseClock }: Options): Promise<LaneTables> {
  await migratePostgres(postgres, POSTGRES_LANE, POSTGRES_LANE_SCHEMA)
  const { log, appendOn } = await postgresLetters({ postgres, topics, clock })
  return {
    lane: log,
    ...postgresWork(postgres, appendOn),
    ...postgresSharing(postgres, leaseClock),
    ...postgresForgetting(postgres),
  }
}

function postgresWork(postgres: Postgres, appendOn: AppendOn): Pick<LaneTables, 'begin' | 'standings' | 'expire' | 'work' | 'retry'> {
  return {
    async begin(logId, places) {
      refuseOtherLog(WORKERS, logId, await standingsOn(postgres))
      await postgres.changed(BEGIN, [
        WORKERS,
        logId,
        places.map(({ topic }) => topic),
        places.map(({ partition }) => partition),
        places.map(({ next }) => next),
      ])
    },
    standings: () => standingsOn(postgres),
    expire: (stretches) => postgres.transaction((on) => expireOn(on, stretches)),
    work: (asked, plan) =>
      unlessForestalled(postgres.at, () =>
        postgres.transaction(async (on) => {
          // First of all: of two that have the same stretch in hand, the other waits here, and then finds the place moved.
          await on.rows(HOLD_PLACES, [WORKERS, GENERAL, asked.partitions])
          const found = await foundOn(on, asked)
          await writeOn(on, plan(found), found.sessions, appendOn)
        }),
      ),
    async retry({ now, countMax }, plan) {
      const [isAny] = await postgres.rows('select 1 from lane_retries where next_at <= $1 limit 1', [now])
      if (!isAny) return 0
      return unlessForestalled(postgres.at, () =>
        postgres.transaction(async (on) => {
          const due = (await on.rows<WaitingRow>(DUE, [now, countMax])).map(waitingOf)
          if (due.length === 0) return 0
          // A repeat of one of these may be in hand just now.
          await on.rows(HOLD_PLACES, [WORKERS, GENERAL, [...new Set(due.map(({ record }) => record.partition))]])
          const sessions = await sessionsOn(on, [...new Set(due.flatMap(({ user }) => user ?? []))])
          await writeOn(on, plan(due, sessions), sessions, appendOn)
          return due.length
        }),
      )
    },
  }
}

/** Another may have written an event under another partition meanwhile: it is looked up again. */
async function unlessForestalled<T>(at: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error
    throw new FlowGuardError('store_busy', `${at}: another worker wrote the same event: ${(error as Error).message}`, error)
  }
}

const standingsOn = (on: Statements) => on.rows<Standing>(STANDINGS, [WORKERS])

async function foundOn(on: Statements, { events, users }: Asked): Promise<Found> {
  const known = events.map((): Known[] => [])
  if (events.length > 0) {
    const rows = await on.rows<Known & { at: number }>(KNOWN, [events.map(({ eventId }) => eventId), events.map(({ user }) => user)])
    for (const { at, state, contentHash } of rows) known[at - 1]?.push({ state, contentHash })
  }
  return { events: known, sessions: await sessionsOn(on, users) }
}

async function sessionsOn(on: Statements, users: readonly string[]): Promise<ReadonlyMap<string, Session>> {
  if (users.length === 0) return new Map()
  const rows = await on.rows<Session & { user: string }>(SESSIONS, [users])
  return new Map(rows.map(({ user, ...session }) => [user, session]))
}

type WaitingRow = Omit<LogRecord, 'headers'> & Omit<Waiting, 'record'> & { headers: string }

function waitingOf({ user, contentHash, tries, headers, ...record }: WaitingRow): Waiting {
  return { record: { ...record, topic: GENERAL, headers: JSON.parse(headers) as LogRecord['headers'] }, user, contentHash, tries }
}

const BEGIN = `
  insert into places (reader, topic, partition, log_id, began, next, time_ms)
  select $1, topic, partition, $2, next, next, -1 from unnest($3::text[], $4::int[], $5::bigint[]) as p (topic, partition, next)
  on conflict do nothing`
const STANDINGS = `
  select reader, topic, partition, log_id as "logId", began, expired, next, time_ms as "timeMs", heartbeats, read, applied, duplicate, late, skipped, dead
  from places where reader = $1 order by topic, partition`
const HOLD_PLACES = `
  select 1 from places where reader = $1 and topic = $2 and partition = any($3::int[]) order by partition for update`
/** One by one, by the index: what is joined would be scanned as a whole while statistics say that there is little of it. */
const of = (state: Known['state'], table: string) => `
  select k.at, '${state}' as state, t.content_hash as "contentHash" from asked k cross join lateral
  (select content_hash from ${table} where event_id = k.id and coalesce(user_id, '') = k.usr limit 1) t`
const KNOWN = `
  with asked as (select * from unnest($1::text[], $2::text[]) with ordinality as k (id, usr, at))
  ${of('processed', 'processed_events')} union all ${of('waiting', 'lane_retries')} union all ${of('failed', 'failed_events')}`
/** Held until the commit, always in the same order: another that has events of the same users goes on from what this one leaves. */
const SESSIONS = `
  select user_id as user, started_at as "startedAt", last_at as "lastAt", touched_at as "touchedAt"
  from lane_sessions where user_id = any($1::text[]) order by user_id for update`
const DUE = `
  select log_partition as partition, log_offset as offset, user_id as user, content_hash as "contentHash", tries, key, headers, value,
    appended_at as "appendedAt"
  from lane_retries where next_at <= $1 order by next_at limit $2 for update skip locked`
