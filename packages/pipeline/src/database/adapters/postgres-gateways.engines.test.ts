import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode } from '../../kernel/errors.ts'
import type { Database, OrderDraft, OrderResult } from '../database.ts'
import { draftOf, outboxValues, placed, statusOf, taken } from '../testing/drafts.ts'
import { testDatabase, type TestDatabase } from '../testing/postgres.ts'
import { openPostgresDatabase } from './postgres.ts'

const HELD_BACK_MS = 1_000

/** As many processes on one database as there are names. */
function gateways(store: TestDatabase, count: number): Promise<Database[]> {
  return Promise.all(Array.from({ length: count }, () => openPostgresDatabase({ postgres: store.connect(), clock: Date.now })))
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  let state = seed
  const next = () => (state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff)
  return list
    .map((each) => [next(), each] as const)
    .toSorted(([one], [other]) => one - other)
    .map(([, each]) => each)
}

test('an event sent to several gateways at the same instant is one order, and all get the same answer', async () => {
  await using store = await testDatabase()
  const many = await gateways(store, 4)
  for (let round = 0; round < 10; round += 1) {
    const drafts = Array.from({ length: 50 }, () => draftOf())
    const answers = await Promise.all(
      many.map(async (gateway, at) => {
        const own = shuffled(drafts, round * 10 + at).map((draft) => ({ ...draft, orderId: draftOf().orderId }))
        const results = await Promise.all(own.map((draft) => taken(gateway, draft)))
        return new Map(own.map((draft, each) => [draft.eventId, results[each] as OrderResult & { orderId: string }]))
      }),
    )
    for (const { eventId } of drafts) {
      const each = answers.map((answer) => answer.get(eventId) as OrderResult & { orderId: string })
      assert.equal(new Set(each.map(({ orderId }) => orderId)).size, 1)
      assert.deepEqual(each.map(({ kind }) => kind).toSorted(), ['accepted', 'duplicate', 'duplicate', 'duplicate'])
    }
  }
  const values = await outboxValues(many[0] as Database)
  assert.equal(values.length, 500)
  assert.equal(new Set(values.map((value) => value['event_id'])).size, 500)
})

test('statuses sent to several gateways at once come into the outbox as the table had them', async () => {
  await using store = await testDatabase()
  const many = await gateways(store, 3)
  const [first] = many as [Database]
  const drafts = Array.from({ length: 6 }, (_, at) => draftOf({ clientOrderId: `mine-${at}` }))
  for (const draft of drafts) await placed(first, draft)
  await Promise.all(
    drafts.flatMap(({ clientOrderId, orderId }) =>
      (['confirmed', 'delivered', 'cancelled'] as const).flatMap((status) =>
        many.map((gateway, at) => taken(gateway, statusOf(status, at % 2 === 0 ? clientOrderId : orderId))),
      ),
    ),
  )
  const values = await outboxValues(first)
  assert.equal(values.length, drafts.length * 10)
  for (const { orderId } of drafts) {
    const last = values.findLast((value) => value['order_id'] === orderId)
    assert.equal((await first.order(orderId))?.status, last?.['order_type'])
  }
})

test('what an open transaction may still put before is held back: nothing is lost, and each user’s records keep their order', async () => {
  await using store = await testDatabase()
  const [database, other] = (await gateways(store, 2)) as [Database, Database]
  await placed(other, draftOf({ userId: 'before' }))
  const written = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const open = store.connect().transaction(async (on) => {
    await on.rows(
      `insert into outbox (orders, records_count, records) values (1, 1, '[["late",{},null]]' || chr(10) || '{"event_id":"late"}')`,
    )
    written.resolve()
    await goOn.promise
  })
  await written.promise
  const after = [draftOf({ userId: 'u1' }), draftOf({ userId: 'u1' })] as const
  for (const draft of after) await placed(database, draft)
  const begun = performance.now()
  const seen = await database.outbox(100)
  assert.ok(performance.now() - begun >= HELD_BACK_MS * 0.9, 'it waits for the transaction, for a while')
  assert.deepEqual(
    seen.map(({ record }) => record.key),
    ['before'],
  )
  const version = await database.outboxVersion()
  await database.shipped(seen[0]?.id as number)
  goOn.resolve()
  await open
  assert.notEqual(await database.outboxVersion(), version)
  const rest = await database.outbox(100)
  assert.deepEqual(
    rest.map(({ record }) => record.key),
    ['late', 'u1', 'u1'],
  )
  const ids = rest.map(({ record }) => (JSON.parse(record.value) as { event_id: string }).event_id)
  assert.deepEqual(ids, ['late', ...after.map(({ eventId }) => eventId)])
  await database.shipped(rest[0]?.id as number)
  assert.equal((await database.outbox(100)).length, 2, 'what comes first has not the lowest number, and goes alone')
})

