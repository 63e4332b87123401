import assert from 'node:assert/strict'
import test from 'node:test'
import { fakeGateway } from './testing/gateway.ts'
import { run } from './testing/run.ts'

const check = (url: string, ...more: string[]) =>
  run(['health-check', '--gateway-url', url, '--ops-url', url, ...more], { env: { CATALOG_PORT: new URL(url).port } })

test('all well is 0', async () => {
  await using gateway = await fakeGateway()
  gateway.told = () => ({ body: { status: 'healthy' } })
  const { code, stdout } = await check(gateway.url)
  assert.equal(code, 0)
  assert.equal(stdout.match(/healthy/g)?.length, 3)
})

test('one that is unwell, degraded, or no FlowGuard at all is 3, with the check that failed', async () => {
  await using gateway = await fakeGateway()
  const unwell = {
    status: 503,
    body: {
      status: 'unhealthy',
      checks: { kafka: { status: 'healthy' }, disk: { status: 'unhealthy', detail: 'the disk is nearly full' } },
    },
  }
  for (const answer of [unwell, { body: { status: 'degraded' } }, { body: 'hello' }, { status: 404 }]) {
    gateway.told = () => answer
    assert.equal((await check(gateway.url)).code, 3)
  }
  gateway.told = () => unwell
  assert.match((await check(gateway.url)).stdout, /unhealthy.*answers 503; disk: the disk is nearly full/)
})

test('one that does not answer is 3, and named', async () => {
  const { code, stdout } = await check('http://127.0.0.1:9', '--json')
  assert.equal(code, 3)
  assert.deepEqual(
    (JSON.parse(stdout) as { service: string; status: string }[]).map(({ service, status }) => [service, status]),
    [
      ['gateway', 'unreachable'],
      ['catalogue', 'unreachable'],
      ['operations', 'unreachable'],
    ],
  )
})
