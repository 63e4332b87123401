import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { counterChanges } from '../billing/counter-changes.ts'
import { openedStore } from '../billing/testing/view.ts'
import { counterRoutes } from './routes-counters.ts'

const url = '/api/billing/rebuild'

test('the counters that are kept elsewhere are asked to be filled, and whoever asked can see when they are', async () => {
  using store = openedStore({ isTold: true })
  await using app = Fastify()
  const counters = counterChanges(store.db)
  counterRoutes(app, { counters })
  counters.setEpoch('first')
  assert.deepEqual((await app.inject({ url })).json(), { epoch: 'first', changes: 0 })
  const asked = await app.inject({ method: 'POST', url })
  assert.deepEqual([asked.statusCode, asked.json()], [202, { epoch: null, changes: 0 }])
  counters.setEpoch('second')
  assert.equal((await app.inject({ url })).json<{ epoch: string }>().epoch, 'second')
})

test('those that are kept with the ledger are not', async () => {
  await using app = Fastify()
  counterRoutes(app, {})
  for (const method of ['GET', 'POST'] as const) {
    const answer = await app.inject({ method, url })
    assert.deepEqual([answer.statusCode, answer.json<{ code: string }>().code], [409, 'counters_here'])
  }
})
