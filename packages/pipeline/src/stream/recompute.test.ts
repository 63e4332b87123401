import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ATTRIBUTED, METRICS, MINUTE_MS, SESSIONS, type Topic } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { sqliteLogView } from '../log/adapters/sqlite-view.ts'
import type { LogView } from '../log/log-view.ts'
import type { LogRecord } from '../log/event-log.ts'
import { openPipelineStore } from '../pipeline-store.ts'
import { gateIn } from '../reader/gate.ts'
import { passedIn } from './pending.ts'
import { streamProcessor } from './processor.ts'
import { comparison, STREAM_TOPICS, workOff } from './recompute.ts'
import { at, recordsOf, START, topics } from './testing/timelines.ts'

const SIGNAL = new AbortController().signal
/** Three visits of a click and, after a minute, an order. */
const visits = Array.from({ length: 3 }, (_, n) => [at('click', n === 0 ? 0 : 40 * MINUTE_MS), at('order', MINUTE_MS)]).flat()

async function streamed(records: readonly LogRecord[]) {
  const store = openPipelineStore(':memory:', topics, () => START)
  const { db, derived } = store
  const handler = streamProcessor({ db, derived, gate: gateIn(db, 'stream', topics), doubleClickMs: 2_000, logger: silentLogger })
  handler.load([])
  const batches = (async function* () {
    yield records
  })()
  await workOff(db, handler, batches, { signal: SIGNAL, onRecords: () => undefined })
  return { ...store, view: sqliteLogView(db, topics) as LogView }
}

async function compared(live: readonly LogRecord[], again: readonly LogRecord[], stretch = { from: 0, to: START * 2 }) {
  const stores = [await streamed(live), await streamed(again)] as const
  const found = comparison(stores[1].db, stretch, passedIn(stores[0].db))
  await found.add('live', stores[0].view)
  await found.add('recomputed', stores[1].view)
  const totals = found.totals()
  const of = (topic: Topic) => totals.find((each) => each.topic === topic)
  const told = { of, differing: [...found.differing()].map(({ topic, key, difference }) => [topic, key, difference]) }
  for (const store of stores) store[Symbol.dispose]()
  return told
}

test('the same events give the same rows, and no difference', async () => {
  const records = recordsOf(visits, true)
  const { of, differing } = await compared(records, records)
  assert.deepEqual(differing, [])
  assert.deepEqual(
    STREAM_TOPICS.map((topic) => of(topic)?.equal),
    [3, 6, 3],
  )
})

test('a click that the live stream did not count changes its order, its windows and its session', async () => {
  const records = recordsOf(visits, true)
  const withoutClick = records.filter(({ value }) => !value.includes('"e-0-0"'))
  const { differing } = await compared(withoutClick, records)
  const minute = (ms: number) => new Date(START + ms).toISOString()
  assert.deepEqual(differing, [
    [ATTRIBUTED, 'e-919-1', 'changed'],
    [METRICS, `${minute(0)} 1/`, 'missing'],
    [METRICS, `${minute(MINUTE_MS)} 1/`, 'changed'],
    [SESSIONS, `user-1/${START}`, 'missing'],
    [SESSIONS, `user-1/${START + MINUTE_MS}`, 'extra'],
  ])
})

test('rows of other times are left out, and so is what the live stream has not settled', async () => {
  const records = recordsOf(visits, true)
  const first = { from: START, to: START + 10 * MINUTE_MS }
  const { of } = await compared(records, records, first)
  assert.deepEqual(
    STREAM_TOPICS.map((topic) => [of(topic)?.live, of(topic)?.recomputed]),
    [
      [1, 1],
      [2, 2],
      [1, 1],
    ],
  )
  // Live, time stands behind the last order; worked out again it goes on.
  const settled = await compared(recordsOf(visits), records)
  assert.deepEqual(settled.differing, [])
  assert.equal(settled.of(SESSIONS)?.recomputed, 2)
})
