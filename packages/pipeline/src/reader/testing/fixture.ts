import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import {
  DAY_MS,
  ATTRIBUTED,
  CLICKS,
  DEAD,
  LATENESS_MS,
  ORDERS,
  TIMED_TOPICS,
  type AttributedEvent,
  type DeadLetter,
  type Topic,
} from '@flowguard/contract'
import { ROOT } from '../../kernel/config.ts'
import { partitionOf } from '../../kernel/partition.ts'
import { migrate, transaction } from '../../kernel/sqlite.ts'
import { sqliteLogOn } from '../../log/adapters/sqlite.ts'
import type { EventLog, LogRecord } from '../../log/event-log.ts'
import { readTopics } from '../../log/topics.ts'
import { PIPELINE_SCHEMA } from '../../pipeline-store.ts'
import type { Handler } from '../loop.ts'
import { noTally, placesIn, type Fate } from '../places.ts'

export const TOPICS = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
/** 23:50 UTC, so that what follows crosses midnight. */
export const START = Date.UTC(2026, 0, 31, 23, 50)
const LIMIT_MS = 20_000

export function temporaryFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-reader-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** What a pipeline's readers own, in memory. */
export function memoryStore() {
  const db = new DatabaseSync(':memory:')
  migrate(db, ':memory:', PIPELINE_SCHEMA)
  const derived = sqliteLogOn(db, { path: ':memory:', topics: TOPICS, clock: () => START })
  return { db, derived, [Symbol.dispose]: () => db.close() }
}

export async function eventually(condition: () => boolean | Promise<boolean>, what: string, limitMs = LIMIT_MS): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `waited too long until ${what}`)
    await wait(2)
  }
}

/** The JSON of every record of a topic. */
export async function valuesIn<T>(log: EventLog, topic: Topic): Promise<T[]> {
  const places = Array.from({ length: log.partitions(topic) }, (_, partition) => ({ topic, partition, next: 0 }))
  const records = await log.read(places, { countMax: 100_000, waitMs: 0 })
  return records.map(({ value }) => JSON.parse(value) as T)
}

export const deadLetters = (log: EventLog) => valuesIn<DeadLetter>(log, DEAD)

/** Applies batches as the loop does, the places in the same transaction. `restart` begins anew from the store. */
export function feeding(db: DatabaseSync, reader: string, topics: readonly Topic[], make: () => Handler) {
  const places = placesIn(db, reader)
  for (const topic of topics) {
    for (let partition = 0; partition < TOPICS[topic].partitions; partition += 1) places.begin('log', { topic, partition, next: 0 })
  }
  let handler: Handler
  const restart = () => {
    handler = make()
    handler.load(places.standings())
  }
  restart()

  function commit(batch: readonly LogRecord[]): readonly Fate[] {
    const fates = handler.apply(batch)
    for (const { topic, partition, next } of places.standings()) {
      const read = batch.filter((each) => each.topic === topic && each.partition === partition).length
      const timeMs = Math.max(-1, handler.timeOf(topic, partition))
      if (read > 0)
        places.move({
          topic,
          partition,
          from: next,
          next: next + read,
          timeMs,
          heartbeats: 0,
          tally: { ...noTally(), read, applied: read },
        })
    }
    return fates
  }

  return {
    restart,
    /** As the loop does after a failure, it has the handler fill its memory anew. */
    apply(batch: readonly LogRecord[]): readonly Fate[] {
      try {
        return transaction(db, () => commit(batch))
      } catch (error) {
        handler.load(places.standings())
        throw error
      }
    },
    /** Begins a batch and loses it. */
    applyAndRollBack(batch: readonly LogRecord[]) {
      assert.throws(() =>
        transaction(db, () => {
          handler.apply(batch)
          throw new Error('rolled back')
        }),
      )
      handler.load(places.standings())
    },
  }
}

/** Gives records their offsets, as the log does. Appended long after they happened: an event is not from the future. */
export function recordsAt(appendedAt = START + 10 * DAY_MS) {
  const ends = new Map<string, number>()
  return {
    record(
      topic: Topic,
      key: string,
      event: object,
      contentHash: string,
      partition = partitionOf(key, TOPICS[topic].partitions),
    ): LogRecord {
      const offset = ends.get(`${topic}-${partition}`) ?? 0
      ends.set(`${topic}-${partition}`, offset + 1)
      return { topic, partition, offset, key, value: JSON.stringify(event), headers: { content_hash: contentHash }, appendedAt }
    },
    /** One to every partition. */
    heartbeats(ts: number): LogRecord[] {
      return TIMED_TOPICS.flatMap((topic) =>
        Array.from({ length: TOPICS[topic].partitions }, (_, partition) =>
          this.record(topic, '', { event_type: 'heartbeat', ts }, '', partition),
        ),
      )
    },
    /** Moves the watermark past `ts`. */
    closing(ts: number): LogRecord[] {
      return this.heartbeats(ts + LATENESS_MS + 1)
    },
    click({ id, user = 'u1', ad, ts, type = 'click', item = 1, isBot = false, hash = '', metadata }: SentClick): LogRecord {
      const written = { event_id: id, user_id: user, ad_id: ad, ts, is_bot: isBot, received_at: '' }
      return this.record(
        CLICKS,
        user,
        { event_type: type, ...written, ...(item === null ? {} : { item_id: item }), ...(metadata === undefined ? {} : { metadata }) },
        hash || `hash of ${id}`,
      )
    },
    order({ id, user = 'u1', orderId = `order-of-${id}`, ts, type = 'placed' }: SentOrder): LogRecord {
      const written = { event_id: id, order_id: orderId, user_id: user, ts, is_bot: false, received_at: '' }
      return this.record(
        ORDERS,
        user,
        { event_type: 'order', ...written, item_id: 1, price: 100, quantity: 1, order_type: type },
        `hash of ${id}`,
      )
    },
    attributed({
      id,
      user = 'u1',
      orderId = `order-of-${id}`,
      item = 1,
      price = 100,
      quantity = 1,
      ts,
      ad,
      isBot = false,
    }: SentAttributed): LogRecord {
      const timestamp = new Date(ts).toISOString()
      const event: AttributedEvent = {
        order_id: orderId,
        event_id: id,
        user_id: user,
        item_id: item,
        price,
        quantity,
        timestamp,
        click: ad === undefined ? null : { event_id: `click of ${id}`, ad_id: ad, campaign_id: null, timestamp },
        lag_ms: ad === undefined ? null : 0,
        ...(isBot ? { is_bot: true as const } : {}),
      }
      return this.record(ATTRIBUTED, user, event, '')
    },
  }
}

export interface SentClick {
  id: string
  user?: string
  ad: string
  ts: number
  type?: 'click' | 'impression'
  item?: number | null
  isBot?: boolean
  hash?: string
  metadata?: unknown
}

export interface SentOrder {
  id: string
  user?: string
  orderId?: string
  ts: number
  type?: 'placed' | 'confirmed' | 'cancelled' | 'delivered'
}

export interface SentAttributed {
  id: string
  user?: string
  orderId?: string
  item?: number
  price?: number
  quantity?: number
  ts: number
  ad?: string
  isBot?: boolean
}
