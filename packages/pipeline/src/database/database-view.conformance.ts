import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DatabaseView, OrderEventSeen } from './database-view.ts'
import { packRecords, type OutboxRecord } from './outbox-rows.ts'

/** Tables that are there and empty, a look at them, and a hand that writes rows as their owner does. */
export interface SeenDatabase extends AsyncDisposable {
  view: DatabaseView
  /** `$1` is the first value. */
  run(sql: string, ...values: (string | number | null)[]): Promise<void>
  /** Where order events are kept differs. */
  addEvents: (events: readonly OrderEventSeen[]) => Promise<void>
  addOutbox: (orders: number, count: number, records: string) => Promise<void>
}

const EVENTS = 12_345
const AT = '2026-01-31T12:00:00.000Z'

export function databaseViewConformance(name: string, open: () => Promise<SeenDatabase>): void {
  const withTables = (title: string, work: (seen: SeenDatabase) => Promise<void>) =>
    void test(`${name}: ${title}`, async () => {
      await using seen = await open()
      await work(seen)
    })

  const addOrder = (seen: SeenDatabase, id: string, status = 'placed') =>
    seen.run(
      `insert into orders (order_id, event_id, user_id, item_id, price_paise, quantity, status, created_at, updated_at)
       values ($1, $2, $3, 7, 24950, 2, $4, $5, $6)`,
      `order-${id}`,
      `event-${id}`,
      `user-${id}`,
      status,
      AT,
      AT,
    )
  const orderSeen = (id: string, status = 'placed') => ({
    order_id: `order-${id}`,
    event_id: `event-${id}`,
    user_id: `user-${id}`,
    status,
    created_at: AT,
    updated_at: AT,
  })

  withTables('an order is found by its id, by its event, and by an event that changed it', async (seen) => {
    const { view } = seen
    await addOrder(seen, 'a', 'cancelled')
    await addOrder(seen, 'b')
    await seen.addEvents([
      { eventId: 'event-a', orderId: 'order-a' },
      { eventId: 'event-b', orderId: 'order-b' },
      { eventId: 'cancel', orderId: 'order-a' },
    ])
    for (const id of ['order-a', 'event-a', 'cancel']) assert.deepEqual({ ...(await view.orderOf(id)) }, orderSeen('a', 'cancelled'), id)
    assert.equal(await view.orderOf('nobody'), undefined)
    assert.deepEqual((await view.eventsOf('order-a')).toSorted(), ['cancel', 'event-a'])
    assert.deepEqual(await view.eventsOf('nobody'), [])
    const found = await view.orders(['order-b', 'nobody', 'order-a'])
    assert.deepEqual([...found.keys()].toSorted(), ['order-a', 'order-b'])
    assert.deepEqual({ ...found.get('order-b') }, orderSeen('b'))
    assert.equal((await view.orders([])).size, 0)
  })

  withTables('every order event is gone through once, and an order without its own is named', async (seen) => {
    const events = Array.from({ length: EVENTS }, (_, at) => ({ eventId: `event-${(at * 7_919) % EVENTS}`, orderId: `order-${at}` }))
    await seen.addEvents(events)
    await addOrder(seen, '7')
    await addOrder(seen, 'lost')
    const found: string[] = []
    for await (const some of seen.view.orderEvents()) {
      assert.ok(some.length > 0)
      found.push(...some.map(({ eventId, orderId }) => `${eventId} ${orderId}`))
    }
    assert.equal(found.length, EVENTS)
    assert.deepEqual(found.toSorted(), events.map(({ eventId, orderId }) => `${eventId} ${orderId}`).toSorted())
    assert.deepEqual(await seen.view.ordersWithoutEvent(), ['order-lost'])
  })

  withTables('a walk over the order events may be broken off, and another begins anew', async (seen) => {
    await seen.addEvents([{ eventId: 'e', orderId: 'o' }])
    for (let walk = 0; walk < 2; walk += 1) {
      for await (const some of seen.view.orderEvents()) {
        assert.equal(some.length, 1)
        break
      }
    }
  })

  withTables('the outbox is counted, gone through, and searched by what its records hold', async (seen) => {
    const { view } = seen
    assert.equal(await view.outboxOrders(), 0)
    const order = (id: string): OutboxRecord => ({
      key: 'u1',
      headers: { content_hash: id },
      value: JSON.stringify({ event_id: id, note: '🌶️\n%_' }),
    })
    const heartbeat: OutboxRecord = { key: '', headers: {}, value: '{"event_type":"heartbeat"}', partition: 2 }
    const written: OutboxRecord[][] = [[order('a'), order('b')], [heartbeat], ...Array.from({ length: 500 }, (_, at) => [order(`c${at}`)])]
    for (const records of written)
      await seen.addOutbox(records.filter(({ partition }) => partition === undefined).length, records.length, packRecords(records))
    assert.equal(await view.outboxOrders(), 502)
    assert.deepEqual(await Array.fromAsync(view.outbox()), written)
    assert.deepEqual(await view.outboxWith('"event_id":"b"'), written[0])
    assert.deepEqual(await view.outboxWith('%'), written.filter(([first]) => first !== heartbeat).flat())
    assert.deepEqual(await view.outboxWith('nothing'), [])
  })

  withTables('foods and ads are as they were given', async (seen) => {
    const { view } = seen
    await seen.run(`insert into foods values (3, 'Dosa', 'South Indian', 10000, '', '', 1)`)
    await seen.run(`insert into ads values ('ad-1', 3, 'c1', 'a1', 'cpc', 500, 0)`)
    assert.deepEqual(
      (await view.foods()).map((food) => ({ ...food })),
      [{ food_id: 3, name: 'Dosa', category: 'South Indian' }],
    )
    const ads = await view.ads()
    assert.deepEqual(
      ads.map((ad) => ({ ...ad })),
      [{ adId: 'ad-1', itemId: 3, campaignId: 'c1', advertiserId: 'a1', pricing: 'cpc' }],
    )
    assert.equal((await view.ad('ad-1'))?.pricing, 'cpc')
    assert.equal(await view.ad('nobody'), undefined)
  })
}
