import type { Standing } from '../reader/places.ts'
import { checking, type Check } from './audit-check.ts'
import type { PartitionWalk } from './audit-walk.ts'
import type { Stores } from './stores.ts'

/** For every reader and partition: what it read against what became of it, and against what lies in the log before its place. */
export function placeChecks(stores: Stores, logs: readonly ReadLog[]): Check[] {
  return [fatesCheck(logs.flatMap(({ standings }) => standings)), readCheck(stores, logs)]
}

/** Readers, and what was found in the log that they read. */
interface ReadLog {
  standings: readonly Standing[]
  walks: readonly PartitionWalk[]
}

function fatesCheck(standings: readonly Standing[]): Check {
  const check = checking('read = applied + duplicate + late + skipped + dead')
  let [expected, actual] = [0, 0]
  for (const each of standings) {
    const { read, applied, duplicate, late, skipped, dead } = each
    const sum = applied + duplicate + late + skipped + dead
    expected += read
    actual += sum
    if (sum !== read) check.fault(`${nameOf(each)}: read ${read}, accounted for ${sum}`)
  }
  return check.done({ detail: 'of every reader, partition by partition', expected, actual })
}

function readCheck({ raw }: Stores, logs: readonly ReadLog[]): Check {
  const check = checking('read = in the log before the place')
  let [expected, actual] = [0, 0]
  for (const { each, walks } of logs.flatMap(({ standings, walks }) => standings.map((each) => ({ each, walks })))) {
    actual += each.read
    const walk = walks.find(({ topic, partition }) => topic === each.topic && partition === each.partition)
    if (!walk) {
      check.fault(`${nameOf(each)}: ${raw ? 'the log has no such partition' : 'there is no log of this topic'}`)
      continue
    }
    const found = walk.read.get(each.reader) ?? 0
    expected += found
    if (walk.logId !== each.logId) check.fault(`${nameOf(each)}: it read the log ${each.logId}; this is ${walk.logId}`)
    else if (each.next > walk.end) check.fault(`${nameOf(each)}: it stands at ${each.next}, the log ends at ${walk.end}`)
    else if (found !== each.read) check.fault(`${nameOf(each)}: read ${each.read}, in the log before its place ${found}`)
  }
  return check.done({
    detail: 'of every reader, partition by partition; records that retention has trimmed are counted by their offsets',
    expected,
    actual,
  })
}

function nameOf({ reader, topic, partition }: Standing): string {
  return `${reader} ${topic}-${partition}`
}
