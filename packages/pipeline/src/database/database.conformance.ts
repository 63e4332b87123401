import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ad, AdId, Food, MinorUnits } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Database, OrderDraft } from './database.ts'

/** One store of operational tables: what is opened again finds what was there. */
export interface DatabaseStore extends AsyncDisposable {
  open(clock: Clock): Promise<Database>
  /** As another process sees it. */
  openReader(clock: Clock): Promise<Database>
}

const NOON = Date.parse('2026-01-31T12:00:00.000Z')
const noon: Clock = () => NOON

let drafts = 0

/** An order of user u1 that has ids of its own, which rise as the gateway's do. */
export function draftOf(change: Partial<OrderDraft> = {}): OrderDraft {
  drafts += 1
  const orderId = `018d5f00-0000-7000-8000-${String(drafts).padStart(12, '0')}`
  const userId = change.userId ?? 'u1'
  const draft = { eventId: `event-${drafts}`, orderId, clientOrderId: null, orderType: 'placed' as const, userId, contentHash: `hash-${drafts}`, ...change }
  return {
    headers: { content_hash: draft.contentHash, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    event: {
      event_type: 'order',
      event_id: draft.eventId,
      user_id: userId,
      item_id: 7,
      item_name: 'Paneer Biryani',
      price: 249.5,
      quantity: 2,
      order_type: draft.orderType,
      note: 'no onions, 🌶️\n',
    },
    ...draft,
  }
}

export function statusOf(orderType: 'confirmed' | 'cancelled' | 'delivered', clientOrderId: string | null, change: Partial<OrderDraft> = {}): OrderDraft {
  return draftOf({ orderType, clientOrderId, ...change })
}

export async function placed(database: Database, draft: OrderDraft): Promise<string> {
  const result = await database.take(draft)
  assert.equal(result.kind, 'accepted')
  return (result as { orderId: string }).orderId
}

export async function outboxValues(database: Database): Promise<Record<string, unknown>[]> {
  const rows = await database.outbox(10_000)
  return rows.map(({ record }) => JSON.parse(record.value as string) as Record<string, unknown>)
}

const FOOD: Food = {
  food_id: 3,
  name: 'Masala Dosa',
  category: 'South Indian',
  price: 129.99,
  description: 'crisp, with potato',
  image_url: '/images/masala-dosa.webp',
  is_available: true,
}
const AD: Ad = {
  adId: 'ad_3' as AdId,
  itemId: 3,
  campaignId: 'c1',
  advertiserId: 'a1',
  pricing: 'cpc',
  rate: 250 as MinorUnits,
  dailyBudget: 100_000 as MinorUnits,
}

/** What every engine of the operational tables holds to. */
export function databaseConformance(name: string, make: () => Promise<DatabaseStore>): void {
  const withDatabase = (title: string, run: (database: Database, store: DatabaseStore) => Promise<void>) =>
    test(`${name}: ${title}`, async () => {
      await using store = await make()
      await using database = await store.open(noon)
      await run(database, store)
    })

  ordersConformance(withDatabase)
  statusConformance(withDatabase)
  outboxConformance(withDatabase)
  tablesConformance(withDatabase)

  test(`${name}: what was accepted is there when it is opened again`, async () => {
    await using store = await make()
    const draft = draftOf()
    {
      await using database = await store.open(noon)
      await placed(database, draft)
      await database.replaceFoods([FOOD])
      await database.addKey('till', 'aa')
    }
    await using again = await store.open(noon)
    assert.equal((await again.order(draft.orderId))?.event_id, draft.eventId)
    assert.equal((await again.outbox(10)).length, 1)
    assert.deepEqual(await again.take(draft), { kind: 'duplicate', orderId: draft.orderId })
    assert.deepEqual(await again.foods(), [FOOD])
    assert.equal(again.hasKey('aa'), true)
  })

  test(`${name}: what still waits for its commit is written when it is closed`, async () => {
    await using store = await make()
    const draft = draftOf()
    const database = await store.open(noon)
    const answer = database.take(draft)
    await database[Symbol.asyncDispose]()
    assert.deepEqual(await answer, { kind: 'accepted', orderId: draft.orderId })
    await using again = await store.open(noon)
    assert.equal((await again.outbox(10)).length, 1)
  })

  test(`${name}: once closed it takes no more`, async () => {
    await using store = await make()
    const database = await store.open(noon)
    await database[Symbol.asyncDispose]()
    await assert.rejects(database.take(draftOf()), (error) => hasCode(error, 'log_unavailable'))
  })

  test(`${name}: another process sees what is committed and may change nothing`, async () => {
    await using store = await make()
    await using database = await store.open(noon)
    await using reader = await store.openReader(noon)
    const draft = draftOf()
    const before = reader.outboxVersion()
    await placed(database, draft)
    assert.notEqual(reader.outboxVersion(), before)
    assert.equal((await reader.order(draft.orderId))?.price, 249.5)
    assert.equal((await reader.outbox(10)).length, 1)
    const refused = (error: unknown) => hasCode(error, 'store_unwritable')
    await assert.rejects(reader.take(draftOf()), refused)
    await assert.rejects(reader.shipped(1), refused)
    await assert.rejects(reader.replaceFoods([]), refused)
    await assert.rejects(reader.addKey('n', 'h'), refused)
    assert.equal((await database.outbox(10)).length, 1)
  })
}

type WithDatabase = (title: string, run: (database: Database, store: DatabaseStore) => Promise<void>) => void

function ordersConformance(withDatabase: WithDatabase): void {
  withDatabase('an order placed is in the table and in the outbox', async (database) => {
    const draft = draftOf({ clientOrderId: 'mine-1' })
    assert.deepEqual(await database.take(draft), { kind: 'accepted', orderId: draft.orderId })
    assert.deepEqual(await database.order(draft.orderId), {
      order_id: draft.orderId,
      event_id: draft.eventId,
      client_order_id: 'mine-1',
      user_id: 'u1',
      item_id: 7,
      item_name: 'Paneer Biryani',
      price: 249.5,
      quantity: 2,
      status: 'placed',
      created_at: '2026-01-31T12:00:00.000Z',
      updated_at: '2026-01-31T12:00:00.000Z',
    })
    const [row] = await database.outbox(10)
    assert.deepEqual(JSON.parse(row?.record.value as string), { ...draft.event, order_id: draft.orderId })
    assert.equal(row?.record.key, 'u1')
    assert.deepEqual(row?.record.headers, draft.headers)
    assert.equal(row?.record.partition, undefined)
  })

  withDatabase('an order that is not there is none', async (database) => {
    assert.equal(await database.order('nobody'), undefined)
  })

  withDatabase('an order sent again gets its first answer, and is written once', async (database) => {
    const draft = draftOf()
    await placed(database, draft)
    assert.deepEqual(await database.take({ ...draft, orderId: draftOf().orderId }), { kind: 'duplicate', orderId: draft.orderId })
    assert.equal((await database.outbox(10)).length, 1)
  })

  withDatabase('another content under an id that is taken is a conflict, whoever sends it', async (database) => {
    const draft = draftOf()
    await placed(database, draft)
    assert.deepEqual(await database.take(draftOf({ eventId: draft.eventId, contentHash: 'another' })), { kind: 'conflict' })
    assert.deepEqual(await database.take(draftOf({ eventId: draft.eventId, contentHash: 'another', userId: 'u2' })), { kind: 'conflict' })
    assert.deepEqual(await database.take(statusOf('cancelled', draft.orderId, { eventId: draft.eventId })), { kind: 'conflict' })
    assert.equal((await database.order(draft.orderId))?.status, 'placed')
    assert.equal((await database.outbox(10)).length, 1)
  })

  withDatabase('what comes in one turn of the event loop behaves as if one came after the other', async (database) => {
    const first = draftOf({ clientOrderId: 'mine-1' })
    const results = await Promise.all([
      database.take(first),
      database.take({ ...first, orderId: draftOf().orderId }),
      database.take({ ...first, orderId: draftOf().orderId, contentHash: 'another' }),
      database.take(statusOf('cancelled', 'mine-1')),
      database.take(statusOf('cancelled', 'mine-2')),
    ])
    assert.deepEqual(results, [
      { kind: 'accepted', orderId: first.orderId },
      { kind: 'duplicate', orderId: first.orderId },
      { kind: 'conflict' },
      { kind: 'accepted', orderId: first.orderId },
      { kind: 'unknown_order' },
    ])
    assert.deepEqual(
      (await outboxValues(database)).map((value) => value['order_type']),
      ['placed', 'cancelled'],
    )
  })

  withDatabase('hundreds at once each get their own answer, and the outbox has them in the order of the calls', async (database) => {
    const many = Array.from({ length: 500 }, () => draftOf())
    const results = await Promise.all(many.map((draft) => database.take(draft)))
    assert.deepEqual(
      results,
      many.map(({ orderId }) => ({ kind: 'accepted', orderId })),
    )
    assert.deepEqual(
      (await outboxValues(database)).map((value) => value['event_id']),
      many.map(({ eventId }) => eventId),
    )
  })

  withDatabase('when one of a group cannot be written, none is, and the next group can', async (database) => {
    const whole = draftOf()
    const broken = draftOf({ orderId: whole.orderId })
    const results = await Promise.allSettled([database.take(whole), database.take(broken), database.queueHeartbeats([])])
    for (const result of results) assert.ok(result.status === 'rejected' && hasCode(result.reason, 'log_unavailable'))
    assert.equal(await database.order(whole.orderId), undefined)
    assert.deepEqual(await database.outbox(10), [])
    assert.equal((await database.take(whole)).kind, 'accepted')
  })

  withDatabase('text of any kind comes back as it was', async (database) => {
    const userId = 'नमस्ते "\\ \u2028 \0 🍛'
    const draft = draftOf({ userId, clientOrderId: "'; drop table orders; --" })
    await placed(database, draft)
    const order = await database.order(draft.orderId)
    assert.deepEqual([order?.user_id, order?.client_order_id], [userId, draft.clientOrderId])
    const [row] = await database.outbox(1)
    assert.equal(row?.record.key, userId)
    assert.deepEqual(JSON.parse(row?.record.value as string), { ...draft.event, order_id: draft.orderId })
    assert.deepEqual(await database.take(statusOf('confirmed', draft.clientOrderId, { userId: 'नमस्ते "\\ \u2028 \0 🍕' })), { kind: 'unknown_order' })
  })

  withDatabase('the largest and the smallest figures are exact', async (database) => {
    const dear = draftOf()
    const free = draftOf()
    await placed(database, { ...dear, event: { ...dear.event, item_id: Number.MAX_SAFE_INTEGER, price: 999_999.99, quantity: 100_000 } })
    await placed(database, { ...free, event: { ...free.event, price: 0, quantity: 1 } })
    const found = await database.order(dear.orderId)
    assert.deepEqual([found?.item_id, found?.price, found?.quantity], [Number.MAX_SAFE_INTEGER, 999_999.99, 100_000])
    assert.equal((await database.order(free.orderId))?.price, 0)
  })
}

function statusConformance(withDatabase: WithDatabase): void {
  withDatabase('a status changes the order and nothing else about it', async (database) => {
    const draft = draftOf()
    await placed(database, draft)
    const before = await database.order(draft.orderId)
    for (const status of ['confirmed', 'delivered', 'cancelled'] as const) {
      assert.deepEqual(await database.take(statusOf(status, draft.orderId)), { kind: 'accepted', orderId: draft.orderId })
      assert.deepEqual(await database.order(draft.orderId), { ...before, status })
    }
  })

  withDatabase("the event of a status has the order's own id, item and price, whatever the client sent", async (database) => {
    const draft = draftOf({ clientOrderId: 'mine-1' })
    await placed(database, draft)
    const status = statusOf('cancelled', 'mine-1')
    await placed(database, { ...status, event: { ...status.event, item_id: 99, item_name: 'Air', price: 1, quantity: 9, order_id: 'x' } })
    const [, value] = await outboxValues(database)
    assert.deepEqual(value, { ...status.event, order_id: draft.orderId, item_id: 7, item_name: 'Paneer Biryani', price: 249.5, quantity: 2 })
  })

  withDatabase('an order without a name passes none on', async (database) => {
    const draft = draftOf()
    await placed(database, { ...draft, event: { ...draft.event, item_name: undefined } })
    await placed(database, statusOf('delivered', draft.orderId))
    assert.equal((await database.order(draft.orderId))?.item_name, null)
    for (const value of await outboxValues(database)) assert.equal('item_name' in value, false)
  })

  withDatabase("a status by the client's own id means the newest order of that user", async (database) => {
    const [older, newer] = [draftOf({ clientOrderId: '42' }), draftOf({ clientOrderId: '42' })]
    await placed(database, older)
    await placed(database, newer)
    await placed(database, draftOf({ clientOrderId: '42', userId: 'u2' }))
    assert.deepEqual(await database.take(statusOf('confirmed', '42')), { kind: 'accepted', orderId: newer.orderId })
    assert.equal((await database.order(older.orderId))?.status, 'placed')
  })

  withDatabase('a status for an order that this user does not have changes nothing, and can be sent again', async (database) => {
    const draft = draftOf({ clientOrderId: '42' })
    const early = statusOf('confirmed', '42')
    assert.deepEqual(await database.take(early), { kind: 'unknown_order' })
    await placed(database, draft)
    assert.deepEqual(await database.take(statusOf('cancelled', draft.orderId, { userId: 'u2' })), { kind: 'unknown_order' })
    assert.deepEqual(await database.take(statusOf('cancelled', '42', { userId: 'u2' })), { kind: 'unknown_order' })
    assert.deepEqual(await database.take(statusOf('cancelled', null)), { kind: 'unknown_order' })
    assert.equal((await database.order(draft.orderId))?.status, 'placed')
    assert.equal((await database.outbox(10)).length, 1)
    assert.deepEqual(await database.take(early), { kind: 'accepted', orderId: draft.orderId })
  })

  withDatabase('a status sent again gets its first answer and changes nothing more', async (database) => {
    const draft = draftOf()
    await placed(database, draft)
    const confirmed = statusOf('confirmed', draft.orderId)
    await placed(database, confirmed)
    await placed(database, statusOf('delivered', draft.orderId))
    assert.deepEqual(await database.take(confirmed), { kind: 'duplicate', orderId: draft.orderId })
    assert.equal((await database.order(draft.orderId))?.status, 'delivered')
    assert.equal((await database.outbox(10)).length, 3)
  })
}

function outboxConformance(withDatabase: WithDatabase): void {
  const heartbeat = (partition: number) => ({ key: '', value: `{"event_type":"heartbeat","ts":${partition}}`, headers: {}, partition })

  withDatabase('heartbeats come behind the orders taken before them, each for its partition', async (database) => {
    const [first, second] = [draftOf(), draftOf()]
    await Promise.all([database.take(first), database.queueHeartbeats([heartbeat(0), heartbeat(2)]), database.take(second)])
    const rows = await database.outbox(10)
    assert.deepEqual(
      rows.map(({ record }) => record.partition),
      [undefined, 0, 2, undefined],
    )
    assert.deepEqual(rows[1]?.record, heartbeat(0))
  })

  withDatabase('bytes that are no text travel as they are', async (database) => {
    const value = Uint8Array.of(0xff, 0, 0xfe)
    await database.queueHeartbeats([{ key: '', value, headers: {} }])
    const [row] = await database.outbox(1)
    assert.deepEqual(new Uint8Array(row?.record.value as Uint8Array), value)
  })

  withDatabase('what was shipped is forgotten, and no later row', async (database) => {
    const many = Array.from({ length: 10 }, () => draftOf())
    await Promise.all(many.map((draft) => database.take(draft)))
    const firstFour = await database.outbox(4)
    assert.equal(firstFour.length, 4)
    await database.shipped(firstFour[3]?.id as number)
    assert.deepEqual(
      (await outboxValues(database)).map((value) => value['event_id']),
      many.slice(4).map(({ eventId }) => eventId),
    )
    assert.equal((await database.order(many[0]?.orderId as string))?.status, 'placed')
  })

  withDatabase('an outbox row never gets the number of one that was shipped', async (database, store) => {
    await placed(database, draftOf())
    const [row] = await database.outbox(1)
    const id = row?.id as number
    await database.shipped(id)
    assert.deepEqual(await database.outbox(1), [])
    await database[Symbol.asyncDispose]()
    const again = await store.open(noon)
    try {
      await placed(again, draftOf())
      const [next] = await again.outbox(1)
      assert.ok((next?.id as number) > id)
      await again.shipped(id)
      assert.equal((await again.outbox(1)).length, 1)
    } finally {
      await again[Symbol.asyncDispose]()
    }
  })

  withDatabase('the version of the outbox changes with what is written, and by nothing else', async (database) => {
    const before = database.outboxVersion()
    await database.outbox(10)
    assert.equal(database.outboxVersion(), before)
    await placed(database, draftOf())
    const afterOrder = database.outboxVersion()
    assert.notEqual(afterOrder, before)
    await database.queueHeartbeats([heartbeat(1)])
    assert.notEqual(database.outboxVersion(), afterOrder)
  })
}

function tablesConformance(withDatabase: WithDatabase): void {
  withDatabase('dishes are replaced as a whole and come in the order of their numbers', async (database) => {
    assert.deepEqual(await database.foods(), [])
    await database.replaceFoods([{ ...FOOD, food_id: 12, is_available: false }, FOOD])
    assert.deepEqual(await database.foods(), [FOOD, { ...FOOD, food_id: 12, is_available: false }])
    assert.deepEqual(await database.food(12), { ...FOOD, food_id: 12, is_available: false })
    assert.equal(await database.food(4), undefined)
    await database.replaceFoods([{ ...FOOD, price: 99 }])
    assert.deepEqual(await database.foods(), [{ ...FOOD, price: 99 }])
  })

  withDatabase('70,000 ads are replaced as a whole in less than a second', async (database) => {
    const many = Array.from({ length: 70_000 }, (_, at): Ad => ({ ...AD, adId: `ad_${String(at).padStart(5, '0')}` as AdId, itemId: at + 1 }))
    await database.replaceAds([AD])
    const begun = performance.now()
    await database.replaceAds(many)
    const tookMs = performance.now() - begun
    assert.deepEqual(await database.ads(), many)
    assert.ok(tookMs < 1_000, `took ${Math.round(tookMs)} ms`)
  })

  withDatabase('a replacement that fails leaves what was there', async (database) => {
    await database.replaceAds([AD])
    await assert.rejects(database.replaceAds([{ ...AD, adId: 'new' as AdId }, AD, AD]))
    assert.deepEqual(await database.ads(), [AD])
    await database.replaceFoods([FOOD])
    await assert.rejects(database.replaceFoods([FOOD, FOOD]))
    assert.deepEqual(await database.foods(), [FOOD])
  })

  withDatabase('a key holds until it is revoked, and a name may get another', async (database) => {
    assert.equal(database.hasKey('aa'), false)
    await database.addKey('till', 'aa')
    await database.addKey('app', 'bb')
    assert.deepEqual([database.hasKey('aa'), database.hasKey('bb'), database.hasKey('cc')], [true, true, false])
    assert.equal(await database.revokeKey('till'), true)
    assert.equal(await database.revokeKey('till'), false)
    assert.equal(await database.revokeKey('nobody'), false)
    assert.equal(database.hasKey('aa'), false)
    const at = '2026-01-31T12:00:00.000Z'
    assert.deepEqual(await database.keys(), [
      { name: 'app', createdAt: at, revokedAt: null },
      { name: 'till', createdAt: at, revokedAt: at },
    ])
    await database.addKey('till', 'dd')
    assert.deepEqual([database.hasKey('aa'), database.hasKey('dd')], [false, true])
  })
}
