import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { lockFolder } from '../kernel/lock.ts'
import { run, temporaryFolder } from './testing/run.ts'

const REDIS = 'redis://127.0.0.1:1'

test('where the counters are kept with the ledger there is nothing to fill', async () => {
  using folder = temporaryFolder()
  const { code, stdout, stderr } = await run(['billing', 'rebuild', '--data-dir', folder.path])
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(stderr, /always are its sums: there is nothing to fill/)
})

test('where FlowGuard runs it is asked to fill them, and waited for', async () => {
  using folder = temporaryFolder()
  using _held = lockFolder(folder.path, 'ops')
  const asked: string[] = []
  await using server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ epoch: asked.length < 3 ? null : 'new', changes: 7 }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ops = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { code, stdout } = await run(['billing', 'rebuild', '--json', '--data-dir', folder.path, '--ops-url', ops], {
    env: { COUNTERS_URL: REDIS },
  })
  assert.deepEqual([code, JSON.parse(stdout)], [0, { epoch: 'new' }])
  assert.deepEqual(asked, ['POST /api/billing/rebuild', 'GET /api/billing/rebuild', 'GET /api/billing/rebuild'])
})

test('where nothing was ever charged, or Redis does not answer, it says so', async () => {
  using folder = temporaryFolder()
  const { code, stderr } = await run(['billing', 'rebuild', '--data-dir', folder.path], { env: { COUNTERS_URL: REDIS } })
  assert.equal(code, 1)
  assert.match(stderr, /pipeline\.db/)
})
