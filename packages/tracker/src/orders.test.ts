import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AD, fakeSite, openTab } from './browser-fixture.ts'
import { REQUEST_MS_MAX } from './gateway.ts'
import { ORDER_ACT_MS, ORDER_FLUSH_MS_MAX, ORDER_MS_MAX, OrderError } from './orders.ts'

const DISH = { item_id: 7, price: 249.5, quantity: 2 }

/** Lets the time pass that an order takes, and gives what became of it. */
async function outcome<T>(site: ReturnType<typeof fakeSite>, order: Promise<T>): Promise<T | OrderError> {
  const settled = order.catch((error: unknown) => {
    assert.ok(error instanceof OrderError)
    return error
  })
  await site.clock.advance(ORDER_FLUSH_MS_MAX + ORDER_MS_MAX)
  return settled
}

const paths = ({ gateway }: ReturnType<typeof fakeSite>) => gateway.requests.map(({ path }) => path.replace(/.*\//, ''))
const orderIds = ({ gateway }: ReturnType<typeof fakeSite>) =>
  gateway.requests.filter(({ path }) => path.endsWith('orders')).map(({ events }) => events[0]?.event_id)

test('the clicks go out before the order that they lead to, and the answer is the gateway’s', async () => {
  const site = fakeSite()
  const { tracker } = openTab(site)
  const click = tracker.click(AD)
  const answer = await outcome(site, tracker.order(DISH))
  assert.deepEqual(paths(site), ['batch', 'orders'])
  const [batch, order] = site.gateway.requests
  assert.ok(batch)
  assert.equal(batch.events[0]?.event_id, click)
  assert.equal(order?.headers['content-type'], 'application/json')
  const { event_id, session_id, user_id, timestamp, ...rest } = order.events[0]!
  assert.deepEqual(rest, { event_type: 'order', ...DISH })
  assert.deepEqual([user_id, session_id], [tracker.userId(), tracker.sessionId()])
  assert.ok(timestamp >= String(batch.events[0]?.timestamp))
  assert.deepEqual(answer, { success: true, order_id: 'o-1', event_id, status: 'confirmed' })
  assert.equal(
    [...site.storage.values.keys()].some((key) => key.startsWith('flowguard:order:')),
    false,
  )
})

test('with nothing to wait for it goes at once', async () => {
  const site = fakeSite()
  const order = openTab(site).tracker.order(DISH)
  await site.clock.advance(0)
  assert.equal((await order).order_id, 'o-1')
})

test('clicks wait out their backoff no longer when an order comes', async () => {
  const site = fakeSite()
  site.gateway.told = () => 'down'
  const { tracker } = openTab(site)
  tracker.click(AD)
  await site.clock.advance(200_000)
  site.gateway.requests.length = 0
  site.gateway.told = () => undefined
  await outcome(site, tracker.order(DISH))
  assert.deepEqual(paths(site), ['batch', 'orders'])
})

test('where the clicks do not get through, the order goes when its wait is over, and they follow at once', async () => {
  for (const trouble of [{ status: 503 }, { status: 503, headers: { 'retry-after': '30' } }, 'hang'] as const) {
    const site = fakeSite()
    site.gateway.told = ({ path }) => (path.endsWith('batch') && !paths(site).includes('orders') ? trouble : undefined)
    const { tracker } = openTab(site)
    tracker.click(AD)
    const startedAt = site.clock.now()
    const order = tracker.order(DISH).then((answer) => ({ answer, tookMs: site.clock.now() - startedAt }))
    await site.clock.advance(ORDER_FLUSH_MS_MAX)
    assert.ok((await order).tookMs <= ORDER_FLUSH_MS_MAX)
    // What hangs must be given up first.
    await site.clock.advance(trouble === 'hang' ? REQUEST_MS_MAX : 1_000)
    assert.equal(tracker.counts().queued, 0)
  }
})

test('an order without an answer is tried again with the same id and bytes', async () => {
  const site = fakeSite()
  site.gateway.told = () => [undefined, 'down' as const, { status: 503 }, { status: 200, body: '<html>' }][site.gateway.requests.length]
  const { tracker } = openTab(site)
  const answer = await outcome(site, tracker.order(DISH))
  assert.ok('order_id' in answer)
  assert.equal(site.gateway.requests.length, 4)
  assert.equal(new Set(site.gateway.requests.map(({ body }) => body)).size, 1)
})

test('Retry-After is honoured for an order, and where it asks for too long the customer is told', async () => {
  const site = fakeSite()
  const triedAt: number[] = []
  site.gateway.told = () => {
    triedAt.push(site.clock.now())
    return triedAt.length === 1 ? { status: 503, headers: { 'retry-after': '5' } } : undefined
  }
  const { tracker } = openTab(site)
  await outcome(site, tracker.order(DISH))
  assert.equal(triedAt[1]! - triedAt[0]!, 5_000)
  site.gateway.told = () => ({ status: 429, headers: { 'retry-after': '60' } })
  const startedAt = site.clock.now()
  const order = assert.rejects(tracker.order({ item_id: 8 }), { reason: 'unanswered' })
  await site.clock.advance(0)
  await order
  assert.equal(site.clock.now(), startedAt)
})

test('a refused order is told, and the next is another act', async () => {
  const site = fakeSite()
  site.gateway.told = () => ({ status: 422, body: { code: 'invalid_event', detail: '/price is required' } })
  const { tracker } = openTab(site)
  const refused = await outcome(site, tracker.order({ item_id: 999 }))
  assert.ok(refused instanceof OrderError)
  assert.deepEqual([refused.reason, refused.code, refused.message], ['refused', 'invalid_event', 'order refused: /price is required'])
  await outcome(site, tracker.order({ item_id: 999 }))
  assert.equal(site.gateway.requests.length, 2)
  assert.equal(new Set(orderIds(site)).size, 2)
})

test('an order to a gateway that does not know the key is tried again, and may be pressed again: it is the same act', async () => {
  const site = fakeSite()
  site.gateway.told = () => ({ status: 401, body: { code: 'unauthorized' } })
  const { tracker } = openTab(site)
  const unanswered = await outcome(site, tracker.order(DISH))
  assert.ok(unanswered instanceof OrderError)
  assert.deepEqual([unanswered.reason, unanswered.message], ['unanswered', 'order unanswered: the gateway answered 401'])
  site.gateway.told = () => undefined
  assert.ok('order_id' in (await outcome(site, tracker.order(DISH))))
  assert.equal(new Set(orderIds(site)).size, 1)
})

test('the same order again, after no answer and a reload, is the same act; after an answer it is another', async () => {
  const site = fakeSite()
  site.gateway.told = () => 'down'
  const before = openTab(site)
  const unanswered = await outcome(site, before.tracker.order(DISH))
  assert.ok(unanswered instanceof OrderError && unanswered.reason === 'unanswered')
  before.tracker.stop()
  site.gateway.told = () => undefined
  const after = openTab(site)
  await outcome(site, after.tracker.order({ item_id: 8 }))
  await outcome(site, after.tracker.order(DISH))
  await outcome(site, after.tracker.order(DISH))
  const ids = orderIds(site)
  const [other, again, anew] = ids.slice(-3)
  assert.equal(new Set(ids.slice(0, -3)).size, 1)
  assert.equal(again, ids[0])
  assert.notEqual(other, ids[0])
  assert.notEqual(anew, ids[0])
})

test('a button pressed twice is one order', async () => {
  const site = fakeSite()
  const { tracker } = openTab(site)
  const [one, other] = [tracker.order(DISH), tracker.order({ ...DISH })]
  await site.clock.advance(0)
  assert.deepEqual(await one, await other)
  assert.equal(site.gateway.requests.length, 1)
})

test('an unanswered order is forgotten after a while, or when the user is another', async () => {
  const site = fakeSite()
  site.gateway.told = () => 'down'
  const { tracker } = openTab(site)
  await outcome(site, tracker.order(DISH))
  const user = tracker.userId()
  tracker.setUser('asha')
  await outcome(site, tracker.order(DISH))
  tracker.setUser(user)
  await site.clock.advance(ORDER_ACT_MS)
  openTab(site)
  assert.equal(
    [...site.storage.values.keys()].some((key) => key.startsWith('flowguard:order:')),
    false,
  )
  await outcome(site, tracker.order(DISH))
  assert.equal(new Set(orderIds(site)).size, 3)
})

test('what is written where an unanswered order was is no order', async () => {
  const site = fakeSite()
  const { tracker } = openTab(site)
  const key = `flowguard:order:${JSON.stringify([tracker.userId(), DISH])}`
  for (const text of ['{"event_id":', 'null', '{"event_id":"x","timestamp":"never"}']) {
    site.storage.values.set(key, text)
    assert.ok('order_id' in (await outcome(site, tracker.order(DISH))))
  }
  assert.ok(orderIds(site).every((id) => id?.startsWith('id-')))
})
