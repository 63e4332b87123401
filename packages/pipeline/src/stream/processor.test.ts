import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { CLICKS, DAY_MS, LATENESS_MS, ORDERS, type AttributedEvent, type Topic } from '@flowguard/contract'
import fc from 'fast-check'
import { ROOT } from '../kernel/config.ts'
import { silentLogger } from '../kernel/logging.ts'
import { partitionOf } from '../kernel/partition.ts'
import { migrate, transaction } from '../kernel/sqlite.ts'
import { sqliteLogOn } from '../log/adapters/sqlite.ts'
import type { LogRecord } from '../log/event-log.ts'
import { readTopics } from '../log/topics.ts'
import { PIPELINE_SCHEMA } from '../pipeline-store.ts'
import { gateIn } from '../reader/gate.ts'
import { type Fate } from '../reader/loop.ts'
import { placesIn, standingsIn } from '../reader/places.ts'
import { totalsOf } from '../reader/totals.ts'
import { pendingIn } from './pending.ts'
import { streamProcessor } from './processor.ts'

const TIMELINES = process.env['FLOWGUARD_SOAK'] ? 20_000 : 1_000
const topics = readTopics(`${ROOT}/config/kafka/topics.yaml`)
/** 23:50 UTC, so that timelines cross midnight. */
const START = Date.UTC(2026, 0, 31, 23, 50)
const CLOCK_STEPS = [0, 0, 1, 500, 4_000, 60_000, 600_000, 1_799_999, 1_800_000, 1_800_001]
const DELAYS = [0, 0, 0, 0, 0, 0, 0, 0, 1_000, 9_999, 10_000, 10_001, 25_000, 1_800_000]

/** One thing that happens in a timeline; `repeats` sends an earlier event again, perhaps with another content. */
interface Happening {
  kind: 'click' | 'bot click' | 'impression' | 'order' | 'bot order' | 'status' | 'heartbeat' | 'rubbish'
  user: number
  item: number
  step: number
  delay: number
  repeats: number | null
  isConflict: boolean
}

const happening: fc.Arbitrary<Happening> = fc.record({
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

function recordsOf(timeline: readonly Happening[]): LogRecord[] {
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
        : { event_type: kind === 'impression' ? 'impression' : 'click', ...common, ad_id: `ad-${item}` }
    const value = JSON.stringify(event)
    sent.push({ topic, partition, value, hash: `hash-${at}` })
    append(topic, partition, value, `hash-${at}`)
  })
  heartbeat(clock + LATENESS_MS + 1)
  return records
}

/** The rule, word for word, over everything at once. */
function oracle(records: readonly LogRecord[]): string[] {
  const times = new Map<string, number>()
  const seen = new Set<string>()
  const valid: {
    event_type: string
    event_id: string
    user_id: string
    item_id: number
    ts: number
    is_bot: boolean
    order_type?: string
  }[] = []
  for (const { topic, partition, value } of records) {
    let event
    try {
      event = JSON.parse(value)
    } catch {
      continue
    }
    const time = times.get(`${topic}${partition}`) ?? -Infinity
    times.set(`${topic}${partition}`, Math.max(time, event.ts))
    if (event.event_type === 'heartbeat' || seen.has(event.event_id)) continue
    seen.add(event.event_id)
    if (time - event.ts <= LATENESS_MS) valid.push(event)
  }
  const clicks = valid.filter((each) => each.event_type === 'click' && !each.is_bot)
  return valid
    .filter((each) => each.order_type === 'placed')
    .map((order) => {
      let best: (typeof clicks)[number] | undefined
      for (const click of order.is_bot ? [] : clicks) {
        if (click.user_id !== order.user_id || click.item_id !== order.item_id) continue
        if (click.ts > order.ts || order.ts - click.ts > 1_800_000) continue
        if (!best || click.ts > best.ts || (click.ts === best.ts && click.event_id > best.event_id)) best = click
      }
      return `${order.event_id} <- ${best?.event_id ?? 'none'}`
    })
    .sort()
}

