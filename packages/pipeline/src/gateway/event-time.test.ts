import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { CLICKS, LATENESS_MS, LIVE_MS } from '@flowguard/contract'
import { openTestGateway } from './gateway-fixture.ts'

const NOW = Date.parse('2026-03-01T12:00:00Z')
const OLD = Date.parse('2017-11-25T08:00:00Z')
const CLICK_PARTITIONS = 6
const ORDER_PARTITIONS = 3

type TestGateway = Awaited<ReturnType<typeof openTestGateway>>

const iso = (ms: number) => new Date(ms).toISOString()
const click = (ts: number, user = 1) => ({ event_type: 'click', ad_id: 'a', user_id: user, timestamp: iso(ts) })
const order = (ts: number, user = 1) => ({ event_type: 'order', item_id: 7, user_id: user, timestamp: iso(ts) })
const clockAt = (now: { ms: number }) => () => now.ms

interface Beats {
  clicks: number[]
  orders: number[]
}

async function heartbeats({ records, database }: TestGateway): Promise<Beats> {
  const clicks = (await records(CLICKS)).map(({ event }) => event)
  const orders = (await database.outbox(1_000)).map(({ record }) => JSON.parse(String(record.value)) as Record<string, unknown>)
  const times = (events: Record<string, unknown>[]) =>
    events.filter((event) => event['event_type'] === 'heartbeat').map((event) => event['ts'] as number)
  return { clicks: times(clicks), orders: times(orders) }
}

