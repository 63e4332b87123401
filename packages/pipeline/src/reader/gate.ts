import type { DatabaseSync } from 'node:sqlite'
import { LATENESS_MS, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import type { TopicSpecs } from '../log/topics.ts'
import { checkedOf, type RawEvent } from './checked.ts'
import type { Fate, Standing } from './places.ts'
import { seenIn, type Seen } from './seen.ts'

/** A record as a reader of the raw topics meets it: to be worked off, or already decided. `late` comes with how far behind it is. */
export type Passed =
  | { kind: 'event'; event: RawEvent }
  | { kind: 'late'; event: RawEvent; behindMs: number }
  | { kind: 'decided'; fate: Fate }

const SKIPPED: Passed = { kind: 'decided', fate: 'skipped' }
const DUPLICATE: Passed = { kind: 'decided', fate: 'duplicate' }

/**
 * What every reader of the raw topics does first: check, move time, recognise repeats, tell what is late. All of it hangs on the log alone,
 * so that each reader, on its own, comes to the same answer.
 */
export function gateIn(db: DatabaseSync, reader: string, topics: TopicSpecs) {
  const seen = new Map<Topic, Seen>(TIMED_TOPICS.map((topic) => [topic, seenIn(db, `${reader}/${topic}`, topics[topic].retentionMs)]))
  const times = new Map<Topic, number[]>()
  /** When the last record read from each partition was appended. */
  const appended = new Map<Topic, number[]>()

  return {
    load(standings: readonly Standing[]) {
      for (const topic of TIMED_TOPICS) {
        times.set(topic, new Array<number>(topics[topic].partitions).fill(-Infinity))
        appended.set(topic, new Array<number>(topics[topic].partitions).fill(-Infinity))
      }
      for (const { topic, partition, timeMs } of standings) if (timeMs >= 0) times.get(topic)![partition] = timeMs
      for (const each of seen.values()) each.load()
    },
    pass(record: LogRecord): Passed {
      const { topic, partition, appendedAt } = record
      appended.get(topic)![partition] = appendedAt
      const checked = checkedOf(record)
      if (checked.kind === 'invalid') return { kind: 'decided', fate: checked.fate }
      const partitionTimes = times.get(topic)!
      const behindMs = partitionTimes[partition]! - checked.event.ts
      if (behindMs < 0) partitionTimes[partition] = checked.event.ts
      if (checked.kind === 'heartbeat') return SKIPPED
      const { event, identity } = checked
      const verdict = seen.get(topic)!.check(identity, appendedAt)
      if (verdict === 'same') return DUPLICATE
      if (verdict === 'other') {
        return { kind: 'decided', fate: { dead: 'id_conflict', detail: `event_id ${event.event_id} came before with another content` } }
      }
      return behindMs > LATENESS_MS ? { kind: 'late', event, behindMs } : { kind: 'event', event }
    },
    timeOf: (topic: Topic, partition: number) => times.get(topic)![partition]!,
    /** The stream's watermark: every event before it has been read. -Infinity until each partition has said a time. */
    watermark: () => Math.min(...[...times.values()].flat()) - LATENESS_MS,
    /**
     * Writes the new ids, before the transaction commits; forgets those that are older than what the topic keeps, seen from the partition that is the
     * furthest behind. By the log's time, not the clock's: a reader that has days to catch up must know their repeats as the others did.
     */
    write() {
      for (const [topic, each] of seen) {
        each.write()
        each.expire(Math.min(...appended.get(topic)!) - topics[topic].retentionMs)
      }
    },
  }
}

export type Gate = ReturnType<typeof gateIn>
