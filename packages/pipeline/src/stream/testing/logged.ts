import { CLICKS, ORDERS, parseTimestamp } from '@flowguard/contract'
import type { Sent } from '../../../../../test/support/answers.ts'
import { partitionOf } from '../../kernel/partition.ts'
import type { TopicSpecs } from '../../log/topics.ts'
import { closingTime, heartbeats, type TimelineRecord } from './crowd.ts'

/** Clicks and orders as the gateway would have written them, and heartbeats that close their time. */
export function logged(events: readonly Sent[], topics: TopicSpecs): TimelineRecord[] {
  const records = events.map((event): TimelineRecord => {
    const key = String(event.user_id)
    const isOrder = event.event_type === 'order'
    const topic = isOrder ? ORDERS : CLICKS
    const written = { ...event, user_id: key, ts: parseTimestamp(event.timestamp), received_at: event.timestamp, is_bot: false }
    const order = { order_id: `o-${event.event_id}`, order_type: 'placed', price: event.price ?? 0, quantity: event.quantity ?? 1 }
    const value = JSON.stringify(isOrder ? { ...order, ...written } : written)
    return { topic, partition: partitionOf(key, topics[topic].partitions), key, headers: { traceparent: `00-${event.event_id}` }, value }
  })
  return [...records, ...heartbeats(closingTime(lastOf(events)), topics)]
}

const lastOf = (events: readonly Sent[]) => events.reduce((last, { timestamp }) => Math.max(last, Date.parse(timestamp)), 0)
