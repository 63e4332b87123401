import assert from 'node:assert/strict'
import { test } from 'node:test'
import { laneOf } from '../workers/lane-view.ts'
import { openTestGateway } from '../gateway/gateway-fixture.ts'
import type { LoadReport } from './load-test.ts'
import { openLoop } from './open-loop.ts'
import { fakeGateway, type FakeGateway } from './testing/gateway.ts'
import { run } from './testing/run.ts'

/** Answers single general events, and says that the workers have processed those from the first question on. */
function lane(gateway: FakeGateway, { processed = (accepted: number) => accepted, status = (_at: number): number => 202 } = {}) {
  let [accepted, asked] = [0, 0]
  gateway.told = (url) => {
    if (url === '/metrics') return { body: { general_lane: { processed: processed(accepted), queue_length: 0, pending_messages: 0 } } }
    const code = status(asked++)
    if (code === 202) accepted += 1
    return { status: code, body: {} }
  }
}

test('load-test: all are taken and processed, and the report says how', async () => {
  await using gateway = await fakeGateway()
  lane(gateway)
  const { code, stdout } = await run(['load-test', '--events', '50', '--rate', '1000', '--json', '--gateway-url', gateway.url], {
    env: { WRITE_KEY: 'k' },
  })
  const report = JSON.parse(stdout) as LoadReport
  assert.equal(code, 0)
  assert.deepEqual([report.sent, report.accepted, report.refused, report.processed], [50, 50, {}, 50])
  assert.ok(report.latency_ms.p50 > 0 && report.latency_ms.p50 <= report.latency_ms.p95 && report.latency_ms.p99 <= report.latency_ms.max)
  assert.ok(report.seconds >= 0.049 && report.accepted_per_s <= 50 / 0.049)
  const events = gateway.requests.filter(({ url }) => url === '/events')
  assert.equal(new Set(events.map(({ body }) => (JSON.parse(body) as { event_id: string }).event_id)).size, 50)
  assert.equal(events[0]?.headers.authorization, 'Bearer k')
})

test('load-test: fails where one is refused, is not answered, or is not processed', async () => {
  await using gateway = await fakeGateway()
  const args = ['load-test', '--events', '20', '--rate', '2000', '--wait', '0', '--gateway-url', gateway.url]
  lane(gateway, { status: (at) => (at % 10 === 3 ? 503 : 202) })
  const refused = await run([...args, '--json'])
  assert.equal(refused.code, 1)
  assert.deepEqual((JSON.parse(refused.stdout) as LoadReport).refused, { 503: 2 })
  lane(gateway, { processed: (accepted) => Math.max(0, accepted - 1) })
  assert.equal((await run(args)).code, 1)
  gateway.told = (url) =>
    url === '/metrics' ? { body: { general_lane: { processed: 0, queue_length: 0, pending_messages: 0 } } } : { reset: true }
  const reset = await run([...args, '--json'])
  assert.equal(reset.code, 1)
  const report = JSON.parse(reset.stdout) as LoadReport
  assert.deepEqual([report.accepted, Object.values(report.refused).reduce((sum, each) => sum + each, 0)], [0, 20])
})

test('what was due while the gateway stood still is late by all that it waited', async () => {
  let now = 0
  const latencies: number[] = []
  const waiting: (() => void)[] = []
  let sent = 0
  const done = openLoop(
    { count: 10, perSecond: 1_000, openMax: 1, signal: new AbortController().signal, now: () => now },
    async (tookMs) => {
      sent += 1
      if (sent === 1) await new Promise<void>((resolve) => waiting.push(resolve))
      latencies.push(tookMs())
    },
  )
  now = 100
  waiting[0]!()
  assert.equal(await done, 10)
  assert.deepEqual(
    latencies,
    Array.from({ length: 10 }, (_, at) => 100 - at),
  )
})

test('a fault of the sender ends the loop, and nothing more is sent', async () => {
  let sent = 0
  const options = { count: 10, perSecond: Infinity, openMax: 1, signal: new AbortController().signal, now: () => 0 }
  const failing = openLoop(options, async () => {
    sent += 1
    if (sent === 3) throw new Error('planted')
  })
  await assert.rejects(failing, /planted/)
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(sent, 3)
})

test('produce: events that the real gateway takes, of each kind or of one', async () => {
  await using gateway = await openTestGateway({ lane: async () => laneOf([], undefined) })
  const port = await gateway.listen({ host: '127.0.0.1', port: 0 })
  let at = 0
  const options = { random: () => (at++ % 97) / 97 }
  const { code, stdout } = await run(['produce', '--count', '40', '--json', '--gateway-url', `http://127.0.0.1:${port}`], options)
  assert.equal(code, 0)
  const { sent, accepted, refused } = JSON.parse(stdout) as Record<string, unknown>
  assert.deepEqual([sent, accepted, refused], [40, 40, {}])
  const one = await run(
    ['produce', '--count', '3', '--rate', '500', '--type', 'purchase', '--gateway-url', `http://127.0.0.1:${port}`],
    options,
  )
  assert.match(one.stdout, /accepted +3 of 3/)
})
