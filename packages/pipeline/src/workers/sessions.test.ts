import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MINUTE_MS } from '@flowguard/contract'
import { START } from '../reader/testing/fixture.ts'
import { sessionsFrom } from './sessions.ts'

/** Minutes after the start to the minutes at which the session of each began. */
function startsOf(minutes: readonly number[]): number[] {
  const sessions = sessionsFrom(new Map())
  return minutes.map((at) => (sessions.startOf('u', START + at * MINUTE_MS, START) - START) / MINUTE_MS)
}

test('a gap of exactly 30 minutes is within a session, and a millisecond more is not', () => {
  assert.deepEqual(startsOf([0, 30, 60]), [0, 0, 0])
  assert.deepEqual(startsOf([0, 30 + 1 / 60_000]), [0, 30 + 1 / 60_000])
})

test('an event from before the session begins it sooner, or is alone where the gap is too long', () => {
  assert.deepEqual(startsOf([40, 10, 45]), [40, 10, 10])
  assert.deepEqual(startsOf([40, 9, 45]), [40, 9, 40])
  assert.deepEqual(startsOf([0, 20, 5, 50]), [0, 0, 0, 0])
})
