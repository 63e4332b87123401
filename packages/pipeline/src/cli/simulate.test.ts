import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { ROOT } from '../kernel/config.ts'
import { simulate } from './simulate.ts'
import { fakeGateway } from './testing/gateway.ts'
import { run, start } from './testing/run.ts'

const FILES = { FOODS_FILE: join(ROOT, 'data/food_items.json'), ADS_FILE: join(ROOT, 'data/ads.json') }
const NEVER = new AbortController().signal

/** Goes on by a little each time it is read, so that a machine that stalls does not find many events due at once. */
function steadyClock(): () => number {
  let now = Date.UTC(2026, 6, 1, 12)
  return () => (now += 2)
}

test('it sends what its people do, each by its own route, and counts it', async () => {
  await using gateway = await fakeGateway()
  const args = ['simulate', '--rate', '40', '--duration', '1', '--seed', '5', '--gateway-url', gateway.url, '--json']
  const { code, stdout, stderr } = await run(args, { clock: steadyClock() })
  const totals = JSON.parse(stdout) as Record<string, number>
  assert.equal(code, 0)
  assert.match(stderr, /Seed 5/)
  assert.equal(totals['sent'], gateway.accepted.length)
  assert.equal(totals['accepted'], totals['sent'])
  assert.ok(Math.abs((totals['sent'] ?? 0) - 40) <= 3)
  const routes = new Set(gateway.requests.map(({ url }) => url))
  assert.ok(routes.has('/api/v1/clicks/impression') && routes.has('/api/v1/clicks'), [...routes].join(' '))
})

test('many at once go as batches', async () => {
  await using gateway = await fakeGateway()
  const settings = { ...FILES, GATEWAY_URL: gateway.url, WRITE_KEY: 'k' }
  const totals = await simulate({ settings, rate: 3_000, durationS: 1, seed: 1, signal: NEVER })
  assert.equal(totals.accepted, gateway.accepted.length)
  assert.equal(totals.sent, totals.impressions + totals.clicks + totals.orders)
  assert.ok(gateway.requests.some(({ url }) => url === '/api/v1/batch'))
  assert.equal(gateway.requests[0]?.headers.authorization, 'Bearer k')
})

test('a gateway that goes away for a while does not stop it', async () => {
  await using gateway = await fakeGateway()
  gateway.told = (_url, count) => (count > 10 && count <= 20 ? { reset: true } : count === 25 ? { status: 503 } : undefined)
  const said: boolean[] = []
  const settings = { ...FILES, GATEWAY_URL: gateway.url, WRITE_KEY: '' }
  const onAway = (isAway: boolean) => said.push(isAway)
  const totals = await simulate({ settings, rate: 50, durationS: 1, seed: 1, signal: NEVER, onAway, clock: steadyClock() })
  assert.ok(totals.unavailable >= 11, `${totals.unavailable}`)
  assert.equal(totals.accepted, totals.sent - totals.unavailable)
  assert.equal(totals.accepted, gateway.accepted.length)
  assert.deepEqual(said, [true, false, true, false])
})

test('until stopped means until stopped, and then it is an interruption', async () => {
  await using gateway = await fakeGateway()
  const running = start(['simulate', '--rate', '100', '--duration', '0', '--gateway-url', gateway.url])
  gateway.told = () => {
    if (gateway.accepted.length >= 20) running.interrupt()
    return undefined
  }
  const { code, stdout } = await running.done
  assert.equal(code, 130)
  assert.match(stdout, /accepted/)
})

test('no gateway is said at once, and so is a write key that is refused', async () => {
  const away = await run(['simulate', '--gateway-url', 'http://127.0.0.1:9'])
  assert.equal(away.code, 1)
  assert.match(away.stderr, /does not answer/)
  await using gateway = await fakeGateway()
  gateway.told = (url) => (url === '/livez' ? undefined : { status: 401, body: { detail: 'the write key is unknown or revoked' } })
  const refused = await run(['simulate', '--gateway-url', gateway.url])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /401: the write key is unknown/)
})
