import type { DatabaseSync } from 'node:sqlite'
import type { Topic } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import { guarded } from '../kernel/sqlite.ts'
import { standingsIn, type Standing } from './places.ts'
import { READERS } from './readers.ts'

/** The offset in each partition that every reader of the topic has passed; 0 where one has yet to begin. A topic without readers is passed to its end. */
export function passedIn(db: DatabaseSync | undefined, topic: Topic, partitions: number): ReadonlyMap<number, number> {
  const readers = READERS.filter((each) => (each.topics as readonly Topic[]).includes(topic)).map((each) => each.name as string)
  const standings = db ? standingsOrNone(db) : []
  return new Map(
    Array.from({ length: partitions }, (_, partition) => {
      const nexts = readers.map(
        (name) => standings.find((each) => each.reader === name && each.topic === topic && each.partition === partition)?.next ?? 0,
      )
      return [partition, Math.min(Number.MAX_SAFE_INTEGER, ...nexts)]
    }),
  )
}

function standingsOrNone(db: DatabaseSync): Standing[] {
  try {
    return guarded(db.location() ?? 'the pipeline store', () => standingsIn(db))
  } catch (error) {
    // The pipeline is only just making its tables.
    if (hasCode(error, 'store_missing')) return []
    throw error
  }
}
