import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PastState } from 'flowguard/answers'
import { figuresOf, SPAN_SECONDS, withState, type History } from './figures.ts'

const T0 = Date.parse('2026-03-01T12:00:00Z')

function past(seconds: number, more: Partial<PastState> = {}): PastState {
  return {
    at: new Date(T0 + seconds * 1_000).toISOString(),
    summary: { events_per_s: 20, outbox: 3, pending_orders: 4, dead: 5 },
    gateway: { events_per_s: 21, queue: 1 },
    readers: [{ name: 'billing', lag: 7 }],
    reader_rates: { billing: 30, loader: 40 },
    topic_rates: { 'raw.orders.v1': 2, 'attributed.events.v1': 1.5 },
    charge_rates: { cpm: 6, cpc: 1, cpa: 0.5, credit: 0 },
    dead_rates: { billing: 0.1, workers: 0.2, stream: null },
    etl: null,
    ...more,
  }
}

test('the ledger is told by its rows and the dead letters by those buried, not by what their readers read', () => {
  const figures = figuresOf(past(0))
  assert.deepEqual(figures.ledger, { rate: 7.5, lag: null })
  assert.deepEqual([figures.dead.rate?.toFixed(1), figures.dead.lag], ['0.3', 5])
  assert.deepEqual(figures.billing, { rate: 30, lag: 7 })
  assert.deepEqual(figures.stream, { rate: null, lag: 0 })
  assert.deepEqual(figuresOf(past(0, { dead_rates: { stream: null } })).dead.rate, null)
})

test('what has been is kept for as long as it is drawn, and what is told twice is there once', () => {
  let history: History = new Map()
  for (const at of [0, 1, 2, 2, 1]) history = withState(history, past(at))
  assert.deepEqual(
    history.get('log')?.map(({ at }) => at - T0 / 1_000),
    [0, 1],
  )
  history = withState(history, past(SPAN_SECONDS))
  assert.deepEqual(
    history.get('log')?.map(({ at }) => at - T0 / 1_000),
    [0, 1, 2, SPAN_SECONDS],
  )
  assert.deepEqual(history.get('billing')?.[2], { at: T0 / 1_000 + 2, rate: null, lag: null }, 'nobody looked meanwhile')
  assert.deepEqual(
    withState(history, past(SPAN_SECONDS + 2))
      .get('log')
      ?.map(({ at }) => at - T0 / 1_000),
    [2, SPAN_SECONDS, SPAN_SECONDS + 2],
  )
})
