import type { DatabaseSync } from 'node:sqlite'
import type { Topic } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import { guarded } from '../kernel/sqlite.ts'
import { standingsIn, type Standing } from './places.ts'
import { readersOf, type ReaderSpec } from './readers.ts'

/**
 * The offset in each partition that every reader of the topic has passed; 0 where one has yet to begin. A topic without readers is passed to its end.
 * `stores` are those in which readers keep their places, where they are there already; `log` is where the topic lies, if it is one that several have.
 */
export function passedIn(
  stores: readonly (DatabaseSync | undefined)[],
  topic: Topic,
  partitions: number,
  log?: ReaderSpec['log'],
): ReadonlyMap<number, number> {
  return passedBy(
    stores.flatMap((db) => (db ? standingsOrNone(db) : [])),
    topic,
    partitions,
    log,
  )
}

/** The same, of readers' standings. */
export function passedBy(
  standings: readonly Standing[],
  topic: Topic,
  partitions: number,
  log?: ReaderSpec['log'],
): ReadonlyMap<number, number> {
  const specs: readonly ReaderSpec[] = readersOf(standings)
  const readers = specs.filter((each) => each.topics.includes(topic) && each.log === log).map((each) => each.name)
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
    return guarded(db.location() ?? 'the places', () => standingsIn(db))
  } catch (error) {
    // Its owner is only just making its tables.
    if (hasCode(error, 'store_missing')) return []
    throw error
  }
}
