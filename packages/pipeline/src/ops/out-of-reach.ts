import { ATTRIBUTED, RAW_TOPICS, type Topic } from '@flowguard/contract'
import type { Stores } from './stores.ts'
import { iso, isRaw } from './topics.ts'

export interface OutOfReach {
  topic: Topic
  /** Records before the oldest kept. */
  records: number
  /** When the oldest kept was appended, the latest of all partitions that have lost some. */
  until: string | null
}

/** What no reader can get any more of the topics that are loaded, because retention has taken it. */
export function outOfReach(stores: Stores): OutOfReach[] {
  const loaded: readonly Topic[] = [...RAW_TOPICS, ATTRIBUTED]
  return loaded.flatMap((topic) => {
    const log = (isRaw(topic) ? stores.raw : stores.pipeline)?.log
    const trimmed = log?.ends(topic).filter(({ start }) => start > 0) ?? []
    if (!log || trimmed.length === 0) return []
    const records = trimmed.reduce((sum, { start }) => sum + start, 0)
    const times = trimmed.flatMap(({ partition }) => log.oldestMs(topic, partition) ?? [])
    return [{ topic, records, until: iso(times.length > 0 ? Math.max(...times) : null) }]
  })
}
