import assert from 'node:assert/strict'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { BATCH_COUNT_MAX, CLICKS, EVENT_BYTES_MAX } from '@flowguard/contract'
import { openTestGateway } from '../packages/pipeline/src/gateway/gateway-fixture.ts'
import { createTracker } from '../packages/tracker/src/index.ts'
import * as queue from '../packages/tracker/src/queue.ts'

type Trouble = 'none' | '503' | 'dropped before' | 'dropped after'

/** Stands before the gateway and, by turns, lets through, answers 503, or cuts the connection: before the gateway has seen the request, or after. */
async function troubledProxy(targetPort: number) {
  let next = (_path: string): Trouble => 'none'
  const met = new Set<Trouble>()

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming)
    const trouble = next(incoming.url ?? '')
    met.add(trouble)
    if (trouble === '503') return void outgoing.writeHead(503, { 'retry-after': '0' }).end()
    if (trouble === 'dropped before') return void incoming.socket.destroy()
    const { method, url, headers } = incoming
    const onward = httpRequest({ port: targetPort, method, path: url, headers }, (answer) => {
      if (trouble === 'dropped after') {
        answer.resume()
        answer.on('end', () => incoming.socket.destroy())
      } else answer.pipe(outgoing.writeHead(answer.statusCode ?? 0, answer.headers))
    })
    onward.end(body)
  }

  const server = createServer((incoming, outgoing) => void pass(incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    met,
    turn: (trouble: (path: string) => Trouble) => (next = trouble),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** As little of localStorage as the tracker needs. */
function storageOf(values: Map<string, string>) {
  return {
    get length() {
      return values.size
    },
    key: (at: number) => [...values.keys()][at] ?? null,
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  }
}

/** What is longer is no wait between tries, but a limit. */
const WAIT_MS_MAX = 2_999

/** The browser's waits, a hundred times as fast. */
const hasty = (ms: number, work: () => void) => {
  const timer = setTimeout(work, ms <= WAIT_MS_MAX ? ms / 100 : ms)
  return () => clearTimeout(timer)
}

test('through 503s, dropped connections and closed tabs, no act is lost and none is doubled', { timeout: 60_000 }, async () => {
  await using gateway = await openTestGateway()
  await using proxy = await troubledProxy(await gateway.listen({ host: '127.0.0.1', port: 0 }))
  const troubles = ['503', 'none', 'dropped before', 'dropped after', '503', 'dropped after', 'none'] as const
  const requests = new Map<string, number>()
  proxy.turn((path) => {
    const count = requests.get(path) ?? 0
    requests.set(path, count + 1)
    return troubles[count % troubles.length] ?? 'none'
  })
  const values = new Map<string, string>()
  const losses: unknown[] = []
  const open = () =>
    createTracker({
      gatewayUrl: proxy.url,
      storage: storageOf(values),
      // The shortest waits of those that chance may choose.
      random: () => 0,
      after: hasty,
      onLost: (loss) => losses.push(loss),
    })

  const acts: string[] = []
  const orders = new Map<string, string>()
  for (let visit = 0; visit < 6; visit += 1) {
    const tracker = open()
    for (let act = 0; act < 40; act += 1) {
      const ad = { ad_id: `food_${(act % 25) + 1}` }
      acts.push(act % 4 ? tracker.impression(ad, act % 2 ? 'hover' : 'viewable') : tracker.click(ad))
    }
    const answer = await tracker.order({ item_id: visit + 1 })
    assert.ok(!orders.has(answer.event_id))
    orders.set(answer.event_id, answer.order_id)
    // The tab is closed with the last acts still in the queue.
    acts.push(tracker.click({ ad_id: 'food_1' }))
    tracker.stop()
  }
  const last = open()
  while (!(await last.flush())) await new Promise((resolve) => setTimeout(resolve, 10))
  last.stop()

  assert.deepEqual([...proxy.met].sort(), ['503', 'dropped after', 'dropped before', 'none'])
  assert.deepEqual(losses, [])
  assert.equal([...values.keys()].filter((key) => key.startsWith('flowguard:queue:') || key.startsWith('flowguard:order:')).length, 0)

  const stored = await gateway.records(CLICKS)
  const contents = new Map<unknown, Set<unknown>>()
  for (const { event, headers } of stored) {
    contents.set(event['event_id'], (contents.get(event['event_id']) ?? new Set()).add(headers['content_hash']))
  }
  // Repeats are in the log, since answers were lost; each is the same user's, the same content, and so counted once by every reader.
  assert.ok(stored.length > acts.length)
  assert.deepEqual(new Set(contents.keys()), new Set(acts))
  assert.ok([...contents.values()].every((hashes) => hashes.size === 1))
  assert.equal(new Set(stored.map(({ event }) => event['user_id'])).size, 1)

  const placed = (await gateway.database.outbox(100)).map(({ record }) => JSON.parse(record.value) as Record<string, string>)
  assert.equal(placed.length, orders.size)
  assert.deepEqual(new Map(placed.map(({ event_id, order_id }) => [event_id, order_id])), orders)
})

test("the tracker's limits are within the gateway's", () => {
  assert.ok(queue.PIECE_COUNT_MAX <= BATCH_COUNT_MAX)
  assert.equal(queue.EVENT_BYTES_MAX, EVENT_BYTES_MAX)
})
