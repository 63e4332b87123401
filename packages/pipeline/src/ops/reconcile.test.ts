import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayOf, MINUTE_MS } from '@flowguard/contract'
import type { Outcome } from '../reconcile/outcome.ts'
import { audit } from './audit.ts'
import { idleEtl, openMachine, T0, temporaryFolder } from './fixture.ts'
import { opsDeps } from './ops.fixture.ts'
import { createOps } from './server.ts'
import { traceEvent } from './trace.ts'

const DAY = dayOf(T0)
const KEY = { authorization: 'Bearer the key' }

test('what differs is planned, put right and looked at over HTTP; a click is flagged and unflagged; trace tells', async () => {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await machine.heartbeat(0)
  await machine.click({ id: 'click', user: 'u', at: MINUTE_MS }, 'cpc-1')
  await machine.heartbeat(10 * MINUTE_MS)
  await machine.read()
  await using stores = machine.stores()
  const ops = await createOps({ ...opsDeps(machine, stores, folder.path), etl: idleEtl(machine.warehouse) })
  const get = async (path: string) => {
    const answer = await ops.app.inject({ url: `/api/reconcile/${path}`, headers: KEY })
    return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() }
  }
  const post = async (path: string, payload: object) => {
    const headers = { ...KEY, 'content-type': 'application/json' }
    const answer = await ops.app.inject({ method: 'POST', url: `/api/reconcile/${path}`, headers, payload: JSON.stringify(payload) })
    return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() }
  }
  const days = { from: DAY, to: DAY }

  const agreed = (await post('runs', days)).body as unknown as Outcome
  assert.deepEqual([agreed.differences_total, agreed.hours.map(({ charges, stream, batch }) => [charges, stream, batch])], [0, [[1, 5, 5]]])
  assert.equal((await post('flags', { user_id: 'u', event_id: 'click', reason: 'a script' })).status, 200)
  const plan = (await get(`plan?from=${DAY}&to=${DAY}`)).body as unknown as Outcome
  assert.deepEqual(plan.causes, [{ cause: 'filtered', differences: 1, amount: -5, waived: 0 }])
  const run = (await post('runs', days)).body as unknown as Outcome
  assert.deepEqual([run.run_id, run.causes, run.waiting], [2, plan.causes, 1])
  await machine.read()
  const found = await get(`differences?from=${DAY}&to=${DAY}&cause=filtered`)
  assert.deepEqual(
    (found.body as { differences: { event_id: string; applied: boolean }[] }).differences.map(({ event_id: id, applied }) => [id, applied]),
    [['click', true]],
  )
  assert.deepEqual((await get(`hours?from=${DAY}&to=${DAY}`)).body['waiting'], 0)
  assert.deepEqual((await get('runs')).body['runs'], (await get('runs?limit=2')).body['runs'])
  const { outcome } = await traceEvent(stores, 'click')
  assert.equal(outcome.at(-1), 'reconciliation: filtered, the click was found invalid; credited ₹5 to ad cpc-1')
  assert.equal((await audit(stores)).balanced, true)

  assert.deepEqual((await post('flags/remove', { user_id: 'u', event_id: 'click' })).body, { removed: true })
  assert.deepEqual((await get('flags')).body, { flags: [] })
  for (const [path, said] of [
    ['differences?cause=odd', /cause must be one of late/],
    ['differences?limit=0', /limit must be a whole number/],
    ['plan?from=2026-01-01&to=2026-03-01', /span at most 31 days/],
    ['hours?from=soon', /from must be a day/],
  ] as const) {
    const { status, body } = await get(path)
    assert.equal(status, 422, path)
    assert.match(String(body['detail']), said)
  }
  assert.equal((await post('flags', { user_id: 'u' })).status, 422)
  const typo = await post('flags', { user_id: 'u', event_id: 'clock', reason: 'a script' })
  assert.deepEqual([typo.status, typo.body['code']], [422, 'click_missing'])
  assert.equal((await ops.app.inject({ url: '/api/reconcile/runs' })).statusCode, 401)
  await ops.close()
})
