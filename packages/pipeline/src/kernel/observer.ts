import type { DeadReason, Topic } from '@flowguard/contract'
import type { Clock, Part } from './lifecycle.ts'
import { readerMeasures } from './measures.ts'
import { sampleAges } from './received.ts'
import { tracing, type Tracing } from './telemetry.ts'

/** What an observer looks at of a record. */
export interface SeenRecord {
  topic: Topic
  partition: number
  offset: number
  value: string
  headers: Readonly<Record<string, string>>
}

type TracedRecord = Omit<SeenRecord, 'value'>
type Fate = string | { dead: DeadReason }

export interface ReaderObserver {
  /** It begins, or is back from the log, with records or without. */
  turn: () => void
  /** It has ended, and nobody is to wait for it to come back. */
  rest: () => void
  /** A batch is committed. `startedAt`, ms of `performance.now()`: when it was there to be worked off. */
  batch(records: readonly SeenRecord[], fates: readonly Fate[], startedAt: number): void
  /** A record that was to be tried again is dead after all. */
  died(reason: DeadReason): void
  /** For a batch that is made ready piece by piece, and committed later. */
  gather(): Gathered
}

export interface Gathered {
  add(records: readonly SeenRecord[]): void
  /** As `batch` of the observer, for all that was added. */
  committed(startedAt: number): void
}

/** The part, observed while it runs: at rest it is not silent. */
export function observed({ turn, rest }: Pick<ReaderObserver, 'turn' | 'rest'>, part: Part): Part {
  return async (signal) => {
    turn()
    try {
      await part(signal)
    } finally {
      rest()
    }
  }
}

/** Counts what a reader does, and tells the traces of it: one call a batch. Several readers of one name in a process count together. */
export function observeReader(reader: string, clock: Clock): ReaderObserver {
  const own = readerMeasures(reader)
  const noted = (records: number, startedAt: number) => {
    own.batchRecords.observe(records)
    own.batchSeconds.observe((performance.now() - startedAt) / 1_000)
  }
  return {
    turn() {
      own.turnAt = performance.now()
    },
    rest() {
      own.turnAt = undefined
    },
    batch(records, fates, startedAt) {
      noted(records.length, startedAt)
      for (const fate of fates) if (typeof fate !== 'string') own.dead[fate.dead] += 1
      sampleAges(records, clock(), own.latency.observe)
      if (tracing.now) trace(tracing.now, reader, records, fates, startedAt)
    },
    died(reason) {
      own.dead[reason] += 1
    },
    gather() {
      const sampled: { receivedMs: number; count: number }[] = []
      const traced: TracedRecord[] = []
      let records = 0
      return {
        add(more) {
          records += more.length
          const now = clock()
          sampleAges(more, now, (seconds, count) => sampled.push({ receivedMs: now - seconds * 1_000, count }))
          // What is written of them may lie on the disk, and not in memory: no more is kept than a trace tells.
          if (tracing.now) for (const { topic, partition, offset, headers } of more) traced.push({ topic, partition, offset, headers })
        },
        committed(startedAt) {
          noted(records, startedAt)
          const now = clock()
          for (const { receivedMs, count } of sampled) own.latency.observe((now - receivedMs) / 1_000, count)
          if (tracing.now) trace(tracing.now, reader, traced, [], startedAt)
        },
      }
    },
  }
}

function trace(traces: Tracing, reader: string, records: readonly TracedRecord[], fates: readonly Fate[], startedAt: number): void {
  const endedAt = performance.now()
  records.forEach(({ topic, partition, offset, headers }, at) => {
    const fate = fates[at]
    traces.work(`${reader} ${topic}`, headers['traceparent'], {
      kind: 'consumer',
      startedAt,
      endedAt,
      attributes: {
        'messaging.destination.name': topic,
        'messaging.destination.partition.id': String(partition),
        'messaging.message.id': `${topic}-${partition}-${offset}`,
        'flowguard.reader': reader,
        'flowguard.fate': typeof fate === 'object' ? fate.dead : fate,
      },
    })
  })
}
