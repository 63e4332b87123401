import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { hasCode } from '../kernel/errors.ts'
import { requestOk } from './http.ts'
import { fakeGateway } from './testing/gateway.ts'

test('a redirect is not followed: it is said where to, and which setting to change', async () => {
  await using server = createServer((_request, response) => {
    response.writeHead(301, { location: 'https://far.example.org/api/v1/time' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await assert.rejects(requestOk(`${url}/api/v1/time`, { key: 'k' }), (error) => {
    assert.ok(hasCode(error, 'refused'))
    const told = `${url}/api/v1/time answered 301 to https://far.example.org/api/v1/time: set GATEWAY_URL or OPS_URL to that`
    assert.equal((error as Error).message, told)
    return true
  })
})

test('an answer with a code of ours is an error of that code, and any other is refused', async () => {
  await using ops = await fakeGateway()
  const url = `${ops.url}/api/warehouse/export`
  for (const [answer, code, message] of [
    [{ status: 409, body: { code: 'warehouse_unsupported', detail: 'not here' } }, 'warehouse_unsupported', 'not here'],
    [{ status: 503, body: { code: 'warehouse_corrupt', detail: 'not now' } }, 'warehouse_corrupt', `${url} answered 503: not now`],
    [{ status: 422, body: { code: 'toString', detail: 'no' } }, 'refused', `${url} answered 422: no`],
    [{ status: 502, body: null }, 'refused', `${url} answered 502: null`],
    [{ status: 401, body: { code: 'warehouse_corrupt', detail: 'no key' } }, 'unauthorized', `${url} answered 401: no key`],
  ] as const) {
    ops.told = () => answer
    await assert.rejects(requestOk(url), { name: 'FlowGuardError', code, message })
  }
})
