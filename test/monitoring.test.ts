import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort, startMachine, until } from './support/machine.ts'

test('a part that is run alone says on its own port whether it is ready, and what it does', async () => {
  await using machine = await startMachine({ idle: true })
  const [streamPort, workersPort] = [await freePort(), await freePort()]
  const get = async (port: number, path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: response.status, text: await response.text() }
  }
  await machine.start('edge', { METRICS_PORT: String(await freePort()) })
  await Promise.all([
    machine.start('stream', { METRICS_PORT: String(streamPort) }),
    machine.start('workers', { METRICS_PORT: String(workersPort) }),
  ])
  assert.deepEqual(await get(streamPort, '/livez'), { status: 200, text: '{"status":"alive"}' })
  const ready = await get(streamPort, '/readyz')
  assert.deepEqual(JSON.parse(ready.text), {
    status: 'ready',
    checks: { pipeline: 'ok', log: 'ok', lane: 'ok', 'reader stream': 'ok', 'reader lane-dead': 'ok', 'lease stream': 'held' },
  })
  assert.deepEqual(JSON.parse((await get(workersPort, '/readyz')).text), {
    status: 'ready',
    checks: { lane: 'ok', log: 'ok', 'reader workers': 'ok' },
  })
  const send = (path: string, body: object) =>
    fetch(`${machine.gatewayUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  await send('/api/v1/clicks', { ad_id: 'food_1', user_id: 1 })
  for (let user = 1; user <= 20; user += 1) await send('/events', { event_type: user === 1 ? 'purchase' : 'page_view', user_id: user })
  const metric = async (port: number, line: RegExp, path = '/metrics') => Number(line.exec((await get(port, path)).text)?.[1])
  await until(
    'all is worked off',
    async () => (await metric(workersPort, /^flowguard_event_latency_seconds_count\{reader="workers"\} (\d+)$/m)) === 20,
  )
  const dead = /^flowguard_reader_dead_letters_total\{reader="workers",reason="invalid_event"\} (\d+)$/m
  assert.equal(await metric(workersPort, dead, '/metrics/prometheus'), 1)
  const batches = /^flowguard_reader_batch_records_sum\{reader="stream"\} (\d+)$/m
  await until('the click is read', async () => (await metric(streamPort, batches)) > 0)
  assert.ok((await metric(streamPort, /^process_cpu_seconds_total (\S+)$/m)) > 0)
  assert.equal(await metric(streamPort, /^flowguard_lease_held\{lease="stream"\} (\d)$/m), 1)
  assert.equal((await get(streamPort, '/nowhere')).status, 404)

  // The gateway's own port has them; no other is opened beside it.
  const edge = await (await fetch(`${machine.gatewayUrl}/metrics/prometheus`)).text()
  assert.match(edge, /^flowguard_relay_shipped_records_total \d+$/m)
  assert.match(edge, /^flowguard_log_append_duration_seconds_count\{topic="raw.events.v1"\} 20$/m)

  await machine.stop('stream')
  machine.env['METRICS_PORT'] = String(workersPort)
  const taken = await machine.cli('run', 'stream')
  assert.equal(taken.code, 1)
  assert.match(taken.stderr, new RegExp(`the port ${workersPort} of the metrics server is taken.*METRICS_PORT`, 's'))
})
