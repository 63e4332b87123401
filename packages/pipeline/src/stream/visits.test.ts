import assert from 'node:assert/strict'
import { test } from 'node:test'
import { METRICS, MINUTE_MS, SESSION_GAP_MS, SESSIONS } from '@flowguard/contract'
import { transaction } from '../kernel/sqlite.ts'
import { memoryStore, START } from '../reader/testing/fixture.ts'
import { journeyIndexIn } from './journey-index.ts'
import type { Step } from './step.ts'
import { visitsIn } from './visits.ts'

/** More than a call takes arguments. */
const USERS = 200_000

test(`time that goes on at once ends the sessions of ${USERS} users`, async () => {
  using store = memoryStore()
  const { db, derived } = store
  const visits = visitsIn(db, { derived, journeys: journeyIndexIn(db), doubleClickMs: 2_000 })
  const step: Omit<Step, 'id' | 'userId'> = {
    kind: 'impression',
    ts: START,
    itemId: 1,
    adId: 'a',
    campaignId: null,
    address: null,
    paise: 0,
    isAttributed: false,
  }
  const rowsOf = async (topic: typeof SESSIONS | typeof METRICS) => (await derived.ends(topic)).reduce((sum, { end }) => sum + end, 0)
  transaction(db, () => {
    visits.load(0, () => undefined)
    for (let user = 0; user < USERS; user += 1) visits.arrive({ ...step, id: `i-${user}`, userId: `u-${user}` }, 0)
    visits.pass([], START + MINUTE_MS)
  })
  assert.deepEqual([await rowsOf(METRICS), await rowsOf(SESSIONS)], [1, 0])
  transaction(db, () => visits.pass([], START + SESSION_GAP_MS + MINUTE_MS))
  assert.equal(await rowsOf(SESSIONS), USERS)
})
