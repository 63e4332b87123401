import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '../../../../test/support/machine.ts'
import { readSettings } from '../kernel/config.ts'
import { silentLogger } from '../kernel/logging.ts'
import { measures } from '../kernel/measures.ts'
import { observeReader } from '../kernel/observer.ts'
import { serveMonitoring } from './health.ts'
import { openMachine } from './open-machine.ts'

test('what stands by reads nothing and is well; where nobody can say who holds the lease, that is why a process is not ready', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-health-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  {
    const settings = readSettings({ DATA_DIR: folder, METRICS_PORT: String(port) }, {}, folder)
    await using machine = openMachine(settings, silentLogger, new AbortController().signal)
    await serveMonitoring(machine, ['stream'])
    const ready = async () => {
      const response = await fetch(`${url}/readyz`)
      return { code: response.status, ...((await response.json()) as { failing?: string[]; checks: Record<string, string> }) }
    }
    const silent = async () => /^flowguard_reader_silent_seconds\{.*$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[0]
    // Made, and not begun: another holds the lease.
    const observer = observeReader('stream', Date.now)
    measures.leases.set('stream', 'standby')
    assert.deepEqual([(await ready()).checks, await silent()], [{ 'lease stream': 'standby' }, undefined])

    observer.turn()
    measures.leases.set('stream', 'held')
    assert.deepEqual((await ready()).checks, { 'reader stream': 'ok', 'lease stream': 'held' })
    assert.match((await silent()) ?? '', /reader="stream"/)

    observer.rest()
    measures.leases.set('stream', 'unknown')
    const { code, failing, checks } = await ready()
    assert.deepEqual([code, failing], [503, ['lease stream']])
    assert.match(checks['lease stream'] ?? '', /the database does not answer/)
  }
  rmSync(folder, { recursive: true })
})
