import { ATTRIBUTED, RAW_TOPICS, type Topic } from '@flowguard/contract'
import type { Stores } from './stores.ts'
import { iso, logOf } from './topics.ts'

export interface OutOfReach {
  topic: Topic
  /** Records before the oldest kept; of a log with gaps, so many at most. */
  records: number
  /** When the oldest kept was appended, the latest of all partitions that have lost some. */
  until: string | null
}

/** What no reader can get any more of the topics that are loaded, because retention has taken it. */
export async function outOfReach(stores: Stores): Promise<OutOfReach[]> {
  const at = await stores.look()
  const lost: OutOfReach[] = []
  for (const topic of [...RAW_TOPICS, ATTRIBUTED] as const) {
    const log = logOf(at, topic)
    const trimmed = (await log?.ends(topic))?.filter(({ start }) => start > 0) ?? []
    if (!log || trimmed.length === 0) continue
    const times = await Promise.all(trimmed.map(({ partition }) => log.oldestMs(topic, partition)))
    const known = times.filter((time) => time !== undefined)
    const records = trimmed.reduce((sum, { start }) => sum + start, 0)
    lost.push({ topic, records, until: iso(known.length > 0 ? Math.max(...known) : null) })
  }
  return lost
}
