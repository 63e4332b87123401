import type { DatabaseSync } from 'node:sqlite'
import { DEAD, type DeadLetter } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import type { Standing } from '../reader/places.ts'
import { checking, type Check } from './audit-check.ts'
import { isTrimmed, type PartitionWalk } from './audit-walk.ts'

/** Dead letters against what the readers say they buried, and late events likewise. */
export function deadBooks(standings: readonly Standing[]) {
  const ids = new Set<string>()
  const counts = new Map<string, number>()
  const twice: string[] = []

  function visit({ value }: LogRecord) {
    const { dead_id: id, reader, topic, partition } = JSON.parse(value) as DeadLetter
    if (ids.has(id)) twice.push(id)
    ids.add(id)
    const key = `${reader} ${topic}-${partition}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }

  function deadCheck(walks: readonly PartitionWalk[]): Check {
    const check = checking('dead letters = counted as dead')
    const trimmed = isTrimmed(walks, DEAD)
    const counted = new Map(standings.map(({ reader, topic, partition, dead }) => [`${reader} ${topic}-${partition}`, dead]))
    for (const id of twice) check.fault(`${id}: written twice`)
    for (const key of new Set([...counted.keys(), ...counts.keys()])) {
      const [dead, letters] = [counted.get(key) ?? 0, counts.get(key) ?? 0]
      if (trimmed ? letters > dead : letters !== dead) check.fault(`${key}: counted ${dead}, letters ${letters}`)
    }
    const sum = (of: Iterable<number>) => [...of].reduce((total, each) => total + each, 0)
    const detail = trimmed ? 'by reader and partition; letters beyond retention are no longer counted' : 'by reader and partition'
    return check.done({ detail, expected: sum(counted.values()), actual: sum(counts.values()) })
  }

  return {
    visit,
    hasLetter: (deadId: string) => ids.has(deadId),
    /** Whether the reader buried this record. */
    has: (reader: string, { topic, partition, offset }: { topic: string; partition: number; offset: number }) =>
      ids.has(`${reader}/${topic}-${partition}-${offset}`),
    checks: (db: DatabaseSync, walks: readonly PartitionWalk[]): Check[] => [deadCheck(walks), lateCheck(db, standings)],
  }
}

export type DeadBooks = ReturnType<typeof deadBooks>

function lateCheck(db: DatabaseSync, standings: readonly Standing[]): Check {
  const check = checking('late events kept = counted as late')
  const rows = db.prepare('select topic, partition, count(*) as kept from late_events group by topic, partition').all() as {
    topic: string
    partition: number
    kept: number
  }[]
  const kept = new Map(rows.map((row) => [`${row.topic}-${row.partition}`, row.kept]))
  let [expected, actual] = [0, 0]
  for (const { topic, partition, late } of standings.filter(({ reader }) => reader === 'stream')) {
    const found = kept.get(`${topic}-${partition}`) ?? 0
    expected += late
    actual += found
    if (found !== late) check.fault(`stream ${topic}-${partition}: counted ${late}, kept ${found}`)
  }
  return check.done({ detail: 'by partition, until reconciliation settles them', expected, actual })
}
