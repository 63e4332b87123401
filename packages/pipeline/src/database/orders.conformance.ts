import assert from 'node:assert/strict'
import { hasCode } from '../kernel/errors.ts'
import type { Database } from './database.ts'
import { draftOf, outboxValues, placed, statusOf, taken, type WithDatabase } from './testing/drafts.ts'

/** What becomes of an order and of a change of its status. */
export function orderDraftsConformance(withDatabase: WithDatabase): void {
  ordersConformance(withDatabase)
  statusConformance(withDatabase)
}

function ordersConformance(withDatabase: WithDatabase): void {
  withDatabase('an order placed is in the table and in the outbox', async (database) => {
    const draft = draftOf({ clientOrderId: 'mine-1' })
    assert.deepEqual(await taken(database, draft), { kind: 'accepted', orderId: draft.orderId })
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
    assert.deepEqual(await taken(database, { ...draft, orderId: draftOf().orderId }), { kind: 'duplicate', orderId: draft.orderId })
    assert.equal((await database.outbox(10)).length, 1)
  })

  withDatabase('another content under an id that is taken is a conflict, whoever sends it', async (database) => {
    const draft = draftOf()
    await placed(database, draft)
    assert.deepEqual(await taken(database, draftOf({ eventId: draft.eventId, contentHash: 'another' })), { kind: 'conflict' })
    assert.deepEqual(await taken(database, draftOf({ eventId: draft.eventId, contentHash: 'another', userId: 'u2' })), { kind: 'conflict' })
    assert.deepEqual(await taken(database, statusOf('cancelled', draft.orderId, { eventId: draft.eventId })), { kind: 'conflict' })
    assert.equal((await database.order(draft.orderId))?.status, 'placed')
    assert.equal((await database.outbox(10)).length, 1)
  })

  withDatabase('what comes in one turn of the event loop behaves as if one came after the other', async (database) => {
    const first = draftOf({ clientOrderId: 'mine-1' })
    const results = await Promise.all([
      taken(database, first),
      taken(database, { ...first, orderId: draftOf().orderId }),
      taken(database, { ...first, orderId: draftOf().orderId, contentHash: 'another' }),
      taken(database, statusOf('cancelled', 'mine-1')),
      taken(database, statusOf('cancelled', 'mine-2')),
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

  withDatabase('a list is taken as if its drafts came one after the other', async (database) => {
    const first = draftOf({ clientOrderId: 'mine-1' })
    const results = await database.take([first, { ...first, orderId: draftOf().orderId }, statusOf('confirmed', 'mine-1'), draftOf()])
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ['accepted', 'duplicate', 'accepted', 'accepted'],
    )
    assert.equal((await database.outbox(10)).length, 3)
  })

  withDatabase('an order sent again long after gets its first answer, by another process too', async (database, store) => {
    const runs = Array.from({ length: 40 }, () => Array.from({ length: 1_000 }, () => draftOf()))
    for (const drafts of runs) {
      await database.take(drafts)
      const written = await database.outbox(drafts.length)
      assert.equal(written.length, drafts.length)
      await database.shipped(written.at(-1)?.id as number)
    }
    const known = runs.flat()
    const again = async (at: Database) => {
      for (const draft of known.filter((_, each) => each % 97 === 0)) {
        assert.deepEqual(await taken(at, draft), { kind: 'duplicate', orderId: draft.orderId })
        assert.deepEqual(await taken(at, { ...draft, contentHash: 'another' }), { kind: 'conflict' })
      }
    }
    await again(database)
    await database[Symbol.asyncDispose]()
    await using opened = await store.open(() => 0)
    await again(opened)
    assert.deepEqual(await opened.outbox(1), [])
    assert.equal((await taken(opened, draftOf())).kind, 'accepted')
  })

  withDatabase('hundreds at once each get their own answer, and the outbox has them in the order of the calls', async (database) => {
    const many = Array.from({ length: 500 }, () => draftOf())
    const results = await Promise.all(many.map((draft) => taken(database, draft)))
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
    const results = await Promise.allSettled([taken(database, whole), taken(database, broken), database.queueHeartbeats([])])
    for (const result of results) assert.ok(result.status === 'rejected' && hasCode(result.reason, 'log_unavailable'))
    assert.equal(await database.order(whole.orderId), undefined)
    assert.deepEqual(await database.outbox(10), [])
    assert.equal((await taken(database, whole)).kind, 'accepted')
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
    assert.deepEqual(await taken(database, statusOf('confirmed', draft.clientOrderId, { userId: 'नमस्ते "\\ \u2028 \0 🍕' })), {
      kind: 'unknown_order',
    })
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
      assert.deepEqual(await taken(database, statusOf(status, draft.orderId)), { kind: 'accepted', orderId: draft.orderId })
      assert.deepEqual(await database.order(draft.orderId), { ...before, status })
    }
  })

  withDatabase("the event of a status has the order's own id, item and price, whatever the client sent", async (database) => {
    const draft = draftOf({ clientOrderId: 'mine-1' })
    await placed(database, draft)
    const status = statusOf('cancelled', 'mine-1')
    await placed(database, { ...status, event: { ...status.event, item_id: 99, item_name: 'Air', price: 1, quantity: 9, order_id: 'x' } })
    const [, value] = await outboxValues(database)
    assert.deepEqual(value, {
      ...status.event,
      order_id: draft.orderId,
      item_id: 7,
      item_name: 'Paneer Biryani',
      price: 249.5,
      quantity: 2,
    })
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
    assert.deepEqual(await taken(database, statusOf('confirmed', '42')), { kind: 'accepted', orderId: newer.orderId })
    assert.equal((await database.order(older.orderId))?.status, 'placed')
  })

  withDatabase('a status for an order that this user does not have changes nothing, and can be sent again', async (database) => {
    const draft = draftOf({ clientOrderId: '42' })
    const early = statusOf('confirmed', '42')
    assert.deepEqual(await taken(database, early), { kind: 'unknown_order' })
    await placed(database, draft)
    assert.deepEqual(await taken(database, statusOf('cancelled', draft.orderId, { userId: 'u2' })), { kind: 'unknown_order' })
    assert.deepEqual(await taken(database, statusOf('cancelled', '42', { userId: 'u2' })), { kind: 'unknown_order' })
    assert.deepEqual(await taken(database, statusOf('cancelled', null)), { kind: 'unknown_order' })
    assert.equal((await database.order(draft.orderId))?.status, 'placed')
    assert.equal((await database.outbox(10)).length, 1)
    assert.deepEqual(await taken(database, early), { kind: 'accepted', orderId: draft.orderId })
  })

  withDatabase('a status sent again gets its first answer and changes nothing more', async (database) => {
    const draft = draftOf()
    await placed(database, draft)
    const confirmed = statusOf('confirmed', draft.orderId)
    await placed(database, confirmed)
    await placed(database, statusOf('delivered', draft.orderId))
    assert.deepEqual(await taken(database, confirmed), { kind: 'duplicate', orderId: draft.orderId })
    assert.equal((await database.order(draft.orderId))?.status, 'delivered')
    assert.equal((await database.outbox(10)).length, 3)
  })
}
