import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GENERAL } from '@flowguard/contract'
import { pino } from 'pino'
import type { BillingView } from '../billing/billing-view.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Lane } from '../workers/lane-view.ts'
import { openTestGateway } from './gateway-fixture.ts'

const billing = { itemDay: async () => ({}) } as unknown as BillingView

interface Health {
  service: string
  status: string
  version: string
  environment: string
  timestamp: string
  checks: { kafka: { status: string; connected: boolean; producer_stats: Record<string, number> } }
  services: Record<string, string>
}

test('healthy, in the shape that clients know', async () => {
  await using gateway = await openTestGateway({ billing })
  await gateway.post('/api/v1/clicks', { ad_id: 'a', user_id: 1 })
  const response = await gateway.get('/health')
  const health = response.json() as Health
  assert.equal(response.statusCode, 200)
  assert.deepEqual(
    [health.status, health.version, health.environment, health.services],
    ['healthy', '0.0.0', 'test', { database: 'healthy', redis: 'healthy' }],
  )
  assert.deepEqual(health.checks.kafka, {
    status: 'healthy',
    connected: true,
    producer_stats: { messages_sent: 1, messages_delivered: 1, messages_failed: 0 },
  })
  assert.ok(Number.isFinite(Date.parse(health.timestamp)))
})

test('degraded, and still 200, while the counters do not answer', async () => {
  await using gateway = await openTestGateway()
  const response = await gateway.get('/health')
  assert.deepEqual([response.statusCode, response.json().status, response.json().services['redis']], [200, 'degraded', 'degraded'])
})

for (const [name, breakIt] of [
  ['log', (gateway) => (gateway.log.ends = () => Promise.reject(new FlowGuardError('log_unavailable', '/secret')))],
  ['database', (gateway) => (gateway.database.order = () => Promise.reject(new FlowGuardError('store_busy', '/secret')))],
] as [string, (gateway: Awaited<ReturnType<typeof openTestGateway>>) => void][]) {
  test(`unhealthy and not ready without the ${name}; alive all the same`, async () => {
    await using gateway = await openTestGateway({ billing })
    assert.equal((await gateway.get('/readyz')).statusCode, 200)
    breakIt(gateway)
    const ready = await gateway.get('/readyz')
    assert.equal(ready.statusCode, 503)
    assert.deepEqual(ready.json().failing, [name])
    const health = await gateway.get('/health')
    assert.deepEqual([health.statusCode, health.json().status], [503, 'unhealthy'])
    assert.ok(!`${ready.body}${health.body}`.includes('secret'))
    assert.equal((await gateway.get('/livez')).statusCode, 200)
  })
}

test('degraded, named, and ready all the same, while a log of general events alone does not answer', async () => {
  await using apart = await openTestGateway({ billing, hasEventsLog: true })
  const statuses = async () => {
    const { checks } = (await apart.get('/health')).json() as { checks: Record<string, { status: string }> }
    return [checks['kafka']?.status, checks['events_log']?.status]
  }
  assert.deepEqual(await statuses(), ['healthy', 'healthy'])
  const ends = apart.log.ends.bind(apart.log)
  apart.log.ends = (topic) => (topic === GENERAL ? Promise.reject(new FlowGuardError('log_unavailable', '/secret')) : ends(topic))
  const { statusCode, body } = await apart.get('/health')
  assert.deepEqual([statusCode, JSON.parse(body).status, body.includes('secret')], [200, 'degraded', false])
  assert.deepEqual(await statuses(), ['healthy', 'degraded'])
  assert.equal((await apart.get('/readyz')).statusCode, 200)
  await using together = await openTestGateway({ billing })
  assert.ok(!(await together.get('/health')).body.includes('events_log'))
})

test('a folder whose disk cannot be looked at is not ready', async () => {
  await using gateway = await openTestGateway({ dataDir: '/nowhere/at/all' })
  const ready = await gateway.get('/readyz')
  assert.deepEqual([ready.statusCode, ready.json().failing], [503, ['disk']])
})

const lane: Lane = {
  received: 12,
  processed: 5,
  failed: 1,
  duplicate: 1,
  queueLength: 3,
  pendingMessages: 2,
  workers: 1,
  durations: { bounds: [0.1, 1], buckets: [3, 1, 2], seconds: 9.5 },
}

test('metrics: text for whoever asks for it, JSON for everybody else', async () => {
  await using gateway = await openTestGateway({ lane: async () => lane })
  await gateway.post('/api/v1/clicks', { ad_id: 'a', user_id: 1 })
  await gateway.post('/api/v1/clicks', { ad_id: 'a' })
  await gateway.get('/no/such/route')
  const json = (await gateway.get('/metrics', { accept: '*/*' })).json() as Record<string, unknown>
  assert.deepEqual(json['kafka_producer'], { messages_sent: 1, messages_delivered: 1, messages_failed: 0 })
  assert.ok(json['service'] && json['environment'])
  const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1'
  for (const response of [await gateway.get('/metrics', { accept }), await gateway.get('/metrics/prometheus')]) {
    assert.match(String(response.headers['content-type']), /^text\/plain/)
    for (const line of [
      'events_received_total 12',
      'events_processed_total 5',
      'events_failed_total 1',
      'events_duplicate_total 1',
      'queue_depth 3',
      'active_workers 1',
      'event_processing_duration_seconds_bucket{le="0.1"} 3',
      'event_processing_duration_seconds_bucket{le="1"} 4',
      'event_processing_duration_seconds_bucket{le="+Inf"} 6',
      'event_processing_duration_seconds_sum 9.5',
      'event_processing_duration_seconds_count 6',
      'flowguard_events_received_total 2',
      'flowguard_event_write_duration_seconds_count 1',
      'flowguard_events_appended_total{topic="raw.clicks.v1"} 1',
      'flowguard_events_refused_total{code="invalid_event"} 1',
      'flowguard_http_requests_total{route="/api/v1/clicks",status="202"} 1',
      'flowguard_http_requests_total{route="unknown",status="404"} 1',
    ]) {
      assert.ok(response.body.includes(`${line}\n`), line)
    }
  }
  const summary = (await gateway.get('/metrics/summary')).json() as Record<string, unknown>
  assert.deepEqual([summary['queue_length'], summary['pending_messages']], [3, 2])
  assert.ok(Number.isFinite(Date.parse(String(summary['timestamp']))))
})

test('metrics ask the general lane once, and go without it where it cannot be read, with one warning', async () => {
  const lines: string[] = []
  let asked = 0
  let isDamaged = false
  await using gateway = await openTestGateway({
    async lane() {
      asked += 1
      if (isDamaged) throw new FlowGuardError('store_corrupt', 'lane.db is damaged')
      return lane
    },
    logger: pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }),
  })
  assert.match((await gateway.get('/metrics/prometheus')).body, /^events_received_total 12$/m)
  assert.equal(asked, 1)
  isDamaged = true
  for (let scrape = 0; scrape < 2; scrape += 1) {
    const { statusCode, body } = await gateway.get('/metrics/prometheus')
    assert.equal(statusCode, 200)
    assert.match(body, /^flowguard_events_received_total 0$/m)
    assert.doesNotMatch(body, /^(# HELP )?(events_|event_processing|queue_depth|active_workers)/m)
    const json = await gateway.get('/metrics')
    assert.equal(json.statusCode, 200)
    assert.deepEqual([json.json().events.received, 'general_lane' in json.json()], [0, false])
  }
  assert.equal(lines.filter((line) => line.includes('general lane')).length, 1)
  isDamaged = false
  assert.equal((await gateway.get('/metrics')).json().general_lane.received, 12)
})
