import { GENERAL, RAW_TOPICS, TOPICS, type RawTopic, type Topic } from '@flowguard/contract'
import type { LogView, PartitionUsage } from '../log/log-view.ts'
import type { Looked, Stores } from './stores.ts'

export interface TopicInfo {
  topic: Topic
  retention_ms: number
  /** Records kept, over all partitions. */
  records: number
  /** Null where the log's engine does not say. */
  bytes: number | null
  partitions: PartitionInfo[]
}

export interface PartitionInfo {
  partition: number
  start: number
  end: number
  records: number
  bytes: number | null
  oldest_appended: string | null
  newest_appended: string | null
}

/** What each topic holds. A topic whose store has not been made yet holds nothing. */
export async function topics(stores: Stores): Promise<TopicInfo[]> {
  const at = await stores.look()
  return Promise.all(
    TOPICS.map(async (topic) => {
      const partitions = (await logOf(at, topic)?.usage(topic))?.map(infoOf) ?? []
      const sum = (of: (info: PartitionInfo) => number) => partitions.reduce((total, info) => total + of(info), 0)
      const isKnown = partitions.every(({ bytes }) => bytes !== null)
      return {
        topic,
        retention_ms: stores.topics[topic].retentionMs,
        records: sum((p) => p.records),
        bytes: isKnown ? sum((p) => p.bytes ?? 0) : null,
        partitions,
      }
    }),
  )
}

/** The log in which a topic lies; undefined where it has yet to be made. */
export function logOf({ pipeline, raw, events }: Pick<Looked, 'pipeline' | 'raw' | 'events'>, topic: Topic): LogView | undefined {
  return topic === GENERAL ? events : isRaw(topic) ? raw : pipeline?.log
}

export function isRaw(topic: string): topic is RawTopic {
  return (RAW_TOPICS as readonly string[]).includes(topic)
}

function infoOf({ partition, start, end, records, bytes, oldestMs, newestMs }: PartitionUsage): PartitionInfo {
  return { partition, start, end, records, bytes, oldest_appended: iso(oldestMs), newest_appended: iso(newestMs) }
}

export function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
