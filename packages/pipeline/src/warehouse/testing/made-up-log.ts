import { CLICKS, ORDERS } from '@flowguard/contract'
import type { EventLog, LogRecord } from '../../log/event-log.ts'
import type { Mirror } from '../../loader/mirror.ts'
import type { Feed } from '../../reader/batching.ts'
import { click, order, record } from '../warehouse.conformance.ts'

const TOPICS = [CLICKS, ORDERS] as const

/** A log of so many records, half of them orders; the same whenever it is made. */
export function madeUpFeeds(count: number): Feed[] {
  const at = (topic: (typeof TOPICS)[number]) => {
    const event = topic === ORDERS ? order : click
    return Array.from({ length: count / 2 }, (_, offset) =>
      record(topic, offset, event({ event_id: `${topic}-${offset}`, order_id: `o${offset}` })),
    )
  }
  const records = new Map<string, readonly LogRecord[]>(TOPICS.map((topic) => [topic, at(topic)]))
  const log = {
    id: 'made-up',
    ends: async (topic: string) => [{ partition: 0, start: 0, end: records.get(topic)?.length ?? 0 }],
    read: async (places: readonly { topic: string; next: number }[], { countMax }: { countMax: number }) =>
      places.flatMap(({ topic, next }) => records.get(topic)?.slice(next, next + Math.ceil(countMax / 2)) ?? []).slice(0, countMax),
  }
  return [{ log: log as unknown as EventLog, topics: TOPICS }]
}

export const noMirror = (): Mirror => ({ read: () => [], write: () => undefined })
