import { ATTRIBUTED, type Topic } from '@flowguard/contract'
import type { Clock } from '../kernel/lifecycle.ts'
import { appendMeasures, measures, type AppendMeasures } from '../kernel/measures.ts'
import { sampleAges } from '../kernel/received.ts'
import { tracing } from '../kernel/telemetry.ts'
import type { EventLog, NewRecord, Place, TransactionalLog } from './event-log.ts'

/** The same log; what is appended to it is counted, and told to the traces. */
export function measured(log: EventLog): EventLog {
  const byTopic = new Map<Topic, AppendMeasures>()
  const of = (topic: Topic) => {
    let found = byTopic.get(topic)
    if (!found) byTopic.set(topic, (found = appendMeasures(topic)))
    return found
  }
  return {
    get id() {
      return log.id
    },
    partitions: (topic) => log.partitions(topic),
    read: (places, limit) => log.read(places, limit),
    ends: (topic) => log.ends(topic),
    trim: (topic, limits) => log.trim(topic, limits),
    ...(log.noteRead && { noteRead: (reader: string, places: readonly Place[]) => log.noteRead?.(reader, places) }),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
    append(topic, records) {
      const startedAt = performance.now()
      const appended = log.append(topic, records)
      appended.then(
        () => noted(of(topic), topic, records, startedAt),
        (error: unknown) => {
          of(topic).errors += 1
          trace(topic, records, startedAt, performance.now(), error)
        },
      )
      return appended
    },
  }
}

/** The same for what commits with a reader's own transaction. What a transaction that failed had appended is counted too. */
export function measuredDerived(log: TransactionalLog, clock: Clock): TransactionalLog {
  const appendNow: TransactionalLog['appendNow'] = (topic, records) => {
    const startedAt = performance.now()
    const positions = log.appendNow(topic, records)
    if (records.length === 0) return positions
    noted(appendMeasures(topic), topic, records, startedAt)
    if (topic === ATTRIBUTED) sampleAges(records, clock(), measures.attributed.observe)
    return positions
  }
  return Object.assign(measured(log), { appendNow })
}

function noted(own: AppendMeasures, topic: Topic, records: readonly NewRecord[], startedAt: number): void {
  const endedAt = performance.now()
  own.records += records.length
  own.seconds.observe((endedAt - startedAt) / 1_000)
  if (tracing.now) trace(topic, records, startedAt, endedAt)
}

/** Once for all records of one request. */
function trace(topic: Topic, records: readonly NewRecord[], startedAt: number, endedAt: number, error?: unknown): void {
  const traces = tracing.now
  if (!traces) return
  const attributes = { 'messaging.destination.name': topic }
  for (const traceparent of new Set(records.map(({ headers }) => headers['traceparent']))) {
    traces.work(`append ${topic}`, traceparent, { kind: 'producer', startedAt, endedAt, attributes, error })
  }
}