/** Waits for a condition, not for a time; the heartbeats' second is the only clock here. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await isTrue())) {
    assert.ok(performance.now() < deadline, 'waited 10 s in vain')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function close(gateway: TestGateway) {
  const response = await gateway.post('/api/v1/time/close', '')
  assert.equal(response.statusCode, 202)
  return response.json() as { closed_to: number | null; live: boolean }
}

const time = async (gateway: TestGateway) =>
  (await gateway.get('/api/v1/time')).json() as { highest_ts: number | null; highest: string | null; live: boolean; log_id: string }

test('the highest event time accepted is told, and nothing before the first', async () => {
  await using gateway = await openTestGateway({ clock: () => NOW })
  assert.deepEqual(await time(gateway), { highest_ts: null, highest: null, live: false, log_id: gateway.log.id })
  assert.deepEqual(await close(gateway), { closed_to: null, live: false })
  await gateway.post('/api/v1/batch', [click(OLD + 5), order(OLD + 9), click(OLD)])
  await gateway.post('/api/v1/clicks', { user_id: 1 })
  await gateway.post('/events', { event_type: 'custom' })
  assert.deepEqual(await time(gateway), { highest_ts: OLD + 9, highest: iso(OLD + 9), live: false, log_id: gateway.log.id })
})

test('closing old time goes past the last event in every partition, once', async () => {
  await using gateway = await openTestGateway({ clock: () => NOW })
  await gateway.post('/api/v1/batch', [click(OLD), order(OLD + 9)])
  const closedTo = OLD + 9 + LATENESS_MS + 1
  assert.deepEqual(await close(gateway), { closed_to: closedTo, live: false })
  assert.deepEqual(await close(gateway), { closed_to: closedTo, live: false })
  const { clicks, orders } = await heartbeats(gateway)
  assert.deepEqual([clicks, orders], [Array<number>(CLICK_PARTITIONS).fill(closedTo), Array<number>(ORDER_PARTITIONS).fill(closedTo)])
  const rows = (await gateway.database.outbox(10)).map(({ record }) => record.partition)
  assert.deepEqual(rows, [undefined, 0, 1, 2], 'behind the order that is on its way')
})

test('live time goes on with the clock; closing it forces a heartbeat of now', async () => {
  const now = { ms: NOW }
  await using gateway = await openTestGateway({ clock: clockAt(now) })
  await gateway.post('/api/v1/batch', [click(NOW)])
  now.ms += LIVE_MS
  assert.deepEqual(await close(gateway), { closed_to: NOW + LIVE_MS, live: true })
  assert.deepEqual((await heartbeats(gateway)).clicks, Array<number>(CLICK_PARTITIONS).fill(NOW + LIVE_MS))
  now.ms += 1
  assert.equal((await time(gateway)).live, false)
})

test('each second a heartbeat to every partition that it moves; none where it moves nothing', async () => {
  await using gateway = await openTestGateway({ clock: () => NOW })
  const stop = new AbortController()
  const running = gateway.heartbeats(stop.signal)
  await gateway.post('/api/v1/batch', [click(OLD)])
  await until(async () => (await heartbeats(gateway)).orders.length === ORDER_PARTITIONS)
  assert.equal((await heartbeats(gateway)).clicks.length, CLICK_PARTITIONS - 1, "the click's own partition has that time already")
  await gateway.post('/api/v1/batch', [order(OLD + 1)])
  await until(async () => (await heartbeats(gateway)).clicks.filter((ts) => ts === OLD + 1).length === CLICK_PARTITIONS)
  stop.abort()
  await running
  const { clicks, orders } = await heartbeats(gateway)
  assert.deepEqual([clicks.length, orders.length], [CLICK_PARTITIONS - 1 + CLICK_PARTITIONS, ORDER_PARTITIONS + ORDER_PARTITIONS - 1])
})

test('a time that stands is told again after ten seconds to every partition: an engine that has forgotten it hears of it', async () => {
  const now = { ms: NOW }
  await using gateway = await openTestGateway({ clock: clockAt(now) })
  await gateway.post('/api/v1/batch', [click(OLD)])
  const { closed_to: closedTo } = await close(gateway)
  const stop = new AbortController()
  const running = gateway.heartbeats(stop.signal)
  now.ms += 10_000
  await until(async () => (await heartbeats(gateway)).orders.length === 2 * ORDER_PARTITIONS)
  stop.abort()
  await running
  const { clicks, orders } = await heartbeats(gateway)
  assert.deepEqual(
    [clicks, orders],
    [Array<number | null>(2 * CLICK_PARTITIONS).fill(closedTo), Array<number | null>(2 * ORDER_PARTITIONS).fill(closedTo)],
  )
})

test('after a restart time is what it was, from heartbeats, events and the outbox', async () => {
  const first = await openTestGateway({ clock: () => NOW })
  try {
    await first.post('/api/v1/batch', [click(OLD), order(OLD + 9)])
    await close(first)
    await first.post('/api/v1/batch', [order(OLD + 60_000)])
    await first.stop()
    const second = await openTestGateway({ clock: () => NOW }, first.folder)
    try {
      assert.equal((await time(second)).highest_ts, OLD + 60_000)
      assert.deepEqual(await close(second), { closed_to: OLD + 60_000 + LATENESS_MS + 1, live: false })
    } finally {
      await second.stop()
    }
  } finally {
    rmSync(first.folder, { recursive: true, force: true })
  }
})

test('after a restart heartbeats do not tell the time of a request that may have died half done', async () => {
  const first = await openTestGateway({ clock: () => NOW })
  try {
    await first.post('/api/v1/batch', [click(OLD)])
    await first.log.append(CLICKS, [{ key: '', value: JSON.stringify({ event_type: 'heartbeat', ts: OLD }), headers: {}, partition: 0 }])
    // Of a batch whose orders were never written: its sender will send all of it again.
    await first.log.append(CLICKS, [{ key: '2', value: JSON.stringify({ event_type: 'click', ts: OLD + 3_600_000 }), headers: {} }])
    await first.stop()
    const second = await openTestGateway({ clock: () => NOW }, first.folder)
    const stop = new AbortController()
    try {
      const running = second.heartbeats(stop.signal)
      await until(async () => (await heartbeats(second)).orders.length === ORDER_PARTITIONS)
      assert.ok((await heartbeats(second)).orders.every((ts) => ts === OLD))
      await second.post('/api/v1/batch', [click(OLD + 3_600_000, 2), order(OLD + 3_500_000, 2)])
      await until(async () => (await heartbeats(second)).orders.filter((ts) => ts === OLD + 3_600_000).length === ORDER_PARTITIONS)
      stop.abort()
      await running
    } finally {
      stop.abort()
      await second.stop()
    }
  } finally {
    rmSync(first.folder, { recursive: true, force: true })
  }
})

test('a start reads back to the last heartbeat and no further than it must, past what is no event', async () => {
  const first = await openTestGateway({ clock: () => NOW })
  try {
    await first.log.append(CLICKS, [
      { key: '', value: JSON.stringify({ event_type: 'heartbeat', ts: OLD + 5_000_000 }), headers: {}, partition: 2 },
    ])
    const events = Array.from({ length: 1_200 }, (_, at) => ({
      key: '',
      value: at % 3 ? JSON.stringify({ event_type: 'click', ts: OLD + at }) : '{torn',
      headers: {},
      partition: 2,
    }))
    await first.log.append(CLICKS, events)
    await first.stop()
    const second = await openTestGateway({ clock: () => NOW }, first.folder)
    try {
      assert.equal((await time(second)).highest_ts, OLD + 5_000_000)
    } finally {
      await second.stop()
    }
  } finally {
    rmSync(first.folder, { recursive: true, force: true })
  }
})
