import { RAW_TOPICS, TOPICS, type RawTopic, type Topic } from '@flowguard/contract'
import type { PartitionUsage } from '../log/log-view.ts'
import type { Stores } from './stores.ts'

export interface TopicInfo {
  topic: Topic
  retention_ms: number
  /** Records kept, over all partitions. */
  records: number
  bytes: number
  partitions: PartitionInfo[]
}

export interface PartitionInfo {
  partition: number
  start: number
  end: number
  records: number
  bytes: number
  oldest_appended: string | null
  newest_appended: string | null
}

/** What each topic holds. A topic whose store has not been made yet holds nothing. */
export function topics(stores: Stores): TopicInfo[] {
  return TOPICS.map((topic) => {
    const store = isRaw(topic) ? stores.raw : stores.pipeline
    const partitions = store?.log.usage(topic).map(infoOf) ?? []
    const sum = (of: (info: PartitionInfo) => number) => partitions.reduce((total, info) => total + of(info), 0)
    return { topic, retention_ms: stores.topics[topic].retentionMs, records: sum((p) => p.records), bytes: sum((p) => p.bytes), partitions }
  })
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
