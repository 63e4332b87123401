import type { Topic } from '@flowguard/contract'
import type { PartitionEnds } from './event-log.ts'
import type { Batch, LogView } from './log-view.ts'

/** A log of these topics as it stands now: its ends are remembered, and no walk goes further. For engines that keep no moment for whoever looks. */
export async function asOfNow(log: LogView, topics: readonly Topic[]): Promise<LogView> {
  const ends = new Map<Topic, readonly PartitionEnds[]>()
  for (const topic of topics) ends.set(topic, await log.ends(topic))
  const endOf = (topic: Topic, partition: number) => ends.get(topic)?.find((each) => each.partition === partition)?.end ?? 0

  return {
    id: log.id,
    hasGaps: log.hasGaps,
    partitions: (topic) => log.partitions(topic),
    ends: async (topic) => ends.get(topic) ?? [],
    usage: (topic) => log.usage(topic),
    batches: (topic, partition) => before(endOf(topic, partition), log.batches(topic, partition)),
    batchesBackwards: (topic, partition) => earlier(topic, partition, Infinity),
    batchesAt: (topic, partition, offset, direction) =>
      direction === 'later'
        ? before(endOf(topic, partition), log.batchesAt(topic, partition, offset, direction))
        : earlier(topic, partition, offset),
    offsetSince: async (topic, partition, ms) => Math.min(endOf(topic, partition), await log.offsetSince(topic, partition, ms)),
    oldestMs: (topic, partition) => log.oldestMs(topic, partition),
    async *find(topic, partition, text, range) {
      for await (const record of log.find(topic, partition, text, range)) if (record.offset < endOf(topic, partition)) yield record
    },
  }

  async function* earlier(topic: Topic, partition: number, offset: number): AsyncGenerator<Batch> {
    const end = endOf(topic, partition)
    for await (const batch of log.batchesAt(topic, partition, Math.min(offset, end - 1), 'earlier')) {
      const kept = cut(batch, end)
      if (kept) yield kept
    }
  }
}

async function* before(end: number, batches: AsyncIterable<Batch>): AsyncGenerator<Batch> {
  for await (const batch of batches) {
    const kept = cut(batch, end)
    if (kept) yield kept
    if (batch.end >= end) return
  }
}

/** What of a batch lies before `end`; undefined where nothing does. */
function cut(batch: Batch, end: number): Batch | undefined {
  if (batch.end <= end) return batch
  const records = batch.fault === undefined ? batch.records().filter(({ offset }) => offset < end) : []
  const last = records.at(-1)
  if (!last) return undefined
  return { ...batch, count: records.length, end: last.offset + 1, records: () => records }
}
