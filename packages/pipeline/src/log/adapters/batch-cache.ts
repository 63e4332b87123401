import type { Topic } from '@flowguard/contract'
import type { LogRecord } from '../event-log.ts'

/** Of the bodies; decoded they take several times that. */
const BYTES_MAX = 8 * 1024 * 1024

/** A row of the log, decoded. `next` is the offset behind it. */
export interface DecodedBatch {
  offset: number
  next: number
  records: readonly LogRecord[]
}

interface Kept {
  batch: DecodedBatch
  bytes: number
  /** How often it was read to its end. */
  passes: number
}

/**
 * Decoded rows that not all readers of this process have passed, so that those which run close to each other share the decoding. Each keeps its own place
 * and pace: who lags further than this reaches back reads by itself, and what it reads is not kept beside newer rows of the partition. `readersCount` says how many
 * share a topic.
 */
export function batchCache(readersCount: (topic: Topic) => number) {
  const partitions = new Map<string, Kept[]>()
  let bytes = 0

  /** The oldest of the partition that keeps the most. */
  function drop() {
    let longest: Kept[] = []
    for (const kept of partitions.values()) if (kept.length > longest.length) longest = kept
    bytes -= (longest.shift() as Kept).bytes
  }

  return {
    /** The row that holds the offset. */
    find(topic: Topic, partition: number, offset: number): DecodedBatch | undefined {
      return partitions.get(`${topic}/${partition}`)?.find(({ batch }) => batch.offset <= offset && offset < batch.next)?.batch
    },
    /** The newest rows only: nobody who is level needs older ones. */
    add(topic: Topic, partition: number, batch: DecodedBatch, bodyBytes: number): void {
      const key = `${topic}/${partition}`
      let kept = partitions.get(key)
      if (!kept) partitions.set(key, (kept = []))
      const newest = kept.at(-1)
      if (newest && newest.batch.next > batch.offset) return
      kept.push({ batch, bytes: bodyBytes, passes: 0 })
      bytes += bodyBytes
      while (bytes > BYTES_MAX) drop()
    },
    /** A reader has read the row to its end. */
    passed(topic: Topic, partition: number, batch: DecodedBatch): void {
      const kept = partitions.get(`${topic}/${partition}`)
      const at = kept?.findIndex((each) => each.batch === batch) ?? -1
      const found = kept?.[at]
      if (!kept || !found || ++found.passes < readersCount(topic)) return
      // Whoever passes it has passed those before.
      for (const { bytes: freed } of kept.splice(0, at + 1)) bytes -= freed
    },
  }
}
