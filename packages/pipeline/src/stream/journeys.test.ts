import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ATTRIBUTED, CLICKS, isoOf, MINUTE_MS, ORDERS, SESSIONS, type Session } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { transaction } from '../kernel/sqlite.ts'
import { fc } from '../kernel/testing/chance.ts'
import { sqliteLogView } from '../log/adapters/sqlite-view.ts'
import type { LogRecord } from '../log/event-log.ts'
import { openPipelineStore, type PipelineStore } from '../pipeline-store.ts'
import { gateIn } from '../reader/gate.ts'
import { sqliteJourneys } from './adapters/sqlite-journeys.ts'
import { flinkImporting } from './flink/importing.ts'
import { journeyIndexIn } from './journey-index.ts'
import { streamProcessor } from './processor.ts'
import { oracle } from './testing/oracle.ts'
import { at, happening, PARTITIONS, recordsOf, START, topics } from './testing/timelines.ts'

const TIMELINES = 100
const ENGINES = ['embedded', 'flink'] as const
type Engine = (typeof ENGINES)[number]
const USERS = ['user-1', 'user-2', 'user-3']

/** A pipeline's store that has read the records in batches, and what is seen of it from beside. */
function streamed(records: readonly LogRecord[], { size = 7, engine = 'embedded' }: { size?: number; engine?: Engine } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-journeys-'))
  const path = join(folder, 'pipeline.db')
  const store = openPipelineStore(path, topics, () => START)
  const handler = streamProcessor({
    db: store.db,
    derived: store.derived,
    gate: gateIn(store.db, 'stream', topics),
    doubleClickMs: 2_000,
    logger: silentLogger,
    ...(engine === 'flink' && { answered: () => Infinity }),
  })
  if (engine === 'flink') takeOver(store, records)
  handler.load([])
  for (let at = 0; at < records.length; at += size) transaction(store.db, () => handler.apply(records.slice(at, at + size)))
  return {
    store,
    journeys: sqliteJourneys(path, (db) => sqliteLogView(db, topics)),
    [Symbol.dispose]() {
      store[Symbol.dispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

/** What Flink would have written of the records, here already. */
function takeOver({ db, derived }: PipelineStore, records: readonly LogRecord[]): void {
  const { attributed, sessions } = oracle(records, PARTITIONS)
  const rows = [
    ...attributed.map((row) => ({ topic: ATTRIBUTED, row }) as const),
    ...sessions.map((row) => ({ topic: SESSIONS, row }) as const),
  ]
  const batch = rows.map(({ topic, row }, offset): LogRecord => ({
    topic,
    partition: 0,
    offset,
    key: row.user_id,
    value: JSON.stringify(row),
    headers: {},
    appendedAt: START,
  }))
  transaction(db, () => flinkImporting(db, derived).apply(batch))
}

/** Time goes on without end, in every partition: so each session of the records is over. */
const ended = (records: readonly LogRecord[]): LogRecord[] => [
  ...records,
  ...([ORDERS, CLICKS] as const).flatMap((topic) =>
    Array.from({ length: PARTITIONS[topic] }, (_, partition) => ({
      ...(records[0] as LogRecord),
      topic,
      partition,
      value: JSON.stringify({ event_type: 'heartbeat', ts: START * 2 }),
    })),
  ),
]

/** What is the same whether an order's click is known already or not. */
const shape = ({ session_id, ended_at, events, path, outcome }: Session) => ({ session_id, ended_at, events, path, outcome })

test(`a journey is every session of its user, also the one that goes on, over ${TIMELINES} random timelines`, async () => {
  const timeline = fc.array(happening, { minLength: 1, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(timeline, fc.boolean(), fc.constantFrom(...ENGINES), async (happenings, isClosed, engine) => {
      const records = recordsOf(happenings, isClosed)
      using at = streamed(records, { engine })
      const { sessions } = oracle(ended(records), PARTITIONS)
      const { attributed } = oracle(records, PARTITIONS)
      for (const user of USERS) {
        const journey = await at.journeys.of(user, { before: undefined, limit: 100 })
        const expected = sessions.filter((each) => each.user_id === user).toReversed()
        assert.deepEqual(journey.sessions.map(shape), expected.map(shape))
        const known = new Set(journey.attributed_orders.map(({ event_id }) => event_id))
        const [running] = journey.sessions.filter(({ is_running }) => is_running)
        if (running) {
          const own = attributed.filter(
            ({ event_id, user_id, timestamp }) => user_id === user && known.has(event_id) && timestamp >= running.started_at,
          )
          assert.equal(running.attributed_orders, own.length)
        }
        assert.deepEqual(
          journey.attributed_orders.toSorted((a, b) => (a.event_id < b.event_id ? -1 : 1)),
          attributed.filter((each) => each.user_id === user && each.click).toSorted((a, b) => (a.event_id < b.event_id ? -1 : 1)),
        )
      }
    }),
    { numRuns: TIMELINES },
  )
})

test('page by page, each session is told once, and what goes on is on the first page', async () => {
  const visits = Array.from({ length: 7 }, (_, n) => [at('click', n === 0 ? 0 : 40 * MINUTE_MS), at('order', MINUTE_MS)]).flat()
  using store = streamed(recordsOf(visits))
  const told: { id: string; isRunning: boolean; orders: number }[] = []
  for (let before: number | undefined, turn = 0; turn < 9; turn += 1) {
    const page = await store.journeys.of('user-1', { before, limit: 2 })
    const orders = page.attributed_orders.length
    told.push(...page.sessions.map(({ session_id: id, is_running: isRunning }) => ({ id, isRunning, orders })))
    if (page.next_before === null) break
    before = Date.parse(page.next_before)
  }
  const starts = Array.from({ length: 7 }, (_, n) => START + n * 41 * MINUTE_MS).toReversed()
  assert.deepEqual(
    told.map(({ id, isRunning }) => ({ id, isRunning })),
    starts.map((start, n) => ({ id: `user-1/${start}`, isRunning: n === 0 })),
  )
  assert.equal(told[2]?.orders, 2)
})

test('a page of one session has the orders of that one, also where it goes on', async () => {
  const visits = Array.from({ length: 3 }, (_, n) => [at('click', n === 0 ? 0 : 40 * MINUTE_MS), at('order', MINUTE_MS)]).flat()
  using store = streamed(recordsOf(visits))
  const told: [isRunning: boolean | undefined, orders: string[]][] = []
  for (let before: number | undefined, turn = 0; turn < 5; turn += 1) {
    const page = await store.journeys.of('user-1', { before, limit: 1 })
    told.push([page.sessions[0]?.is_running, page.attributed_orders.map(({ timestamp }) => timestamp)])
    if (page.next_before === null) break
    before = Date.parse(page.next_before)
  }
  const orderedAt = (n: number) => [isoOf(START + n * 41 * MINUTE_MS + MINUTE_MS)]
  assert.deepEqual(told.slice(0, 3), [
    [true, orderedAt(2)],
    [false, orderedAt(1)],
    [false, orderedAt(0)],
  ])
})

test('what the topic has forgotten is in no journey any more', async () => {
  const visits = Array.from({ length: 3 }, () => [at('click', 0), at('heartbeat', 40 * MINUTE_MS)]).flat()
  using at3 = streamed(recordsOf(visits, true), { size: 1 })
  const { store, journeys } = at3
  await store.derived.trim('sessions.v1', { appendedBefore: START + 1, readBefore: new Map([0, 1, 2].map((n) => [n, 100])) })
  journeyIndexIn(store.db).forget('sessions.v1', await store.derived.ends('sessions.v1'))
  // A log keeps its last row, which says where it goes on.
  const kept = (await store.derived.ends('sessions.v1')).reduce((sum, { start, end }) => sum + end - start, 0)
  assert.ok(kept < 3, `${kept} sessions are kept`)
  assert.equal((await journeys.of('user-1', { before: undefined, limit: 10 })).sessions.length, kept)
  assert.equal(store.db.prepare(`select count(*) as rows from journeys where topic = 'sessions.v1'`).get()?.['rows'], kept)
})

test('of somebody unknown there is no journey', async () => {
  using store = streamed(recordsOf([at('click', 0)]))
  assert.deepEqual(await store.journeys.of('nobody', { before: undefined, limit: 10 }), {
    user_id: 'nobody',
    sessions: [],
    attributed_orders: [],
    next_before: null,
  })
})
