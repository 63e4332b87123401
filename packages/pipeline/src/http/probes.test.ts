import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../kernel/logging.ts'
import { checkMetrics, probeRoutes, type Checks } from './health.ts'
import { Registry } from './prometheus.ts'
import { createHttpServer } from './server.ts'

test('what fails, hangs or stands by is named, and only the first two are not ready', async () => {
  const app = await createHttpServer({ name: 'test', logger: silentLogger, corsOrigins: [], rateLimit: 0 })
  let checks: Checks = {
    log: { check: async () => undefined },
    lease: { check: async () => ({ well: 'standby' }) },
    statistics: { check: () => Promise.reject(new Error('/secret/path')), isMinor: true },
  }
  const registry = new Registry()
  checkMetrics(registry, () => checks)
  probeRoutes(app, () => checks)
  const ready = await app.inject('/readyz')
  assert.deepEqual([ready.statusCode, ready.json()], [200, { status: 'ready', checks: { log: 'ok', lease: 'standby' } }])
  assert.match(await registry.metrics(), /^flowguard_check_ok\{check="statistics"\} 0$/m)

  checks = {
    ...checks,
    store: { check: () => Promise.reject(new Error('/secret/path')) },
    log: { check: () => new Promise(() => undefined) },
  }
  const broken = await app.inject('/readyz')
  assert.deepEqual(
    [broken.statusCode, broken.json().failing, broken.json().checks],
    [503, ['log', 'store'], { log: 'does not answer in time', lease: 'standby', store: 'does not answer' }],
  )
  assert.ok(!broken.body.includes('secret'))
  await app.close()
})
