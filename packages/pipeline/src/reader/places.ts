import type { DatabaseSync } from 'node:sqlite'
import type { DeadReason, Topic } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Place } from '../log/event-log.ts'
import type { Expired } from './expired.ts'

/** What became of one record. `applied` changed something, `skipped` was not this reader's concern. */
export type Fate = 'applied' | 'duplicate' | 'late' | 'skipped' | { dead: DeadReason; detail: string }

/** What became of the records that a reader has read: `read` is counted by itself, so that the sum proves something. */
export interface Tally {
  read: number
  applied: number
  duplicate: number
  late: number
  skipped: number
  dead: number
}

export const noTally = (): Tally => ({ read: 0, applied: 0, duplicate: 0, late: 0, skipped: 0, dead: 0 })

/**
 * Where a reader stands in one partition, and the offset at which it began. `expired` are the offsets between that it never read, for the log had deleted them
 * before: of a log with gaps, as many records at most. `timeMs` is the highest event time that it has seen there, -1 before the first. `heartbeats` are among
 * what it skipped.
 */
export interface Standing extends Place, Tally {
  reader: string
  logId: string
  began: number
  expired: number
  timeMs: number
  heartbeats: number
}

/** One step of a reader in one partition: from where it stood to where it stands after the effect. */
export interface Move {
  topic: Topic
  partition: number
  from: number
  next: number
  timeMs: number
  heartbeats: number
  tally: Tally
}

export const PLACES_SCHEMA = `
  create table if not exists places (
    reader text not null, topic text not null, partition integer not null, log_id text not null, began integer not null, next integer not null,
    time_ms integer not null, heartbeats integer not null default 0,
    read integer not null default 0, applied integer not null default 0, duplicate integer not null default 0,
    late integer not null default 0, skipped integer not null default 0, dead integer not null default 0,
    primary key (reader, topic, partition)
  ) strict, without rowid;
`

/** For stores made before what expired was booked. */
export const EXPIRED_SCHEMA = 'alter table places add column expired integer not null default 0;'

/** The places of one reader, in the store that holds its effect. */
export function placesIn(db: DatabaseSync, reader: string) {
  const update = db.prepare(`update places set next = ?, time_ms = ?, heartbeats = heartbeats + ?, read = read + ?, applied = applied + ?,
    duplicate = duplicate + ?, late = late + ?, skipped = skipped + ?, dead = dead + ? where reader = ? and topic = ? and partition = ? and next = ?`)
  const insert = db.prepare(
    'insert or ignore into places (reader, topic, partition, log_id, began, next, time_ms) values (?, ?, ?, ?, ?, ?, -1)',
  )
  const expire = db.prepare(
    'update places set next = ?1, expired = expired + ?1 - next where reader = ?2 and topic = ?3 and partition = ?4 and next = ?5',
  )
  const bury = db.prepare('update places set applied = applied - 1, dead = dead + 1 where reader = ? and topic = ? and partition = ?')
  const placeMoved = ({ topic, partition, from }: Pick<Move, 'topic' | 'partition' | 'from'>) =>
    new FlowGuardError('place_moved', `${reader}: ${topic}-${partition} no longer stands at ${from}`)
  return {
    standings: () => standingsIn(db).filter((each) => each.reader === reader),
    /** A partition that this reader has never read begins at `next`. */
    begin(logId: string, { topic, partition, next }: Place) {
      insert.run(reader, topic, partition, logId, next, next)
    },
    /** Inside the transaction of the effect. Throws `place_moved` where another reader has moved it meanwhile. */
    move(move: Move) {
      const { topic, partition, from, next, timeMs, heartbeats, tally: t } = move
      const { changes } = update.run(
        next,
        timeMs,
        heartbeats,
        t.read,
        t.applied,
        t.duplicate,
        t.late,
        t.skipped,
        t.dead,
        reader,
        topic,
        partition,
        from,
      )
      if (Number(changes) !== 1) throw placeMoved(move)
    },
    /** Inside a transaction: behind what was lost, which is booked. Throws `place_moved` as `move` does. */
    expire(stretch: Expired) {
      const { topic, partition, from, to } = stretch
      if (Number(expire.run(to, reader, topic, partition, from).changes) !== 1) throw placeMoved(stretch)
    },
    /** A record that was counted as applied, and was to be tried again, is dead after all. Inside the transaction that buries it. */
    buried({ topic, partition }: Pick<Place, 'topic' | 'partition'>) {
      bury.run(reader, topic, partition)
    },
  }
}

/** Every reader's standing in this store. */
export function standingsIn(db: DatabaseSync): Standing[] {
  return db
    .prepare(
      `select reader, topic, partition, log_id as logId, began, expired, next, time_ms as timeMs, heartbeats, read, applied, duplicate, late, skipped, dead
       from places order by reader, topic, partition`,
    )
    .all() as unknown as Standing[]
}
