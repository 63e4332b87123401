import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ad, AdId, Food, MinorUnits } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Database } from './database.ts'
import { orderDraftsConformance } from './orders.conformance.ts'
import { type DatabaseStore, draftOf, outboxValues, placed, taken, type WithDatabase } from './testing/drafts.ts'

const NOON = Date.parse('2026-01-31T12:00:00.000Z')
const noon: Clock = () => NOON

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
    void test(`${name}: ${title}`, async () => {
      await using store = await make()
      await using database = await store.open(noon)
      await run(database, store)
    })

  orderDraftsConformance(withDatabase)
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
    assert.deepEqual(await taken(again, draft), { kind: 'duplicate', orderId: draft.orderId })
    assert.deepEqual(await again.foods(), [FOOD])
    assert.equal(await again.hasKey('aa'), true)
  })

  test(`${name}: what still waits for its commit is written when it is closed`, async () => {
    await using store = await make()
    const draft = draftOf()
    const database = await store.open(noon)
    const answer = taken(database, draft)
    await database[Symbol.asyncDispose]()
    assert.deepEqual(await answer, { kind: 'accepted', orderId: draft.orderId })
    await using again = await store.open(noon)
    assert.equal((await again.outbox(10)).length, 1)
  })

  test(`${name}: once closed it takes no more`, async () => {
    await using store = await make()
    const database = await store.open(noon)
    await database[Symbol.asyncDispose]()
    await assert.rejects(taken(database, draftOf()), (error) => hasCode(error, 'log_unavailable', 'database_unavailable'))
  })

  test(`${name}: another process sees what is committed and may change nothing`, async () => {
    await using store = await make()
    await using database = await store.open(noon)
    await using reader = await store.openReader(noon)
    const draft = draftOf()
    const before = await reader.outboxVersion()
    await placed(database, draft)
    assert.notEqual(await reader.outboxVersion(), before)
    assert.equal((await reader.order(draft.orderId))?.price, 249.5)
    assert.equal((await reader.outbox(10)).length, 1)
    const refused = (error: unknown) => hasCode(error, 'store_unwritable')
    await assert.rejects(taken(reader, draftOf()), refused)
    await assert.rejects(reader.shipped(1), refused)
    await assert.rejects(reader.replaceFoods([]), refused)
    await assert.rejects(reader.addKey('n', 'h'), refused)
    assert.equal((await database.outbox(10)).length, 1)
  })
}

