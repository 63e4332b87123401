import assert from 'node:assert/strict'
import test from 'node:test'
import { openMachine, temporaryFolder } from '../ops/fixture.ts'
import { fakeGateway } from './testing/gateway.ts'
import { run } from './testing/run.ts'

const ORDER = {
  order_id: 'o-1',
  event_id: 'sent',
  client_order_id: null,
  user_id: '7',
  item_id: 4,
  item_name: 'Biryani',
  price: 329,
  quantity: 2,
  status: 'placed',
  created_at: '',
  updated_at: '',
}

test('send order: what was answered, stored, and the way so far', async () => {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await using gateway = await fakeGateway()
  gateway.told = (url) => (url === '/api/v1/orders/o-1' ? { body: ORDER } : undefined)
  await machine.heartbeat(0)
  await machine.order({ id: 'sent', user: '7', at: 1_000 })
  await machine.ship()
  await machine.read()
  const args = [
    'send',
    'order',
    '--id',
    'sent',
    '--user',
    '7',
    '--item',
    '4',
    '--quantity',
    '2',
    '--wait',
    '0',
    '--gateway-url',
    gateway.url,
    '--data-dir',
    folder.path,
  ]
  const { code, stdout, stderr } = await run(args, { env: { WRITE_KEY: 'k' } })
  assert.equal(code, 0)
  assert.deepEqual(gateway.events, [{ user_id: 7, event_id: 'sent', item_id: 4, quantity: 2 }])
  assert.equal(gateway.requests[0]?.headers.authorization, 'Bearer k')
  assert.match(stdout, /accepted .*"o-1"[^]*stored +Biryani × 2 at ₹329, placed[^]*order sent +user 7[^]*→ pending/)
  assert.match(stderr, /That goes on: npx flowguard trace sent/)

  await machine.heartbeat(60_000)
  await machine.read()
  const settled = await run([...args, '--json'])
  const { order, trace } = JSON.parse(settled.stdout) as { order: object; trace: { outcome: string[] } }
  assert.deepEqual(order, ORDER)
  assert.match(trace.outcome[0] ?? '', /attributed to no click/)
  assert.equal(settled.stderr, '')
})

test('send click: the ad by its dish, an impression by its own route', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  const base = ['--wait', '0', '--gateway-url', gateway.url, '--data-dir', folder.path]
  await run(['send', 'click', '--ad', 'food_4', ...base])
  const shown = await run(['send', 'click', '--type', 'impression', '--user', 'anna', ...base])
  assert.equal(shown.code, 0)
  assert.match(shown.stderr, /do not hold it/)
  assert.deepEqual(
    gateway.requests.map(({ url }) => url),
    ['/api/v1/clicks', '/api/v1/clicks/impression'],
  )
  assert.deepEqual(gateway.events[0], { user_id: 1001, ad_id: 'food_4', is_click: true, ad_type: 'banner' })
  assert.equal(gateway.events[1]?.['user_id'], 'anna')
})

test('send event: a purchase has its amount', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  gateway.told = (url) => (url === '/events' ? { status: 202, body: { event_id: 'x', status: 'accepted' } } : undefined)
  assert.equal(
    (
      await run([
        'send',
        'event',
        '--type',
        'purchase',
        '--price',
        '499',
        '--wait',
        '0',
        '--gateway-url',
        gateway.url,
        '--data-dir',
        folder.path,
      ])
    ).code,
    0,
  )
  assert.deepEqual(JSON.parse(gateway.requests[0]?.body ?? ''), { user_id: 1001, event_type: 'purchase', properties: { amount: 499 } })
})

test('what the gateway refuses is a failure, with its fields', async () => {
  await using gateway = await fakeGateway()
  gateway.told = () => ({ status: 422, body: { detail: 'does not fit', errors: [{ field: '/item_id', message: 'must be a dish' }] } })
  const { code, stderr } = await run(['send', 'order', '--gateway-url', gateway.url])
  assert.equal(code, 1)
  assert.match(stderr, /answered 422: does not fit: \/item_id must be a dish/)
  assert.ok(!stderr.includes('WRITE_KEY'))
  gateway.told = () => ({
    status: 422,
    body: { detail: '/item_id must be a dish', errors: [{ field: '/item_id', message: 'must be a dish' }] },
  })
  assert.match((await run(['send', 'order', '--gateway-url', gateway.url])).stderr, /answered 422: \/item_id must be a dish\n/)
})

test('a key that is missing is told from all else', async () => {
  await using gateway = await fakeGateway()
  gateway.told = () => ({ status: 401, body: { detail: 'the write key is unknown or revoked' } })
  const { code, stderr } = await run(['send', 'order', '--gateway-url', gateway.url])
  assert.equal(code, 1)
  assert.match(stderr, /answered 401: the write key is unknown or revoked\n.*WRITE_KEY/)
})
