import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { isLoopback, readSettings, ROOT, SETTINGS, shown, type SettingName } from './config.ts'
import { hasCode } from './errors.ts'

function folder(dotEnv?: string) {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-config-'))
  if (dotEnv !== undefined) writeFileSync(join(path, '.env'), dotEnv)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

test('without any setting all is as the contract gives it', () => {
  using at = folder()
  const { sources, ...read } = readSettings({}, {}, at.path)
  assert.deepEqual(
    [read.HOST, read.GATEWAY_PORT, read.CATALOG_PORT, read.STORE_PORT, read.OPS_PORT, read.WRITE_KEYS, read.RATE_LIMIT, read.LOG_URL],
    ['127.0.0.1', '8000', '8001', '3000', '8080', 'auto', '0', 'sqlite:'],
  )
  assert.equal(read.DATA_DIR, join(at.path, 'data'))
  assert.deepEqual([read.GATEWAY_URL, read.OPS_URL], ['http://127.0.0.1:8000', 'http://127.0.0.1:8080'])
  assert.deepEqual(read.CORS_ORIGINS.split(',').toSorted(), [
    'http://127.0.0.1:3000',
    'http://127.0.0.1:8080',
    'http://localhost:3000',
    'http://localhost:8080',
  ])
  assert.ok(Object.values(sources).every((source) => source === 'default'))
  assert.ok([read.FOODS_FILE, read.ADS_FILE, read.TOPICS_FILE, join(ROOT, 'packages')].every((path) => existsSync(path)))
})

test('every default passes its own check and says what it is for', () => {
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    assert.equal(SETTINGS[name].check(SETTINGS[name].fallback), undefined, name)
    assert.ok(SETTINGS[name].about.length > 0, name)
  }
})

test('flag outweighs environment, environment .env, and .env the default', () => {
  using at = folder('GATEWAY_PORT=1\nCATALOG_PORT=2\nSTORE_PORT="3"\n# OPS_PORT=9\n')
  const read = readSettings({ GATEWAY_PORT: '11' }, { GATEWAY_PORT: '12', CATALOG_PORT: '22' }, at.path)
  assert.deepEqual([read.GATEWAY_PORT, read.CATALOG_PORT, read.STORE_PORT, read.OPS_PORT], ['11', '22', '3', '8080'])
  const { GATEWAY_PORT, CATALOG_PORT, STORE_PORT, OPS_PORT } = read.sources
  assert.deepEqual([GATEWAY_PORT, CATALOG_PORT, STORE_PORT, OPS_PORT], ['flag', 'environment', '.env', 'default'])
})

test('every setting that is wrong is named, with where it came from', () => {
  using at = folder('LOG_LEVEL=loud\n')
  const flags = { GATEWAY_PORT: '65536', WRITE_KEYS: 'no' }
  const env = { LOG_URL: 'kafka://localhost', RATE_LIMIT: '-1', GATEWAY_URL: 'not an address' }
  assert.throws(
    () => readSettings(flags, env, at.path),
    (error) => {
      assert.ok(hasCode(error, 'settings_invalid'))
      for (const part of [
        'GATEWAY_PORT=65536 (flag) must be a port',
        'WRITE_KEYS=no (flag) must be one of auto, on, off',
        'LOG_URL=kafka://localhost (environment) must be sqlite:',
        'RATE_LIMIT=-1 (environment) must be a whole number',
        'GATEWAY_URL=not an address (environment) must be an address',
        'LOG_LEVEL=loud (.env) must be one of',
      ]) {
        assert.ok((error as Error).message.includes(part), `${part} is not in ${(error as Error).message}`)
      }
      return true
    },
  )
})

test('what is secret is not shown, nor said where it is wrong', () => {
  using at = folder()
  const env = { SPARK_CONF: 'hadoop.fs.s3a.secret.key=hunter2', OPENLINEAGE_API_KEY: 'hunter2\n', LOG_URL: 'postgres://me:hunter2@h:1/db' }
  assert.throws(
    () => readSettings({}, env, at.path),
    ({ message }: Error) => Object.keys(env).every((name) => message.includes(`${name}=`)) && !message.includes('hunter2'),
  )
  assert.equal(shown('SPARK_CONF', 'spark.hadoop.fs.s3a.secret.key=hunter2'), '********')
  assert.deepEqual([shown('SPARK_CONF', ''), shown('SPARK_MASTER', 'local[2]')], ['', 'local[2]'])
})

test('the addresses for clients follow host and port, and are ones that can be called', () => {
  using at = folder()
  const urlOf = (host: string) => readSettings({ HOST: host, GATEWAY_PORT: '9000' }, {}, at.path).GATEWAY_URL
  assert.equal(urlOf('0.0.0.0'), 'http://127.0.0.1:9000')
  assert.equal(urlOf('::'), 'http://127.0.0.1:9000')
  assert.equal(urlOf('::1'), 'http://[::1]:9000')
  assert.equal(urlOf('flow.example.org'), 'http://flow.example.org:9000')
  const read = readSettings(
    { GATEWAY_URL: 'https://far.example.org' },
    { DATA_DIR: '/var/lib/flowguard', CORS_ORIGINS: 'https://shop.example.org' },
    at.path,
  )
  assert.deepEqual(
    [read.GATEWAY_URL, read.DATA_DIR, read.CORS_ORIGINS],
    ['https://far.example.org', resolve('/var/lib/flowguard'), 'https://shop.example.org'],
  )
})

test('only this machine is loopback', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) assert.equal(isLoopback(host), true, host)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '127.example.org', '127.0.0.1.example.org', 'localhost.example.org', '']) {
    assert.equal(isLoopback(host), false, host)
  }
})
