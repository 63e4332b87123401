import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadDriver } from './drivers.ts'
import { hasCode } from './errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'flowguard-drivers-'))
after(() => rmSync(folder, { recursive: true }))

function install(name: string, text: string): void {
  const place = join(folder, 'node_modules', name)
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'index.js'), text)
}

test("a driver is found among the project's packages, and in the folder that the environment names", () => {
  assert.equal(typeof (loadDriver('picocolors', '1.2.3', {}) as { green: unknown }).green, 'function')
  install('flowguard-no-such-driver', 'module.exports = { isDriver: true }')
  assert.deepEqual(loadDriver('flowguard-no-such-driver', '1.2.3', { FLOWGUARD_DRIVERS: folder }), { isDriver: true })
})

test('a missing driver says how it is installed, and one that does not load why', () => {
  for (const env of [{}, { FLOWGUARD_DRIVERS: join(folder, 'nowhere') }]) {
    assert.throws(
      () => loadDriver('flowguard-missing-driver', '1.2.3', env),
      (error) => hasCode(error, 'driver_missing') && /npm install --no-save flowguard-missing-driver@1\.2\.3/.test(String(error)),
    )
  }
  install('flowguard-broken-driver', "throw new Error('compiled for another Node')")
  assert.throws(
    () => loadDriver('flowguard-broken-driver', '1.2.3', { FLOWGUARD_DRIVERS: folder }),
    (error) => hasCode(error, 'driver_missing') && /compiled for another Node/.test(String(error)),
  )
})