test('who writes in another database of the server holds all later orders back as well, until it ends; who only reads does not', async () => {
  await using store = await testDatabase()
  await using neighbour = await testDatabase()
  const [database] = (await gateways(store, 1)) as [Database]
  /** Resolves once the transaction is open; what it gives resolves once that has ended. */
  const opens = (statement: string) => {
    const opened = Promise.withResolvers<() => Promise<void>>()
    const goOn = Promise.withResolvers<void>()
    const ended = neighbour.connect().transaction(async (on) => {
      await on.rows(statement)
      opened.resolve(async () => {
        goOn.resolve()
        await ended
      })
      await goOn.promise
    })
    return opened.promise
  }
  const endReading = await opens('select 1')
  await placed(database, draftOf())
  assert.equal((await database.outbox(10)).length, 1)
  const endWriting = await opens('create table theirs (id integer)')
  await placed(database, draftOf())
  assert.equal((await database.outbox(10)).length, 1, 'the one before')
  await endWriting()
  assert.equal((await database.outbox(10)).length, 2)
  await endReading()
})

test('with several gateways writing, what is shipped all along is each record once, each user’s in order', async () => {
  await using store = await testDatabase()
  const many = await gateways(store, 3)
  const [reader] = await gateways(store, 1)
  const shipped: { user: string; seq: number }[] = []
  let isOver = false
  const shipping = (async () => {
    for (;;) {
      const isLast = isOver
      const rows = await (reader as Database).outbox(200)
      for (const { record } of rows) shipped.push({ user: record.key, seq: (JSON.parse(record.value) as { seq: number }).seq })
      const last = rows.at(-1)
      if (last) await (reader as Database).shipped(last.id)
      else if (isLast) return
    }
  })()
  await Promise.all(
    Array.from({ length: 24 }, async (_, user) => {
      for (let seq = 0; seq < 15; seq += 1) {
        const draft: OrderDraft = draftOf({ userId: `user ${user}` })
        await placed(many[(user + seq) % many.length] as Database, { ...draft, event: { ...draft.event, seq } })
      }
    }),
  )
  isOver = true
  await shipping
  assert.equal(shipped.length, 24 * 15)
  for (let user = 0; user < 24; user += 1) {
    const seqs = shipped.filter((each) => each.user === `user ${user}`).map(({ seq }) => seq)
    assert.deepEqual(
      seqs,
      Array.from({ length: 15 }, (_, seq) => seq),
    )
  }
})

test('an outbox that was put back on another server is shipped, before what is written there', async () => {
  await using store = await testDatabase()
  const [database] = (await gateways(store, 1)) as [Database]
  await placed(database, draftOf({ userId: 'dumped' }))
  const postgres = store.connect()
  await postgres.changed(`update outbox set xid = '999999999999'`)
  assert.deepEqual(await database.outbox(10), [])
  const [again] = (await gateways(store, 1)) as [Database]
  await placed(again, draftOf({ userId: 'new' }))
  assert.deepEqual(
    (await again.outbox(10)).map(({ record }) => record.key),
    ['dumped', 'new'],
  )
})

test('a key that another process revokes or makes is seen within a second, and read no more often', async () => {
  await using store = await testDatabase()
  let now = 0
  const [cli] = (await gateways(store, 1)) as [Database]
  await using gateway = await openPostgresDatabase({ postgres: store.connect(), clock: () => now })
  await cli.addKey('page', 'aa', 'events')
  assert.deepEqual([await gateway.hasKey('aa', 'events'), await gateway.hasKey('aa')], [true, false])
  await cli.revokeKey('page')
  await cli.addKey('till', 'bb')
  now = 999
  assert.deepEqual([await gateway.hasKey('aa', 'events'), await gateway.hasKey('bb')], [true, false])
  now = 1_000
  assert.deepEqual(
    [await gateway.hasKey('aa', 'events'), await gateway.hasKey('bb'), await gateway.hasKey('bb', 'events')],
    [false, true, true],
  )
})

test('keys that are known are taken by who is cut off from the database, for some minutes, also such as are revoked there meanwhile', async () => {
  await using store = await testDatabase()
  let now = 0
  const postgres = store.connect()
  await using gateway = await openPostgresDatabase({ postgres, clock: () => now })
  const [elsewhere] = (await gateways(store, 1)) as [Database]
  await gateway.addKey('till', 'aa')
  assert.equal(await gateway.hasKey('aa'), true)
  await postgres[Symbol.asyncDispose]()
  // By somebody who is not cut off.
  await elsewhere.revokeKey('till')
  for (now of [1_000, 2_000, 599_999]) assert.deepEqual([await gateway.hasKey('aa'), await gateway.hasKey('bb')], [true, false])
  now = 600_000
  await assert.rejects(gateway.hasKey('aa'), (error) => hasCode(error, 'database_unavailable'))
})

test('several that start at once replace the dishes and the ads one after the other', async () => {
  await using store = await testDatabase()
  const many = await gateways(store, 4)
  const food = { food_id: 1, name: 'Dosa', category: 'South Indian', price: 99, description: '', image_url: '', is_available: true }
  await Promise.all(many.map((each) => each.replaceFoods([food])))
  assert.deepEqual(await (many[0] as Database).foods(), [food])
  await (many[0] as Database).replaceFoods([])
  assert.deepEqual(await (many[1] as Database).foods(), [])
})
