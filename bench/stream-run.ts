/** One measurement of bench/stream-measures.ts: the stream over so many users' half hour, in a process of its own, and what that took. */
import { once } from 'node:events'
import { join } from 'node:path'
import { CLICKS, LATENESS_MS, ORDERS, type Topic } from '@flowguard/contract'
import { mulberry32, wholeBetween } from '../packages/pipeline/src/cli/prng.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { silentLogger } from '../packages/pipeline/src/kernel/logging.ts'
import { partitionOf } from '../packages/pipeline/src/kernel/partition.ts'
import { transaction } from '../packages/pipeline/src/kernel/sqlite.ts'
import type { LogRecord } from '../packages/pipeline/src/log/event-log.ts'
import { readTopics } from '../packages/pipeline/src/log/topics.ts'
import { openPipelineStore } from '../packages/pipeline/src/pipeline-store.ts'
import { gateIn } from '../packages/pipeline/src/reader/gate.ts'
import { streamProcessor } from '../packages/pipeline/src/stream/processor.ts'

export interface StreamOrder {
  folder: string
  users: number
}

export interface StreamMade {
  events: number
  /** Of the transactions alone: what made the events does not count. */
  seconds: number
  /** Of memory that stays: after the collector ran. */
  heapBytes: number
  bufferBytes: number
  /** To be ready after a restart. */
  loadSeconds: number
}

const EVENTS_A_USER = 5
const BATCH_COUNT = 5_000
/** Less than a session's gap and an attribution's window: so all of it is within them at the end. */
const SPAN_MS = 25 * 60_000
const START = Date.UTC(2026, 0, 31, 12)
const [DISHES, ADS, CAMPAIGNS] = [100, 300, 30]
const SEED = 7

/** As many of the kinds as the other measures have: half impressions, a third clicks, a sixth orders. */
const KINDS = ['impression', 'impression', 'impression', 'click', 'click', 'order'] as const

const topics = readTopics(`${ROOT}/config/kafka/topics.yaml`)

function* batches(users: number): Generator<LogRecord[]> {
  const random = mulberry32(SEED)
  const ends = new Map<string, number>()
  const count = users * EVENTS_A_USER
  const record = (topic: Topic, partition: number, key: string | null, value: object, ts: number): LogRecord => {
    const offset = ends.get(`${topic}${partition}`) ?? 0
    ends.set(`${topic}${partition}`, offset + 1)
    return { topic, partition, offset, key, value: JSON.stringify(value), headers: {}, appendedAt: ts, memo: null }
  }
  let batch: LogRecord[] = []
  for (let n = 0; n < count; n += 1) {
    const ts = START + Math.floor((n * SPAN_MS) / count)
    const user_id = `user-${n % users}`
    const kind = KINDS[wholeBetween(random, 0, KINDS.length - 1)] as (typeof KINDS)[number]
    const item_id = wholeBetween(random, 1, DISHES)
    const common = { event_id: `event-${n}`, ts, received_at: '', is_bot: false, user_id, item_id }
    const [topic, event] =
      kind === 'order'
        ? [ORDERS, { event_type: kind, ...common, order_id: `order-${n}`, price: 199.5, quantity: 1, order_type: 'placed' }]
        : [CLICKS, { event_type: kind, ...common, ad_id: `ad-${wholeBetween(random, 1, ADS)}`, ad_campaign_id: `c-${item_id % CAMPAIGNS}` }]
    batch.push(record(topic as Topic, partitionOf(user_id, topics[topic as Topic].partitions), user_id, event, ts))
    if (batch.length === BATCH_COUNT || n === count - 1) {
      for (const each of [ORDERS, CLICKS] as const)
        for (let partition = 0; partition < topics[each].partitions; partition += 1)
          batch.push(record(each, partition, '', { event_type: 'heartbeat', ts: n === count - 1 ? ts + LATENESS_MS + 1 : ts }, ts))
      yield batch
      batch = []
    }
  }
}

function run({ folder, users }: StreamOrder): StreamMade {
  using store = openPipelineStore(join(folder, `stream-${users}.db`), topics, Date.now)
  const { db, derived } = store
  const open = () => streamProcessor({ db, derived, gate: gateIn(db, 'stream', topics), doubleClickMs: 2_000, logger: silentLogger })
  const used = () => {
    globalThis.gc?.()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return { heapUsed, arrayBuffers }
  }
  const before = used()
  let handler = open()
  handler.load([])
  let [seconds, events] = [0, 0]
  for (const batch of batches(users)) {
    const from = performance.now()
    transaction(db, () => handler.apply(batch))
    seconds += (performance.now() - from) / 1_000
    events += batch.length
  }
  const after = used()
  handler = open()
  const from = performance.now()
  handler.load([])
  return {
    events,
    seconds,
    heapBytes: after.heapUsed - before.heapUsed,
    bufferBytes: after.arrayBuffers - before.arrayBuffers,
    loadSeconds: (performance.now() - from) / 1_000,
  }
}

const [order] = (await once(process, 'message')) as [StreamOrder]
process.send?.(run(order), () => process.disconnect())
