import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { CLICKS, ORDERS } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { migrate, transaction } from '../kernel/sqlite.ts'
import { fc } from '../kernel/testing/chance.ts'
import { sqliteLogOn } from '../log/adapters/sqlite.ts'
import type { LogRecord } from '../log/event-log.ts'
import { PIPELINE_SCHEMA } from '../pipeline-store.ts'
import { gateIn } from '../reader/gate.ts'
import { placesIn, standingsIn, type Fate } from '../reader/places.ts'
import { totalsOf } from '../reader/totals.ts'
import { pendingIn } from './pending.ts'
import { streamProcessor } from './processor.ts'
import { rowsIn } from './testing/embedded.ts'
import { oracle, sorted, type StreamRows } from './testing/oracle.ts'
import { at, happening, PARTITIONS, recordsOf, START, topics, type Happening } from './testing/timelines.ts'

const TIMELINES = process.env['FLOWGUARD_SOAK'] ? 20_000 : 1_000
/** Feeds the records in batches of these sizes; a 0 is a restart. */
function stream(records: readonly LogRecord[], sizes: readonly number[]): { rows: StreamRows; fates: Fate[] } {
  const db = new DatabaseSync(':memory:')
  migrate(db, ':memory:', PIPELINE_SCHEMA)
  const derived = sqliteLogOn(db, { path: ':memory:', topics, clock: () => START })
  const places = placesIn(db, 'stream')
  let gate = gateIn(db, 'stream', topics)
  const start = () => {
    gate = gateIn(db, 'stream', topics)
    const handler = streamProcessor({ db, derived, gate, doubleClickMs: 2_000, logger: silentLogger })
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
  const rows = rowsIn(db)
  db.close()
  return { rows, fates }
}

/** No row stays behind whose orders have all been answered. */
function assertBounded(db: DatabaseSync, watermark: number) {
  const oldest = db.prepare(`select ts_max as tsMax from journal where owner = 'stream/pending' order by seq limit 1`).get()
  assert.ok(oldest === undefined || (oldest['tsMax'] as number) >= watermark, `the oldest row is ${JSON.stringify(oldest)} at ${watermark}`)
}

test(`attribution, windows and sessions equal the naive rules over ${TIMELINES} random timelines`, () => {
  const timeline = fc.array(happening, { minLength: 1, maxLength: 60 })
  const sizes = fc.array(fc.constantFrom(1, 2, 5, 20, 0), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(timeline, sizes, fc.boolean(), (happenings, batchSizes, isClosed) => {
      const records = recordsOf(happenings, isClosed)
      assert.deepEqual(sorted(stream(records, batchSizes).rows), sorted(oracle(records, PARTITIONS)))
    }),
    { numRuns: TIMELINES },
  )
})

const winners = (...timeline: Happening[]) => stream(recordsOf(timeline), [100]).rows.attributed.map((row) => row.click?.event_id ?? 'none')

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
    stream(records, [100])
      .fates.slice(0, 3)
      .map((fate) => (typeof fate === 'string' ? fate : fate.dead)),
    ['applied', 'duplicate', 'id_conflict'],
  )
})

test('where another engine answers, nothing is answered here, and an order waits until all before it is known to be here', () => {
  const db = new DatabaseSync(':memory:')
  migrate(db, ':memory:', PIPELINE_SCHEMA)
  const derived = sqliteLogOn(db, { path: ':memory:', topics, clock: () => START })
  let answered = 0
  const gate = gateIn(db, 'stream', topics)
  const handler = streamProcessor({ db, derived, gate, doubleClickMs: 2_000, answered: () => answered, logger: silentLogger })
  handler.load([])
  const records = recordsOf([at('click', 0), at('order', 5)], true)
  const feed = (batch: readonly LogRecord[]) => transaction(db, () => handler.apply(batch))
  feed(records)
  assert.equal(pendingIn(db).length, 1)
  assert.equal(handler.isDue?.(), false)
  answered = START + 5
  assert.equal(handler.isDue?.(), true)
  feed([])
  assert.equal(pendingIn(db).length, 1)
  answered = START + 6
  feed([])
  assert.deepEqual([pendingIn(db).length, handler.isDue?.()], [0, false])
  assert.deepEqual(rowsIn(db), { attributed: [], windows: [], sessions: [] })
})
