import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS, type DeadLetter } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { createHttpServer } from '../http/server.ts'
import { openMachine, smallDay, T0, temporaryFolder } from './fixture.ts'
import { askOf } from './ops.fixture.ts'
import { deadRoutes } from './routes-dead.ts'
import { TASKS } from './tasks.ts'

const CLICK = {
  event_type: 'click',
  event_id: 'mended',
  user_id: 'u9',
  ad_id: 'cpc-1',
  item_id: 1,
  received_at: '',
  is_bot: false,
  ts: T0 + 61_000,
}

test('one letter that several retry at once is sent once; an edit of one that was settled meanwhile, or never was, is refused', async () => {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await smallDay(machine)
  await machine.raw.append(CLICKS, [{ key: 'u9', value: JSON.stringify({ ...CLICK, user_id: 9 }), headers: {} }])
  await machine.read()
  await using stores = machine.stores()
  const sent: DeadLetter[] = []
  const app = await createHttpServer({ name: 'operations API', logger: silentLogger, corsOrigins: [], rateLimit: 0 })
  deadRoutes(app, {
    ask: askOf(machine.stores),
    db: machine.pipeline.db,
    clock: () => T0 + 70_000,
    resend: async (letter) => {
      sent.push(letter)
      await new Promise((resolve) => setImmediate(resolve))
      return { partition: 0, offset: sent.length }
    },
  })
  const retry = async (body: object) => {
    const payload = JSON.stringify(body)
    const headers = { 'content-type': 'application/json' }
    const { statusCode, body: text } = await app.inject({ method: 'POST', url: '/api/dead/retry', headers, payload })
    return { status: statusCode, ...(JSON.parse(text) as { records?: number; code?: string }) }
  }
  const [letter] = (await TASKS.deadLetters(stores, { topic: CLICKS, reader: 'stream', state: 'waiting' }, { after: undefined, limit: 1 }))
    .letters
  const { dead_id: id } = letter!
  const edits = ['first', 'second', 'third'].map((event) => ({ dead_id: id, value: JSON.stringify({ ...CLICK, event_id: event }) }))
  const answers = await Promise.all(edits.map(retry))
  assert.deepEqual(
    answers.map(({ status, records, code }) => [status, records ?? code]),
    [
      [200, 1],
      [404, 'not_found'],
      [404, 'not_found'],
    ],
  )
  assert.equal(sent.length, 1)
  assert.deepEqual([(await retry({ dead_id: id })).records, sent.length], [0, 1])
  assert.equal((await retry({ dead_id: 'stream/none', value: JSON.stringify(CLICK) })).status, 404)
  await app.close()
})
