import { CLICKS, LATENESS_MS, LIVE_MS, MINUTE_MS, ORDERS, SECOND_MS, SESSION_GAP_MS, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import { partitionOf } from '../../kernel/partition.ts'
import type { NewRecord } from '../../log/event-log.ts'
import type { TopicSpecs } from '../../log/topics.ts'

export interface TimelineRecord extends NewRecord {
  topic: Topic
  partition: number
  value: string
  /** Nothing that the gateway would write: readers must pass over it. */
  isRubbish?: true
}

const STEPS = [0, 0, 1, 500, 1_999, 2_000, 4_000, 60_000, 600_000, 1_799_999, 1_800_000, 1_800_001]
const DELAYS = [0, 0, 0, 0, 0, 0, 0, 0, 1_000, 9_999, 10_000, 10_001, 25_000]
const KINDS = ['click', 'click', 'click', 'click', 'order', 'order', 'impression', 'bot click', 'bot order', 'status', 'rubbish'] as const
const STEPS_MAX = 20
const CAMPAIGNS = [undefined, 'lunch', 7, 'a "quoted" \\ one, | and ünïcode']
const PRICES = [100, 249.5, 0.07, 1_234.56]
const HEARTBEAT_MS = 10 * MINUTE_MS

/** So many people, each on a timeline of its own, all at once: what the edges of the rules are made of. In the order of arrival. */
export function timelines(people: number, topics: TopicSpecs, startMs: number, random: () => number): TimelineRecord[] {
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T
  const arrivals: { at: number; record: TimelineRecord }[] = []
  let end = startMs
  for (let person = 0; person < people; person += 1) {
    // The gap and the window are met within a user: where all begin hardly matters.
    let clock = startMs + Math.floor(random() * 60) * MINUTE_MS
    const sent: TimelineRecord[] = []
    const steps = 1 + Math.floor(random() * STEPS_MAX)
    for (let step = 0; step < steps; step += 1) {
      clock += pick(STEPS)
      const earlier = random() < 0.12 && sent.length > 0 ? pick(sent) : undefined
      const record = earlier ? repeated(earlier, clock, random() < 0.3) : happening(person, step, clock)
      if (!record.isRubbish) sent.push(record)
      arrivals.push({ at: clock, record })
    }
    end = Math.max(end, clock)
  }
  for (let at = startMs; at < end; at += HEARTBEAT_MS) arrivals.push(...heartbeats(at, topics).map((record) => ({ at, record })))
  const sorted = arrivals.toSorted((a, b) => a.at - b.at).map(({ record }) => record)
  return [...sorted, ...heartbeats(closingTime(end), topics)]

  function happening(person: number, step: number, clock: number): TimelineRecord {
    const kind = pick(KINDS)
    const user_id = `p${person}${person % 7 === 0 ? ' "é' : ''}`
    const topic = kind === 'rubbish' ? pick(TIMED_TOPICS) : kind.includes('order') || kind === 'status' ? ORDERS : CLICKS
    const base = {
      topic,
      partition: partitionOf(user_id, topics[topic].partitions),
      key: user_id,
      headers: { content_hash: `${person} ${step}` },
    }
    if (kind === 'rubbish') return { ...base, value: rubbish(user_id), isRubbish: true }
    const common = {
      // Ids that do not sort as they arrive.
      event_id: `e${(step * 7919) % 10}-${person}-${step}`,
      ts: clock - pick(DELAYS),
      received_at: '',
      is_bot: kind.startsWith('bot'),
      user_id,
    }
    const item = pick([1, 1, 1, 2, 9_007_199_254_740_991])
    const event =
      topic === ORDERS
        ? {
            event_type: 'order',
            ...common,
            item_id: item,
            order_id: `o-${person}-${step}`,
            price: pick(PRICES),
            quantity: pick([1, 1, 3]),
            order_type: kind === 'status' ? 'confirmed' : 'placed',
          }
        : {
            event_type: kind === 'impression' ? 'impression' : 'click',
            ...common,
            ...(random() < 0.1 ? {} : { item_id: item }),
            ad_id: `ad-${item}`,
            ad_campaign_id: pick(CAMPAIGNS),
          }
    return { ...base, value: JSON.stringify(event) }
  }

  function rubbish(user_id: string): string {
    const click = { event_type: 'click', event_id: 'r', ts: Date.UTC(2100, 0), received_at: '', is_bot: false, user_id, ad_id: 'a' }
    return pick([
      '{"event_type":"click"',
      'null',
      '[1,2]',
      '"text"',
      JSON.stringify({ event_type: 'heartbeat' }),
      JSON.stringify({ event_type: 'heartbeat', ts: -1 }),
      // Time moves for none of these.
      JSON.stringify(click),
      JSON.stringify({ event_type: 'heartbeat', ts: Date.now() + 2 * LIVE_MS + MINUTE_MS * 60 }),
      JSON.stringify({ ...click, ts: closingTime(startMs), ad_id: '' }),
      JSON.stringify({ ...click, ts: closingTime(startMs), item_id: 0 }),
      JSON.stringify({ ...click, ts: closingTime(startMs), event_type: 'page_view' }),
      JSON.stringify({ ...click, ts: closingTime(startMs), is_bot: undefined }),
    ])
  }
}

/** Once time has come so far, all of it is closed. */
export const closingTime = (lastMs: number) => lastMs + LATENESS_MS + SESSION_GAP_MS + MINUTE_MS + SECOND_MS

export function heartbeats(ts: number, topics: TopicSpecs): TimelineRecord[] {
  const value = JSON.stringify({ event_type: 'heartbeat', ts })
  return TIMED_TOPICS.flatMap((topic) =>
    Array.from({ length: topics[topic].partitions }, (_, partition) => ({ topic, partition, key: '', headers: {}, value })),
  )
}

function repeated(earlier: TimelineRecord, clock: number, isConflict: boolean): TimelineRecord {
  if (!isConflict) return earlier
  const value = JSON.stringify({ ...(JSON.parse(earlier.value) as object), item_id: 2, ts: clock })
  return { ...earlier, value, headers: { content_hash: `${earlier.headers['content_hash']}!` } }
}
