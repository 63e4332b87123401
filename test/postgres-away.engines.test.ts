import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT, readSettings } from '../packages/pipeline/src/kernel/config.ts'
import { groups } from '../packages/pipeline/src/ops/groups.ts'
import { openStores, placesOf } from '../packages/pipeline/src/stores.ts'
import { assertLoaded, SMALL_BATCHES } from './support/answers.ts'
import { startEngineMachine } from './support/engine-machine.ts'
import { engine } from './support/engines.ts'
import { freePort, until, type Machine } from './support/machine.ts'

const AWAY_MS = 8_000
/** On a machine that runs all engines as well. */
const WAIT_MS_MAX = 90_000
const LEASED = ['relay', 'stream', 'billing', 'loader', 'lake'] as const
const PARTS = ['gateway', 'workers', ...LEASED] as const

type Part = (typeof PARTS)[number]

async function post({ gatewayUrl }: Machine, path: string, body: object): Promise<number> {
  const response = await fetch(`${gatewayUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  await response.arrayBuffer()
  return response.status
}

test('PostgreSQL is away for longer than a lease: each part waits, says why, and goes on by itself; nothing that was accepted is lost', async (t) => {
  await using machine = await startEngineMachine({ idle: true, env: { ...SMALL_BATCHES } })
  const ports = new Map<Part, number>()
  for (const part of PARTS) ports.set(part, part === 'gateway' ? Number(machine.env['GATEWAY_PORT']) : await freePort())
  await Promise.all(PARTS.map((part) => machine.start(part, part === 'gateway' ? {} : { METRICS_PORT: String(ports.get(part)) })))
  const ready = async (part: Part) => {
    const response = await fetch(`http://127.0.0.1:${ports.get(part)}/readyz`)
    const { checks } = (await response.json()) as { checks: Record<string, string> }
    return { code: response.status, lease: checks[`lease ${part}`] }
  }
  const everyLeased = async (isSo: (at: Awaited<ReturnType<typeof ready>>) => boolean) => (await Promise.all(LEASED.map(ready))).every(isSo)
  const goesOn = () => everyLeased(({ code, lease }) => code === 200 && lease === 'held')
  await until('every part is held', goesOn, WAIT_MS_MAX)

  const sent = { clicks: 0, orders: 0 }
  const send = async () => {
    const user_id = (sent.clicks % 7) + 1
    const click = await post(machine, '/api/v1/clicks', { ad_id: 'ad_crispy_burger_match_night', item_id: 7, user_id })
    assert.equal(click, 202, 'clicks do not need PostgreSQL')
    sent.clicks += 1
    const order = await post(machine, '/api/v1/orders', { item_id: 7, user_id })
    assert.ok([201, 202, 503].includes(order), `an order got ${order}`)
    if (order < 300) sent.orders += 1
  }
  for (let n = 0; n < 50; n += 1) await send()
  await engine('postgres').stop()
  try {
    const stoppedAt = performance.now()
    await until('each part says why it waits', () =>
      everyLeased(({ code, lease }) => code === 503 && /the database does not answer/.test(lease ?? '')),
    )
    while (performance.now() - stoppedAt < AWAY_MS) await send()
  } finally {
    await engine('postgres').start()
  }
  const backAt = performance.now()
  await until('every part goes on', goesOn, WAIT_MS_MAX)
  t.diagnostic(`all leases were held again ${Math.round(performance.now() - backAt)} ms after PostgreSQL was back`)
  const before = sent.orders
  await until('orders are taken again', async () => (await send(), sent.orders > before + 20))

  await using stores = openStores({ ...placesOf(readSettings(machine.env, {}, ROOT)), clock: Date.now })
  await until(
    'all is read',
    async () => {
      const { readers } = await groups(stores)
      const raw = readers.filter(({ name }) => ['stream', 'billing', 'loader', 'lake'].includes(name))
      const clicks = raw.map(
        ({ partitions, tally }) => tally.applied + tally.skipped - partitions.reduce((sum, { heartbeats }) => sum + heartbeats, 0),
      )
      return raw.length === 4 && clicks.every((count) => count >= sent.clicks + sent.orders)
    },
    WAIT_MS_MAX,
  )
  for (const part of LEASED) {
    const log = readFileSync(join(machine.dataDir, 'logs', `${part}.log`), 'utf8')
    const said = (message: string) => log.split(`"msg":"lease ${part}: ${message}`).length - 1
    // On a machine that has little time for them some were late at the start, too.
    for (const message of ['could not be renewed in time', 'can be asked for again']) assert.ok(said(message) >= 1, log)
    assert.equal(said('held"'), said('could not be renewed in time') + 1, log)
    assert.equal(said('another holds it'), 0, log)
  }
  assert.deepEqual(
    PARTS.filter((part) => !machine.isRunning(part)),
    [],
  )
  // The warehouse is its owner's while that runs.
  await machine.stop('loader')
  await assertLoaded(machine)
})