function outboxConformance(withDatabase: WithDatabase): void {
  const heartbeat = (partition: number) => ({ key: '', value: `{"event_type":"heartbeat","ts":${partition}}`, headers: {}, partition })

  withDatabase('heartbeats come behind the orders taken before them, each for its partition', async (database) => {
    const [first, second] = [draftOf(), draftOf()]
    await Promise.all([taken(database, first), database.queueHeartbeats([heartbeat(0), heartbeat(2)]), taken(database, second)])
    const rows = await database.outbox(10)
    assert.deepEqual(
      rows.map(({ record }) => record.partition),
      [undefined, 0, 2, undefined],
    )
    assert.deepEqual(rows[1]?.record, heartbeat(0))
  })

  withDatabase('what was shipped is forgotten, and no later row', async (database) => {
    const many = Array.from({ length: 10 }, () => draftOf())
    for (const draft of many) await placed(database, draft)
    const firstFour = await database.outbox(4)
    assert.equal(firstFour.length, 4)
    await database.shipped(firstFour[3]?.id as number)
    assert.deepEqual(
      (await outboxValues(database)).map((value) => value['event_id']),
      many.slice(4).map(({ eventId }) => eventId),
    )
    assert.equal((await database.order(many[0]?.orderId as string))?.status, 'placed')
  })

  withDatabase('what is remembered of orders may be read ahead: a repeat is one before that and after it', async (database) => {
    const draft = draftOf()
    await placed(database, draft)
    database.prepareOrders()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal((await database.take([draft]))[0]?.kind, 'duplicate')
    // Closed at once, it reads nothing any more.
    database.prepareOrders()
  })

  withDatabase('what was written together comes whole, and is forgotten with the last of it', async (database) => {
    const many = Array.from({ length: 10 }, () => draftOf())
    await database.take(many)
    await placed(database, draftOf())
    const rows = await database.outbox(4)
    assert.deepEqual(
      rows.map(({ record }) => (JSON.parse(record.value) as { event_id: string }).event_id),
      many.map(({ eventId }) => eventId),
    )
    assert.equal((await database.outbox(10)).length, 10, 'no row that would pass what was asked for')
    await database.shipped(rows[8]?.id as number)
    assert.equal((await database.outbox(100)).length, 11)
    await database.shipped(rows[9]?.id as number)
    assert.equal((await database.outbox(100)).length, 1)
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
    const before = await database.outboxVersion()
    await database.outbox(10)
    assert.equal(await database.outboxVersion(), before)
    await placed(database, draftOf())
    const afterOrder = await database.outboxVersion()
    assert.notEqual(afterOrder, before)
    await database.queueHeartbeats([heartbeat(1)])
    assert.notEqual(await database.outboxVersion(), afterOrder)
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

  withDatabase('70,000 ads are replaced as a whole, and nobody waits long for it', async (database, { replaceMsMax }) => {
    const many = Array.from({ length: 70_000 }, (_, at): Ad => ({
      ...AD,
      adId: `ad_${String(at).padStart(5, '0')}` as AdId,
      itemId: at + 1,
    }))
    // The quickest of a few: other work on the machine is not the database's.
    let tookMs = Infinity
    for (let tries = 0; tries < 5 && tookMs >= replaceMsMax; tries += 1) {
      await database.replaceAds([AD])
      const begun = performance.now()
      await database.replaceAds(many)
      tookMs = performance.now() - begun
    }
    assert.deepEqual(await database.ads(), many)
    assert.ok(tookMs < replaceMsMax, `took ${Math.round(tookMs)} ms`)
  })

  withDatabase('a replacement that fails leaves what was there', async (database) => {
    await database.replaceAds([AD])
    await assert.rejects(database.replaceAds([{ ...AD, adId: 'new' as AdId }, AD, AD]))
    assert.deepEqual(await database.ads(), [AD])
    await database.replaceFoods([FOOD])
    await assert.rejects(database.replaceFoods([FOOD, FOOD]))
    assert.deepEqual(await database.foods(), [FOOD])
  })

  withDatabase('a key that may send events does nothing else, until its name gets another', async (database) => {
    await database.addKey('page', 'aa', 'events')
    assert.deepEqual([await database.hasKey('aa'), await database.hasKey('aa', 'events')], [false, true])
    assert.equal((await database.keys())[0]?.use, 'events')
    await database.addKey('page', 'bb')
    assert.deepEqual(
      [await database.hasKey('aa', 'events'), await database.hasKey('bb', 'events'), await database.hasKey('bb')],
      [false, true, true],
    )
  })

  withDatabase('a key holds until it is revoked, and a name may get another', async (database) => {
    assert.equal(await database.hasKey('aa'), false)
    await database.addKey('till', 'aa')
    await database.addKey('app', 'bb')
    assert.deepEqual([await database.hasKey('aa'), await database.hasKey('bb'), await database.hasKey('cc')], [true, true, false])
    assert.equal(await database.revokeKey('till'), true)
    assert.equal(await database.revokeKey('till'), false)
    assert.equal(await database.revokeKey('nobody'), false)
    assert.equal(await database.hasKey('aa'), false)
    const at = '2026-01-31T12:00:00.000Z'
    assert.deepEqual(await database.keys(), [
      { name: 'app', use: 'all', createdAt: at, revokedAt: null },
      { name: 'till', use: 'all', createdAt: at, revokedAt: at },
    ])
    await database.addKey('till', 'dd')
    assert.deepEqual([await database.hasKey('aa'), await database.hasKey('dd')], [false, true])
  })
}
