import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunShown } from '../etl/store.ts'
import { settledOf } from './ops-questions.ts'

type Told = readonly [state: RunShown['state'], tables: string | null, date?: string]

/** The latest first. */
const runs = (states: readonly Told[]) =>
  states.map(([state, tables, date = '2026-03-01'], at) => ({ run_id: states.length - at, state, tables, from_date: date }) as RunShown)

test('a failed run is told until it is made good: by a run of everything, or by one of the same tables of the same day', () => {
  const failed = ['failed', 'gold.a'] as const
  const told = (...states: readonly Told[]) => settledOf(runs(states))?.run_id
  assert.equal(told(['running', null], failed), 1)
  assert.equal(told(['done', 'gold.b'], failed), 1, 'another table')
  assert.equal(told(['done', 'gold.a', '2026-03-02'], failed), 1, 'another day')
  assert.equal(told(['done', 'gold.a'], failed), 2)
  assert.equal(told(['done', null], failed), 2)
  assert.equal(told(['done', 'gold.b'], ['failed', null]), 1)
  assert.equal(told(['failed', null], ['done', null]), 2)
  assert.equal(told(['interrupted', null]), undefined)
})
