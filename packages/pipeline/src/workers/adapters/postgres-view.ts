import { DEAD, type Topic } from '@flowguard/contract'
import type { Statements } from '../../kernel/postgres.ts'
import type { LogRecord, PartitionEnds } from '../../log/event-log.ts'
import type { Batch, WalkedLog } from '../../log/log-view.ts'
import { laneViewOn } from '../lane-look.ts'
import type { LaneView } from '../lane-view.ts'

/** Letters of one step of a walk over all. */
const LETTERS_COUNT = 500

/** A look at the lane's tables in PostgreSQL: as they are, or as the transaction sees them whose statements these are. Rejects with `store_missing` until they are made. */
export async function postgresLaneView(on: Statements): Promise<LaneView | undefined> {
  const [log] = await on.rows<{ id: string }>('select log_id as id from lane_log')
  return log && laneViewOn((sql, ...values) => on.rows(sql, values), lettersOn(on, log.id))
}

interface Letter {
  offset: number
  appendedAt: number
  key: string
  headers: string
  value: string
}

/** The workers' own dead letters: offsets without gaps, for each transaction holds the ends that it moves. */
function lettersOn(on: Statements, id: string): WalkedLog {
  async function* batches(topic: Topic, partition: number): AsyncGenerator<Batch> {
    for (let [next, isFirst] = [0, true]; ; isFirst = false) {
      const letters = await on.rows<Letter>(LETTERS, [partition, next, LETTERS_COUNT])
      const [first, last] = [letters[0], letters.at(-1)]
      if (!first || !last) return
      const end = last.offset + 1
      const isWhole = end - first.offset === letters.length && (isFirst || first.offset === next)
      yield {
        topic,
        partition,
        offset: first.offset,
        end,
        count: letters.length,
        fault: isWhole ? undefined : `offsets from ${isFirst ? first.offset : next} to ${end} are missing or there twice`,
        records: () => letters.map((letter) => recordOf(letter, topic, partition)),
      }
      next = end
    }
  }
  return {
    id,
    hasGaps: false,
    ends: async (topic) => (topic === DEAD ? on.rows<PartitionEnds>(ENDS) : []),
    batches,
    oldestMs: async (_topic, partition) =>
      (
        await on.rows<{ oldest: number | null }>('select min(appended_at) as oldest from lane_letters where log_partition = $1', [
          partition,
        ])
      )[0]?.oldest ?? undefined,
  }
}

const LETTERS = `
  select log_offset as offset, appended_at as "appendedAt", key, headers, value from lane_letters
  where log_partition = $1 and log_offset >= $2 order by log_offset limit $3`
const ENDS = `
  select e.log_partition as partition, e.next as end,
    coalesce((select min(l.log_offset) from lane_letters l where l.log_partition = e.log_partition), e.next) as start
  from lane_ends e order by e.log_partition`

function recordOf({ headers, ...letter }: Letter, topic: Topic, partition: number): LogRecord {
  return { topic, partition, ...letter, headers: JSON.parse(headers) as LogRecord['headers'], memo: null }
}
