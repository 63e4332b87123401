import type { DeadReason, Topic } from '@flowguard/contract'
import { COUNT_BUCKETS, distribution, LATENCY_BUCKETS, SECONDS_BUCKETS, type Distribution } from './distribution.ts'

export interface ReaderMeasures {
  dead: Record<DeadReason, number>
  batchRecords: Distribution
  /** From the batch that is there to its commit. */
  batchSeconds: Distribution
  /** From the gateway's receipt of an event to the commit of what this reader made of it. */
  latency: Distribution
  /** When it last came back from the log, with records or without, ms of `performance.now()`; undefined while it does not run: it may stand by. */
  turnAt: number | undefined
}

export interface AppendMeasures {
  records: number
  errors: number
  seconds: Distribution
}

/** `unknown`: where the leases are kept does not answer. */
export type LeaseState = 'held' | 'standby' | 'unknown'

/**
 * What this process counts, as plain numbers; monitoring/ makes metrics of them when somebody asks. One set a process, as it has one memory and one processor: so
 * who counts need not be handed anything.
 */
export const measures = {
  readers: new Map<string, ReaderMeasures>(),
  appends: new Map<Topic, AppendMeasures>(),
  /** From the receipt of an order to its answer's being appended. */
  attributed: distribution(LATENCY_BUCKETS),
  relay: {
    isHere: false,
    shipped: 0,
    failures: 0,
    /** From rows that are read to rows that are forgotten. */
    seconds: distribution(SECONDS_BUCKETS),
    /** When the oldest order that is still to be shipped was received, ms since 1970; undefined where there is none. */
    oldestMs: undefined as number | undefined,
  },
  leases: new Map<string, LeaseState>(),
}

export function readerMeasures(reader: string): ReaderMeasures {
  let found = measures.readers.get(reader)
  if (!found) {
    found = {
      dead: { invalid_event: 0, id_conflict: 0, handler_failed: 0 },
      batchRecords: distribution(COUNT_BUCKETS),
      batchSeconds: distribution(SECONDS_BUCKETS),
      latency: distribution(LATENCY_BUCKETS),
      turnAt: undefined,
    }
    measures.readers.set(reader, found)
  }
  return found
}

export function appendMeasures(topic: Topic): AppendMeasures {
  let found = measures.appends.get(topic)
  if (!found) measures.appends.set(topic, (found = { records: 0, errors: 0, seconds: distribution(SECONDS_BUCKETS) }))
  return found
}
