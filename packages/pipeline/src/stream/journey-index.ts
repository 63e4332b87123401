import type { DatabaseSync } from 'node:sqlite'
import type { ATTRIBUTED, SESSIONS, Topic } from '@flowguard/contract'
import { hash128, type Hash128 } from '../kernel/hash.ts'
import type { PartitionEnds, Position } from '../log/event-log.ts'

/** Where in the derived topics a user's sessions and attributed orders lie, for as long as these keep them. */
export const JOURNEYS_SCHEMA = `
  create table if not exists journeys (
    user_hash integer not null, ts integer not null, topic text not null, partition integer not null, position integer not null,
    primary key (user_hash, ts, topic, partition, position)
  ) strict, without rowid;
  create index if not exists journeys_by_place on journeys (topic, partition, position);
`

/** What a journey is made of. */
export type JourneyTopic = typeof SESSIONS | typeof ATTRIBUTED

/** 53 bits, so that it is a whole number: who looks compares the user as well. */
export function userHash(userId: string): number {
  const hash: Hash128 = new Uint32Array(4)
  hash128(userId, hash)
  return (hash[0]! & 0x1fffff) * 2 ** 32 + hash[1]!
}

/** Written in the transaction of what it leads to. */
export function journeyIndexIn(db: DatabaseSync) {
  const insert = db.prepare('insert or ignore into journeys values (?, ?, ?, ?, ?)')
  const remove = db.prepare('delete from journeys where topic = ? and partition = ? and position < ?')
  return {
    note: (userId: string, ts: number, { topic, partition, offset }: Position) =>
      void insert.run(userHash(userId), ts, topic, partition, offset),
    /** Forgets what the topic no longer keeps. */
    forget(topic: Topic, ends: readonly PartitionEnds[]) {
      for (const { partition, start } of ends) remove.run(topic, partition, start)
    },
  }
}

export type JourneyIndex = ReturnType<typeof journeyIndexIn>
