import type { EventLog, LogRecord } from '../log/event-log.ts'
import type { Batch, LogView } from '../log/log-view.ts'
import type { ErasedPeople } from './erased-list.ts'
import { erasedRaw } from './person.ts'

/**
 * A raw record as it is to be read: one of an erased person says the pseudonym, and no more than the books need; one of another's that tells of them says no more than that
 * either. All others are the very same object.
 */
function erasedRecord(record: LogRecord, logId: string, people: ErasedPeople): LogRecord {
  // Whoever writes to the log of ours gives an event its user as its key.
  const { key } = record
  const pseudonym = key === null || key === '' ? undefined : people.pseudonymOf(key)
  if (pseudonym === undefined && !people.isNamedIn(logId, record)) return record
  const { bytes: _gone, ...rest } = record
  return { ...rest, key: pseudonym ?? key, value: erasedRaw(record.value, pseudonym), memo: null }
}

/** The log for whoever reads it: of those who were erased it keeps its own copy until that expires, and nobody gets to see it. */
export function withoutErased<T extends Pick<EventLog, 'id' | 'read'>>(log: T, people: ErasedPeople | undefined): T {
  if (!people) return log
  return { ...log, read: async (places, limit) => (await log.read(places, limit)).map((record) => erasedRecord(record, log.id, people)) }
}

/** The same for whoever looks at it from beside. */
export function viewWithoutErased<T extends LogView>(view: T, people: ErasedPeople | undefined): T {
  if (!people) return view
  const batchOf = (batch: Batch): Batch => ({
    ...batch,
    records: () => batch.records().map((record) => erasedRecord(record, view.id, people)),
  })
  return {
    ...view,
    batches: (...asked) => each(view.batches(...asked), batchOf),
    batchesBackwards: (...asked) => each(view.batchesBackwards(...asked), batchOf),
    batchesAt: (...asked) => each(view.batchesAt(...asked), batchOf),
    // What was found only in what is not shown was not found.
    find: (topic, partition, text, range) =>
      only(
        each(view.find(topic, partition, text, range), (record) => erasedRecord(record, view.id, people)),
        ({ value }) => value.includes(text),
      ),
  }
}

async function* each<T>(items: AsyncIterable<T>, change: (item: T) => T): AsyncGenerator<T> {
  for await (const item of items) yield change(item)
}

async function* only<T>(items: AsyncIterable<T>, isWanted: (item: T) => boolean): AsyncGenerator<T> {
  for await (const item of items) if (isWanted(item)) yield item
}
