import type { Standing } from '../reader/places.ts'
import { checking, type Check } from './audit-check.ts'
import { takenBefore, type PartitionWalk } from './audit-walk.ts'
import type { Looked } from './stores.ts'
import { logOf } from './topics.ts'

/** For every reader and partition: what it read against what became of it, and against what lies in the log before its place. */
export function placeChecks(at: Looked, logs: readonly ReadLog[]): Check[] {
  const read = logs.flatMap(({ standings, walks }) =>
    standings.map((each): Read => ({
      each,
      walk: walks.find(({ topic, partition }) => topic === each.topic && partition === each.partition),
    })),
  )
  return [fatesCheck(logs.flatMap(({ standings }) => standings)), readCheck(at, read), ...expiredCheck(read)]
}

/** Where Flink answers: what was taken over from it against what lies in the topics that it writes. */
export function importCheck(importing: readonly Standing[], walks: readonly PartitionWalk[]): Check[] {
  if (importing.length === 0) return []
  const check = checking('rows of Flink = rows of its topics here')
  let [expected, actual] = [0, 0]
  for (const each of importing) {
    const end = walks.find(({ topic, partition }) => topic === each.topic && partition === each.partition)?.end ?? 0
    expected += each.applied
    actual += end
    if (each.applied !== end) check.fault(`${nameOf(each)}: ${each.applied} taken over, ${end} here`)
  }
  return [check.done({ detail: 'partition by partition; none by anybody else, and none twice', expected, actual })]
}

interface Read {
  each: Standing
  walk: PartitionWalk | undefined
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

function readCheck(at: Looked, read: readonly Read[]): Check {
  const check = checking('read = in the log before the place')
  let [expected, actual, beyond] = [0, 0, 0]
  for (const { each, walk } of read) {
    actual += each.read
    if (!walk) {
      check.fault(`${nameOf(each)}: ${logOf(at, each.topic) ? 'the log has no such partition' : 'there is no log of this topic'}`)
      continue
    }
    const found = walk.read.get(each.reader) ?? 0
    // Of what retention has taken from a log with gaps, only how many it can have been at most is known.
    const taken = walk.hasGaps ? takenBefore(walk.start, each) : 0
    if (taken > 0) beyond += 1
    expected += Math.min(Math.max(each.read, found), found + taken)
    if (walk.logId !== each.logId) check.fault(`${nameOf(each)}: it read the log ${each.logId}; this is ${walk.logId}`)
    else if (each.next > walk.end) check.fault(`${nameOf(each)}: it stands at ${each.next}, the log ends at ${walk.end}`)
    else if (each.read < found || each.read > found + taken)
      check.fault(
        `${nameOf(each)}: read ${each.read}, in the log before its place ${found}${taken > 0 ? ` and at most ${taken} that retention has taken` : ''}`,
      )
  }
  const trimmed =
    beyond > 0
      ? `of ${beyond} of them retention has taken a stretch whose records cannot be counted any more`
      : 'records that retention has trimmed are counted by their offsets'
  return check.done({ detail: `of every reader, partition by partition; ${trimmed}`, expected, actual })
}

/**
 * What the log deleted before a reader had read it: said only where there is any. What is booked is accounted for; a reader that stands before where its log begins
 * has yet to book it, which is looked for only where an engine deletes by itself, which is one with gaps: of any other we delete behind the readers, who may have
 * moved on between the look at their places and that at the log.
 */
function expiredCheck(read: readonly Read[]): Check[] {
  const check = checking('expired before it was read = booked')
  const booked = new Map<string, number>()
  let [expected, actual] = [0, 0]
  for (const { each, walk } of read) {
    if (each.expired > 0) booked.set(nameOf(each), each.expired)
    const lost = walk?.hasGaps ? Math.max(0, walk.start - each.next) : 0
    expected += each.expired + lost
    actual += each.expired
    if (lost > 0) check.fault(`${nameOf(each)}: expired: it stands at ${each.next}, the log begins at ${walk?.start}`)
  }
  if (expected === 0) return []
  const places = [...booked].map(([name, count]) => `${name} ${count}`)
  const detail = `offsets that the log deleted unread${places.length > 0 ? `: ${places.join(', ')}` : ''}`
  return [check.done({ detail, expected, actual })]
}

function nameOf({ reader, topic, partition }: Standing): string {
  return `${reader} ${topic}-${partition}`
}
