import type { DatabaseSync } from 'node:sqlite'
import { ATTRIBUTED, METRICS, parseTimestamp, SESSIONS, type AttributedEvent, type Session } from '@flowguard/contract'
import type { LogRecord, Position, TransactionalLog } from '../../log/event-log.ts'
import type { Handler } from '../../reader/loop.ts'
import { journeyIndexIn } from '../journey-index.ts'

/** What Flink writes. */
export const FLINK_TOPICS = [ATTRIBUTED, METRICS, SESSIONS] as const

/** Takes over the rows that Flink has committed, partition by partition, so that whoever reads the derived topics finds them where the embedded stream would have put them. */
export function flinkImporting(db: DatabaseSync, derived: TransactionalLog): Handler {
  const journeys = journeyIndexIn(db)

  function note({ topic, value }: LogRecord, at: Position): void {
    if (topic === SESSIONS) {
      const { user_id, started_at } = JSON.parse(value) as Session
      journeys.note(user_id, timeOf(started_at), at)
    } else if (topic === ATTRIBUTED) {
      const { user_id, timestamp, click } = JSON.parse(value) as AttributedEvent
      if (click) journeys.note(user_id, timeOf(timestamp), at)
    } else JSON.parse(value)
  }

  return {
    load() {},
    apply(batch) {
      for (const topic of FLINK_TOPICS) {
        const records = batch.filter((each) => each.topic === topic)
        if (records.length === 0) continue
        const positions = derived.appendNow(
          topic,
          records.map(({ key, value, headers, partition }) => ({ key: key ?? '', value, headers, partition })),
        )
        records.forEach((record, at) => note(record, positions[at] as Position))
      }
      return batch.map(() => 'applied')
    },
    timeOf: () => -Infinity,
  }
}

function timeOf(text: string): number {
  const ts = parseTimestamp(text)
  if (ts === undefined) throw new Error(`${JSON.stringify(text)} is no time`)
  return ts
}
