import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startMachine, type Machine } from './support/machine.ts'

const statusOf = async (url: string, key: string | undefined, body?: object) =>
  (
    await fetch(url, {
      method: body ? 'POST' : 'GET',
      headers: { 'content-type': 'application/json', ...(key !== undefined && { authorization: `Bearer ${key}` }) },
      ...(body && { body: JSON.stringify(body) }),
    })
  ).status

const operatorsKey = ({ dataDir }: Machine) => readFileSync(join(dataDir, 'operator.key'), 'utf8').trim()
const DROP = { reason: 'invalid_event', note: 'a test' }
const CLICK = { ad_id: 'food_1', user_id: 1 }

test('on this machine reading is open, and what changes something needs the operator’s key, which the commands have', async () => {
  await using machine = await startMachine()
  const { opsUrl, gatewayUrl } = machine
  for (const path of ['summary', 'dead', 'groups', 'figures', 'alerts', 'etl/runs'])
    assert.equal(await statusOf(`${opsUrl}/api/${path}`, undefined), 200, path)
  assert.equal(await statusOf(`${opsUrl}/api/sql`, undefined, { sql: 'select 1' }), 200)
  assert.equal(await statusOf(`${gatewayUrl}/api/v1/clicks`, undefined, CLICK), 202)
  for (const [path, body] of [
    ['dead/drop', DROP],
    ['dead/retry', { reason: 'invalid_event' }],
    ['etl/runs', {}],
  ] as const) {
    assert.equal(await statusOf(`${opsUrl}/api/${path}`, undefined, body), 401, path)
    assert.equal(await statusOf(`${opsUrl}/api/${path}`, 'another', body), 401, path)
  }
  assert.equal(await statusOf(`${opsUrl}/api/dead/drop`, operatorsKey(machine), DROP), 200)
  const dropped = await machine.cli('dead', 'drop', '--all', '--note', 'a test', '--ops-url', opsUrl)
  assert.match(dropped.stdout, /0 letters given up/)
})

test('with keys required, the key of a page sends events and opens nothing else; an operator’s does all', async () => {
  await using machine = await startMachine({ idle: true, env: { WRITE_KEYS: 'on' } })
  const { opsUrl, gatewayUrl } = machine
  const page = (await machine.cli('keys', 'add', 'page', '--events-only')).stdout.trim()
  const alone = await machine.cli('run', 'gateway')
  assert.equal(alone.code, 1)
  assert.match(alone.stderr, /no write key that may do more than send events/)
  const all = (await machine.cli('keys', 'add', 'all')).stdout.trim()
  await Promise.all([machine.start('edge'), machine.start('pipeline')])
  for (const path of ['summary', 'dead', 'groups', 'topics', 'figures', 'reports', 'alerts', 'audit', 'live', 'etl/runs', 'trace/x']) {
    for (const key of [undefined, page]) assert.equal(await statusOf(`${opsUrl}/api/${path}`, key), 401, path)
  }
  for (const key of [undefined, page]) {
    assert.equal(await statusOf(`${opsUrl}/api/v1/billing/advertisers`, key), 401)
    assert.equal(await statusOf(`${opsUrl}/api/dead/drop`, key, DROP), 401)
    assert.equal(await statusOf(`${opsUrl}/api/sql`, key, { sql: 'select 1' }), 401)
    assert.equal(await statusOf(`${gatewayUrl}/api/v1/billing/advertisers`, key), 401)
    assert.equal(await statusOf(`${gatewayUrl}/api/v1/time/close`, key, {}), 401)
    assert.equal(await statusOf(`${gatewayUrl}/api/v1/dead/retry`, key, {}), 401)
  }
  assert.equal(await statusOf(`${gatewayUrl}/api/v1/clicks`, undefined, CLICK), 401)
  for (const key of [page, all]) assert.equal(await statusOf(`${gatewayUrl}/api/v1/clicks`, key, CLICK), 202)
  for (const key of [all, operatorsKey(machine)]) {
    assert.equal(await statusOf(`${opsUrl}/api/summary`, key), 200)
    assert.equal(await statusOf(`${opsUrl}/api/dead/drop`, key, DROP), 200)
  }
})
