import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isoOf, type UserNotifications } from '@flowguard/contract'
import { sqliteNotesView } from '../notify/adapters/sqlite-notes.ts'
import { note, openedNotes } from '../notify/customers/testing/notes.ts'
import { START } from '../reader/testing/fixture.ts'
import { openTestGateway } from './gateway-fixture.ts'

async function asked() {
  const store = openedNotes()
  const view = sqliteNotesView(store.path)
  const gateway = await openTestGateway({ notes: view, clock: () => START })
  return {
    add: store.add,
    get: async (query: string): Promise<{ status: number; body: UserNotifications & { errors?: { field: string }[] } }> => {
      const answer = await gateway.get(`/api/v1/users/${query}`)
      return { status: answer.statusCode, body: answer.json() }
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      view[Symbol.dispose]()
      store[Symbol.dispose]()
    },
  }
}

test("a customer's notifications come newest first, as many as asked for, and what came in since is unread", async () => {
  await using at = await asked()
  at.add(...Array.from({ length: 30 }, (_, n) => note('7', n, n, { notedAt: START - 1_000 + n })), note('8', 1, 1))
  const { status, body } = await at.get('7/notifications')
  assert.deepEqual([status, body.user_id, body.total, body.unread, body.notifications.length], [200, '7', 30, 30, 20])
  assert.deepEqual(body.notifications[0], {
    id: 'order_confirmed/o-29',
    kind: 'order_confirmed',
    order_id: 'o-29',
    item_id: 4,
    title: 'Order confirmed',
    message: 'We have your order of Dal, and it is on its way to the stove.',
    timestamp: isoOf(29),
    noted_at: isoOf(START - 1_000 + 29),
  })
  const since = body.notifications[3]!.noted_at
  const few = (await at.get(`7/notifications/?limit=2&since=${since}`)).body
  assert.deepEqual([few.total, few.unread, few.notifications.length, few.latest], [30, 3, 2, body.latest])
  assert.equal((await at.get(`7/notifications?since=${body.latest}`)).body.unread, 0)
})

test('a customer of whom nothing is known has none; what is no limit or instant is said', async () => {
  await using at = await asked()
  const { status, body } = await at.get('nobody/notifications')
  assert.deepEqual([status, body], [200, { user_id: 'nobody', total: 0, unread: 0, latest: null, notifications: [] }])
  for (const [query, field] of [
    ['limit=0', 'limit'],
    ['limit=51', 'limit'],
    ['since=yesterday', 'since'],
  ]) {
    const refused = await at.get(`7/notifications?${query}`)
    assert.deepEqual([refused.status, refused.body.errors?.[0]?.field], [422, field])
  }
})

test('before the pipeline has run, and while they are being filled, the answer is 503', async () => {
  await using gateway = await openTestGateway()
  assert.equal((await gateway.get('/api/v1/users/7/notifications')).statusCode, 503)
})
