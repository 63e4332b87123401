import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { alertBook, type AlertBook } from '../alerts/book.ts'
import { transaction } from '../kernel/sqlite.ts'
import { idleEtl, openMachine, T0, temporaryFolder, type TestMachine } from '../ops/fixture.ts'
import { opsDeps } from '../ops/ops.fixture.ts'
import { createOps, type Ops } from '../ops/server.ts'
import type { Stores } from '../ops/stores.ts'
import { run } from './testing/run.ts'

const folder = temporaryFolder()
const ID = `orders_per_user/u1/${T0}`
let machine: TestMachine
let stores: Stores
let ops: Ops
let flags: string[]

before(async () => {
  machine = openMachine(folder.path)
  stores = machine.stores()
  ops = await createOps({ ...opsDeps(machine, stores, join(folder.path, 'ops')), etl: idleEtl(machine.warehouse), keyed: 'changes' })
  const port = await ops.listen({ host: '127.0.0.1', port: 0 })
  flags = ['--data-dir', folder.path, '--ops-url', `http://127.0.0.1:${port}`]
})
after(async () => {
  await ops.close()
  await stores[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const act = (work: (of: AlertBook) => void) =>
  transaction(machine.pipeline.db, () => work(alertBook({ ...machine.pipeline, clock: () => T0, cooldownMs: () => 0 })))
const alerts = (...args: string[]) => run(['alerts', ...args, ...flags], { env: { WRITE_KEY: 'the key' } })

test('where nothing was raised that is said', async () => {
  const { code, stderr } = await alerts('list')
  assert.deepEqual([code, stderr.trim()], [0, 'No alert has been raised.'])
})

test('an alert is listed, shown, acknowledged and resolved', async () => {
  act((book) =>
    book.raise({
      rule: 'orders_per_user',
      kind: 'fraud',
      subject: 'u1',
      severity: 'critical',
      title: 'User u1 has placed 6 orders',
      detail: 'Look.',
      reason: '6 orders',
      value: 6,
      expected: { low: null, high: 5 },
      at: T0,
    }),
  )
  const listed = await alerts('list', '--state', 'open')
  assert.match(listed.stdout, new RegExp(`critical +open +1 +${ID} +User u1 has placed 6 orders`))
  assert.match((await alerts('show', ID)).stdout, /value +6, usual is at most 5/)
  const acknowledged = await alerts('ack', ID, '--note', 'on it')
  assert.deepEqual([acknowledged.code, acknowledged.stdout.trim()], [0, 'Acknowledged.'])
  const shown = await alerts('show', ID)
  assert.match(shown.stdout, /state +open, acknowledged/)
  assert.match(shown.stdout, /note +on it/)
  assert.equal((await alerts('resolve', ID)).code, 0)
  assert.match((await alerts('show', ID)).stdout, /over +.*by operator/)
  const again = await alerts('resolve', ID)
  assert.deepEqual([again.code, /over already/.test(again.stderr)], [1, true])
  assert.deepEqual((JSON.parse((await alerts('list', '--state', 'open', '--json')).stdout) as { total: number }).total, 0)
})

test('one that is not there is no success, and nothing is changed without the key', async () => {
  assert.equal((await alerts('show', 'none')).code, 1)
  assert.equal((await alerts('ack', 'none')).code, 1)
  const { code, stderr } = await run(['alerts', 'resolve', ID, ...flags], { env: { WRITE_KEY: 'another' } })
  assert.deepEqual([code, /401/.test(stderr)], [1, true])
})
