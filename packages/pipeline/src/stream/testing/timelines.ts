import { CLICKS, DAY_MS, LATENESS_MS, ORDERS, WINDOW_MS, type Topic } from '@flowguard/contract'
import { ROOT } from '../../kernel/config.ts'
import { partitionOf } from '../../kernel/partition.ts'
import { fc } from '../../kernel/testing/chance.ts'
import type { LogRecord } from '../../log/event-log.ts'
import { readTopics } from '../../log/topics.ts'

export const topics = readTopics(`${ROOT}/config/kafka/topics.yaml`)

/** 23:50 UTC, so that timelines cross midnight. */
export const PARTITIONS = { [ORDERS]: topics[ORDERS].partitions, [CLICKS]: topics[CLICKS].partitions }
export const START = Date.UTC(2026, 0, 31, 23, 50)
const CLOCK_STEPS = [0, 0, 1, 500, 4_000, 60_000, 600_000, 1_799_999, 1_800_000, 1_800_001]
const DELAYS = [0, 0, 0, 0, 0, 0, 0, 0, 1_000, 9_999, 10_000, 10_001, 25_000, 1_800_000]

/** One thing that happens in a timeline; `repeats` sends an earlier event again, perhaps with another content. */
export interface Happening {
  kind: 'click' | 'bot click' | 'impression' | 'order' | 'bot order' | 'status' | 'heartbeat' | 'rubbish'
  user: number
  item: number
  step: number
  delay: number
  repeats: number | null
  isConflict: boolean
}

export const happening: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constantFrom(
    'click',
    'click',
    'click',
    'order',
    'order',
    'bot click',
    'impression',
    'bot order',
    'status',
    'heartbeat',
    'rubbish',
  ),
  // Mostly one user and one item: only there can the rule be broken.
  user: fc.constantFrom(1, 1, 1, 1, 2, 3),
  item: fc.constantFrom(1, 1, 1, 2),
  step: fc.constantFrom(...CLOCK_STEPS),
  delay: fc.constantFrom(...DELAYS),
  repeats: fc.option(fc.nat(20), { nil: null, freq: 5 }),
  isConflict: fc.boolean(),
})

/** One thing that a user does on an item, `step` ms after the one before. */
export const at = (kind: Happening['kind'], step: number, more: Partial<Happening> = {}): Happening => ({
  kind,
  user: 1,
  item: 1,
  step,
  delay: 0,
  repeats: null,
  isConflict: false,
  ...more,
})

/** A click names its campaign or does not. */
const campaigns = [undefined, 'lunch', 7]

/** What the raw topics hold of it. `isClosed`: time goes on until all windows and sessions are over. */
export function recordsOf(timeline: readonly Happening[], isClosed = false): LogRecord[] {
  const records: LogRecord[] = []
  const ends = new Map<string, number>()
  const append = (topic: Topic, partition: number, value: string, contentHash: string) => {
    const offset = ends.get(`${topic}${partition}`) ?? 0
    ends.set(`${topic}${partition}`, offset + 1)
    records.push({ topic, partition, offset, key: null, value, headers: { content_hash: contentHash }, appendedAt: START + 10 * DAY_MS })
  }
  const heartbeat = (ts: number) => {
    for (const topic of [ORDERS, CLICKS] as const) {
      for (let partition = 0; partition < topics[topic].partitions; partition += 1) {
        append(topic, partition, JSON.stringify({ event_type: 'heartbeat', ts }), '')
      }
    }
  }
  const sent: { topic: Topic; partition: number; value: string; hash: string }[] = []
  let clock = START
  timeline.forEach(({ kind, user, item, step, delay, repeats, isConflict }, at) => {
    clock += step
    if (kind === 'heartbeat') return heartbeat(clock)
    const earlier = repeats === null ? undefined : sent[repeats]
    if (earlier) {
      const value = isConflict ? JSON.stringify({ ...(JSON.parse(earlier.value) as object), item_id: 2, ts: clock }) : earlier.value
      return append(earlier.topic, earlier.partition, value, isConflict ? `${earlier.hash}!` : earlier.hash)
    }
    const user_id = `user-${user}`
    const topic = kind.includes('order') || kind === 'status' ? ORDERS : CLICKS
    const partition = partitionOf(user_id, topics[topic].partitions)
    if (kind === 'rubbish') return append(topic, partition, '{"event_type":"click"', '')
    // Ids that do not sort as they arrive: the greater one must win all the same.
    const event_id = `e-${(at * 7919) % 1000}-${at}`
    const common = { event_id, ts: clock - delay, received_at: '', is_bot: kind.startsWith('bot'), user_id, item_id: item }
    const event =
      topic === ORDERS
        ? {
            event_type: 'order',
            ...common,
            order_id: `o-${at}`,
            price: 100,
            quantity: 1,
            order_type: kind === 'status' ? 'confirmed' : 'placed',
          }
        : { event_type: kind === 'impression' ? 'impression' : 'click', ...common, ad_id: `ad-${item}`, ad_campaign_id: campaigns[at % 3] }
    const value = JSON.stringify(event)
    sent.push({ topic, partition, value, hash: `hash-${at}` })
    append(topic, partition, value, `hash-${at}`)
  })
  if (isClosed) heartbeat(clock + LATENESS_MS + WINDOW_MS + 60_000)
  else heartbeat(clock + LATENESS_MS + 1)
  return records
}
