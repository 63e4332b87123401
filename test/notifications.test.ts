import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OrderAnswer, UserNotifications } from '@flowguard/contract'
import { startMachine, until } from './support/machine.ts'

const USERS = 5
const ORDERS = 40

test(
  'customers are told of each order once, whatever the pipeline dies of meanwhile, and the books balance',
  { timeout: 170_000 },
  async () => {
    await using machine = await startMachine()
    const post = async (body: object) => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${machine.gatewayUrl}/api/v1/orders`, { method: 'POST', headers, body: JSON.stringify(body) })
      assert.equal(answer.status, 201)
      return (await answer.json()) as OrderAnswer
    }
    const told = async (user: number) => {
      const answer = await fetch(`${machine.gatewayUrl}/api/v1/users/${user}/notifications?limit=50`)
      return answer.ok ? ((await answer.json()) as UserNotifications).notifications.map(({ id }) => id).sort() : []
    }

    const expected = new Map<number, string[]>()
    for (let n = 0; n < ORDERS; n += 1) {
      const user = 1 + (n % USERS)
      const { order_id: id } = await post({ item_id: 4, user_id: user })
      const own = expected.get(user) ?? []
      expected.set(user, own)
      own.push(`order_confirmed/${id}`)
      const status = (['delivered', 'cancelled', 'confirmed'] as const)[n % 3]!
      await post({ item_id: 4, user_id: user, order_id: id, order_type: status })
      if (status !== 'confirmed') own.push(`order_${status}/${id}`)
      if (n === 15 || n === 30) {
        await machine.kill('pipeline')
        await machine.start('pipeline')
      }
    }
    for (const [user, ids] of expected) {
      await until(`user ${user} was told all`, async () => (await told(user)).length >= ids.length)
      assert.deepEqual(await told(user), ids.sort())
    }
    const { code, stdout, stderr } = await machine.cli('audit')
    assert.equal(code, 0, `${stdout}\n${stderr}`)
  },
)
