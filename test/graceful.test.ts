import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { test } from 'node:test'
import { assertBalanced } from './support/answers.ts'
import { startMachine, until } from './support/machine.ts'

const CLIENTS = 24
const BEFORE_COUNT = 500

interface Sent {
  status: number
}

/** One click on a kept-alive connection. Rejects with the system's code where there was no answer. */
function click(agent: Agent, url: string): Promise<Sent> {
  const body = JSON.stringify({ event_id: randomUUID(), ad_id: 'ad_1', user_id: 1, item_id: 1 })
  return new Promise((resolve, reject) => {
    const sending = request(
      `${url}/api/v1/clicks`,
      { agent, method: 'POST', headers: { 'content-type': 'application/json' } },
      (answer) => {
        answer.resume()
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0 }))
        answer.once('error', reject)
      },
    )
    sending.once('error', reject)
    sending.end(body)
  })
}

test('a gateway that is told to stop under load answers every request that reached it, and what it accepted is in the log', async () => {
  await using machine = await startMachine()
  let accepted = 0
  const refusals: string[] = []
  const client = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      for (;;) {
        const { status } = await click(agent, machine.gatewayUrl)
        if (status === 202) accepted += 1
        else refusals.push(String(status))
      }
    } catch (error) {
      refusals.push((error as NodeJS.ErrnoException).code ?? String(error))
    } finally {
      agent.destroy()
    }
  }
  const clients = Promise.all(Array.from({ length: CLIENTS }, client))
  await until('enough is under way', () => accepted >= BEFORE_COUNT)
  await machine.stop('edge')
  await clients
  // A connection that is refused has sent nothing.
  assert.deepEqual(refusals, new Array<string>(CLIENTS).fill('ECONNREFUSED'))
  await machine.start('edge')
  await until('all is read', async () => {
    const { readers } = (await (await fetch(`${machine.opsUrl}/api/groups`)).json()) as { readers: { name: string; caught_up: boolean }[] }
    return readers.some(({ name, caught_up }) => name === 'billing' && caught_up)
  })
  const { clicks } = (await (await fetch(`${machine.gatewayUrl}/api/v1/ads/metrics/1`)).json()) as { clicks: number }
  assert.equal(clicks, accepted)
  await assertBalanced(machine.dataDir)
})
