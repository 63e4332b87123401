import type { Topic } from '@flowguard/contract'
import type { Logger } from '../kernel/logging.ts'
import type { EventLog, Place } from '../log/event-log.ts'

// Our own retention waits for the readers; an engine that deletes by age does not. What such a reader has lost is booked beside its place, and it goes on.

/** A stretch of offsets that the log deleted before a reader had read it: from where the reader stood to where the log begins now. */
export interface Expired {
  topic: Topic
  partition: number
  from: number
  to: number
}

/** Of places that lie before what the log keeps, what is lost. */
export async function expiredAt(log: Pick<EventLog, 'ends'>, places: readonly Place[]): Promise<Expired[]> {
  const topics = [...new Set(places.map(({ topic }) => topic))]
  const starts = new Map(
    await Promise.all(
      topics.map(async (topic) => [topic, new Map((await log.ends(topic)).map(({ partition, start }) => [partition, start]))] as const),
    ),
  )
  return places.flatMap(({ topic, partition, next }) => {
    const start = starts.get(topic)?.get(partition) ?? next
    return start > next ? [{ topic, partition, from: next, to: start }] : []
  })
}

/** Once it is booked. */
export function sayExpired(logger: Logger, reader: string, stretches: readonly Expired[]): void {
  for (const { topic, partition, from, to } of stretches) {
    logger.error(
      { code: 'log_expired', reader, topic, partition, from, to },
      'the log deleted records before they were read: the stretch is booked as expired, and the reader goes on behind it',
    )
  }
}