/** Feeds the records in batches of these sizes; a 0 is a restart. */
function attribute(records: readonly LogRecord[], sizes: readonly number[]): { rows: string[]; fates: Fate[] } {
  const db = new DatabaseSync(':memory:')
  migrate(db, ':memory:', PIPELINE_SCHEMA)
  const derived = sqliteLogOn(db, { path: ':memory:', topics, clock: () => START })
  const places = placesIn(db, 'stream')
  let gate = gateIn(db, 'stream', topics)
  const start = () => {
    gate = gateIn(db, 'stream', topics)
    const handler = streamProcessor(db, derived, gate, silentLogger)
    handler.load(standingsIn(db))
    return handler
  }
  for (const topic of [ORDERS, CLICKS] as const) {
    for (let partition = 0; partition < topics[topic].partitions; partition += 1) places.begin('log', { topic, partition, next: 0 })
  }
  let handler = start()
  const fates: Fate[] = []
  for (let at = 0, turn = 0; at < records.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    if (size === 0) handler = start()
    const batch = records.slice(at, at + Math.max(1, size))
    transaction(db, () => {
      fates.push(...handler.apply(batch))
      for (const { topic, partition, next } of standingsIn(db)) {
        const read = batch.filter((each) => each.topic === topic && each.partition === partition).length
        const tally = { read, applied: read, duplicate: 0, late: 0, skipped: 0, dead: 0 }
        places.move({
          topic,
          partition,
          from: next,
          next: next + read,
          timeMs: Math.max(-1, handler.timeOf(topic, partition)),
          heartbeats: 0,
          tally,
        })
      }
    })
    assert.equal(totalsOf(db)('pending').count, pendingIn(db).length)
    assertBounded(db, gate.watermark())
    at += batch.length
  }
  const bodies = db.prepare(`select body from log_batches where topic = 'attributed.events.v1'`).all() as { body: Uint8Array }[]
  const rows = bodies.flatMap(({ body }) => {
    const [, ...values] = Buffer.from(body).toString().split('\n')
    return values
      .map((value) => JSON.parse(value) as AttributedEvent)
      .map((each) => `${each.event_id} <- ${each.click?.event_id ?? 'none'}`)
  })
  db.close()
  return { rows: rows.sort(), fates }
}

/** No row stays behind whose orders have all been answered. */
function assertBounded(db: DatabaseSync, watermark: number) {
  const oldest = db.prepare(`select ts_max as tsMax from journal where owner = 'stream/pending' order by seq limit 1`).get()
  assert.ok(oldest === undefined || (oldest['tsMax'] as number) >= watermark, `the oldest row is ${JSON.stringify(oldest)} at ${watermark}`)
}

test(`attribution equals the naive rule over ${TIMELINES} random timelines`, () => {
  const timeline = fc.array(happening, { minLength: 1, maxLength: 60 })
  const sizes = fc.array(fc.constantFrom(1, 2, 5, 20, 0), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(timeline, sizes, (happenings, batchSizes) => {
      const records = recordsOf(happenings)
      assert.deepEqual(attribute(records, batchSizes).rows, oracle(records))
    }),
    { numRuns: TIMELINES },
  )
})

const at = (kind: Happening['kind'], step: number, more: Partial<Happening> = {}): Happening => ({
  kind,
  user: 1,
  item: 1,
  step,
  delay: 0,
  repeats: null,
  isConflict: false,
  ...more,
})
const winners = (...timeline: Happening[]) => attribute(recordsOf(timeline), [100]).rows.map((row) => row.split(' <- ')[1])

test('a click at exactly 30:00.000 earns the order', () => {
  assert.deepEqual(winners(at('click', 0), at('order', 1_800_000)), ['e-0-0'])
})

test('a click at 30:00.001 does not', () => {
  assert.deepEqual(winners(at('click', 0), at('order', 1_800_001)), ['none'])
  assert.deepEqual(winners(at('click', 0), at('click', 5, { user: 2 }), at('order', 1_799_996)), ['none'])
})

test('of clicks at one instant the greater event id wins, whichever came first', () => {
  assert.deepEqual(winners(at('click', 0), at('click', 0), at('order', 5)), ['e-919-1'])
})

test('a click earns an order over midnight', () => {
  assert.deepEqual(winners(at('click', 0), at('order', 1_200_000)), ['e-0-0'])
})

test('a click that arrives after its order, but happened before it, earns it', () => {
  assert.deepEqual(winners(at('order', 5_000), at('click', 1_000, { delay: 3_000 })), ['e-919-1'])
})

test('another content under a known id is a dead letter, the same content a duplicate', () => {
  const records = recordsOf([at('click', 0), at('click', 1, { repeats: 0 }), at('click', 1, { repeats: 0, isConflict: true })])
  assert.deepEqual(
    attribute(records, [100])
      .fates.slice(0, 3)
      .map((fate) => (typeof fate === 'string' ? fate : fate.dead)),
    ['applied', 'duplicate', 'id_conflict'],
  )
})
