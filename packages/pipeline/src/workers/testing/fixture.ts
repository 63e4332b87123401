import { join } from 'node:path'
import { GENERAL } from '@flowguard/contract'
import { silentLogger } from '../../kernel/logging.ts'
import { transaction } from '../../kernel/sqlite.ts'
import { openLaneStore } from '../../lane-store.ts'
import type { LogRecord } from '../../log/event-log.ts'
import type { Fate } from '../../reader/loop.ts'
import { noTally, placesIn } from '../../reader/places.ts'
import { deadLetters, START, temporaryFolder, TOPICS } from '../../reader/testing/fixture.ts'
import { enrich, type Work } from '../enrich.ts'
import { laneProcessor, WORKERS } from '../processor.ts'

export const RECEIVED = new Date(START).toISOString()

/** A lane's store in a folder of its own, on a clock that a test moves. */
export function laneMachine() {
  const folder = temporaryFolder()
  let now = START
  const clock = () => now
  const store = openLaneStore(join(folder.path, 'lane.db'), TOPICS, clock)
  return {
    folder: folder.path,
    store,
    clock,
    pass: (ms: number) => (now += ms),
    letters: () => deadLetters(store.lane),
    rows: (sql: string) =>
      store.db
        .prepare(sql)
        .all()
        .map((row) => ({ ...row })),
    [Symbol.dispose]() {
      store[Symbol.dispose]()
      folder[Symbol.dispose]()
    },
  }
}

export type LaneMachine = ReturnType<typeof laneMachine>

/** One worker without its loop: applies records as the loop does, and tries again when it is told to. */
export function processing({ store, clock }: LaneMachine, work: Work = enrich) {
  const { handler, retryDue } = laneProcessor({ store, worker: 'w1', work, clock, random: () => 1, logger: silentLogger })
  const places = placesIn(store.db, WORKERS)
  places.begin('log', { topic: GENERAL, partition: 0, next: 0 })
  return {
    retryDue,
    apply: (...batch: LogRecord[]): readonly Fate[] => {
      const standings = places.standings()
      handler.load(standings)
      return transaction(store.db, () => {
        const fates = handler.apply(batch)
        const from = standings[0]!.next
        const tally = { ...noTally(), read: batch.length }
        for (const fate of fates) tally[typeof fate === 'string' ? fate : 'dead'] += 1
        places.move({
          topic: GENERAL,
          partition: 0,
          from,
          next: from + batch.length,
          timeMs: handler.timeOf(GENERAL, 0),
          heartbeats: 0,
          tally,
        })
        return fates
      })
    },
    tally: () => places.standings()[0]!,
  }
}

let offset = 0

/** A record of partition 0, as the gateway writes it. Its content is what is in it. */
export function general(fields: Record<string, unknown> & { event_id: string }): LogRecord {
  const event = { event_type: 'custom', received_at: RECEIVED, is_bot: false, ts: START, ...fields }
  const key = (fields['user_id'] as string | undefined) ?? fields.event_id
  const headers = { content_hash: JSON.stringify(fields) }
  return { topic: GENERAL, partition: 0, offset: offset++, key, value: JSON.stringify(event), headers, appendedAt: START }
}
