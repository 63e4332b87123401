import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { addErased, noteDone } from '../erasure/erased-list.ts'
import { lockFolder } from '../kernel/lock.ts'
import { readSettings } from '../kernel/config.ts'
import { openDatabase } from '../stores.ts'
import type { Finding } from './doctor-checks.ts'
import { run, temporaryFolder } from './testing/run.ts'

/** A server on a port that the system chose. */
async function listening(answer: string) {
  const server = createServer((_request, response) => response.end(answer)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: String((server.address() as AddressInfo).port),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const FREE = { GATEWAY_PORT: '0', CATALOG_PORT: '0', OPS_PORT: '0', STORE_PORT: '0' }

async function doctor(folder: string, env: NodeJS.ProcessEnv = {}) {
  const { code, stdout } = await run(['doctor', '--json', '--data-dir', folder], { env: { ...FREE, ...env } })
  const { findings } = JSON.parse(stdout) as { findings: Finding[] }
  return { code, of: (name: string) => findings.find((each) => each.name === name) }
}

test('a machine in order is well', async () => {
  using folder = temporaryFolder()
  const { code, of } = await doctor(folder.path)
  assert.equal(code, 0)
  for (const name of ['Node', 'clock', 'settings', 'data folder', 'topics', 'dishes', 'ads', 'lock', 'edge.db', 'write keys'])
    assert.equal(of(name)?.state, 'ok', name)
  const text = await run(['doctor', '--data-dir', folder.path], { env: FREE })
  assert.match(text.stdout, /✓ Node +24/)
})

test('a taken port is a fault; FlowGuard’s own is none', async () => {
  using folder = temporaryFolder()
  await using stranger = await listening('hello')
  await using own = await listening('{"status":"healthy"}')
  const { code, of } = await doctor(folder.path, { GATEWAY_PORT: own.port, OPS_PORT: stranger.port })
  assert.equal(code, 1)
  assert.match(of(`port ${own.port}`)?.detail ?? '', /FlowGuard’s gateway answers, and is healthy/)
  assert.equal(of(`port ${stranger.port}`)?.state, 'fail')
  assert.match(of(`port ${stranger.port}`)?.advice ?? '', /OPS_PORT/)
})

test('the store’s port is looked at, too: whose it is says the lock', async () => {
  using folder = temporaryFolder()
  await using stranger = await listening('hello')
  const found = async () => {
    const { code, of } = await doctor(folder.path, { STORE_PORT: stranger.port })
    return { code, state: of(`port ${stranger.port}`)?.state }
  }
  assert.deepEqual(await found(), { code: 0, state: 'warn' })
  using _lock = lockFolder(folder.path)
  assert.deepEqual(await found(), { code: 0, state: 'ok' })
})

test('a warehouse that is no file of DuckDB’s is found', async () => {
  using folder = temporaryFolder()
  const found = async () => (await doctor(folder.path)).of('warehouse.duckdb')
  assert.equal((await found())?.detail, 'not made yet')
  writeFileSync(folder.file('warehouse.duckdb'), '')
  assert.equal((await found())?.state, 'fail')
  const duckdb = await DuckDBInstance.create(folder.file('whole.duckdb'))
  duckdb.closeSync()
  renameSync(folder.file('whole.duckdb'), folder.file('warehouse.duckdb'))
  assert.match((await found())?.detail ?? '', /, DuckDB’s/)
  const file = openSync(folder.file('warehouse.duckdb'), 'r+')
  writeSync(file, Buffer.alloc(64, 0x5a))
  closeSync(file)
  const damaged = await found()
  assert.deepEqual([damaged?.state, /warehouse rebuild/.test(damaged?.advice ?? '')], ['fail', true])
})

test('a lock that is held is told from one that was', async () => {
  using folder = temporaryFolder()
  {
    using _lock = lockFolder(folder.path)
    assert.match((await doctor(folder.path)).of('lock')?.detail ?? '', new RegExp(`runs on this data folder .process ${process.pid}`))
  }
  assert.match((await doctor(folder.path)).of('lock')?.detail ?? '', /does not run/)
})

test('a damaged store is found', async () => {
  using folder = temporaryFolder()
  const database = await openDatabase(readSettings({ DATA_DIR: folder.path }, {}, folder.path), Date.now)
  for (let at = 0; at < 200; at += 1) await database.addKey(`key ${at}`, `${at}`.padStart(64, '0'))
  await database[Symbol.asyncDispose]()
  assert.match((await doctor(folder.path)).of('edge.db')?.detail ?? '', /sound/)
  const file = openSync(folder.file('edge.db'), 'r+')
  for (let page = 2; page < 8; page += 1) writeSync(file, Buffer.alloc(2_000, 0x5a), 0, 2_000, page * 4_096)
  closeSync(file)
  writeFileSync(folder.file('raw-log.db'), 'this is no database, but long enough to be taken for one'.repeat(20))
  const { code, of } = await doctor(folder.path)
  assert.equal(code, 1)
  for (const name of ['edge.db', 'raw-log.db']) {
    assert.equal(of(name)?.state, 'fail', name)
    assert.match(of(name)?.advice ?? '', /backup/)
  }
})

test('bad settings and files are findings, each with what to do', async () => {
  using folder = temporaryFolder()
  const bad = await doctor(folder.path, { GATEWAY_PORT: 'x' })
  assert.equal(bad.code, 1)
  assert.match(bad.of('settings')?.detail ?? '', /GATEWAY_PORT=x \(environment\)/)
  writeFileSync(folder.file('ads.json'), '[{')
  const { code, of } = await doctor(folder.path, { ADS_FILE: folder.file('ads.json') })
  assert.equal(code, 1)
  assert.match(of('ads')?.detail ?? '', /ads\.json/)
})

test('a file that is faulty is named once, with the line', async () => {
  using folder = temporaryFolder()
  const file = folder.file('alerts.yaml')
  writeFileSync(file, 'cooldown:\n  minuets: 3\n')
  const { detail = '' } = (await doctor(folder.path, { ALERTS_FILE: file })).of('alerts') ?? {}
  assert.deepEqual([detail.split(file).length, /line 2/.test(detail)], [2, true], detail)
})

test('listening beyond this machine needs a key', async () => {
  using folder = temporaryFolder()
  const open = await doctor(folder.path, { HOST: '0.0.0.0' })
  assert.equal(open.of('write keys')?.state, 'fail')
  assert.equal((await run(['keys', 'add', 'page', '--events-only', '--data-dir', folder.path])).code, 0)
  assert.equal((await doctor(folder.path, { HOST: '0.0.0.0' })).of('write keys')?.state, 'fail', 'one that only sends events is not enough')
  assert.equal((await run(['keys', 'add', 'till', '--data-dir', folder.path])).code, 0)
  const pageless = (await doctor(folder.path, { HOST: '0.0.0.0' })).of('write keys')
  assert.deepEqual([pageless?.state, /PUBLIC_WRITE_KEY/.test(pageless?.advice ?? '')], ['warn', true])
  const withPages = async (key: string) => (await doctor(folder.path, { HOST: '0.0.0.0', PUBLIC_WRITE_KEY: key })).of('write keys')
  const made = async (...args: string[]) => (await run(['keys', 'add', ...args, '--data-dir', folder.path])).stdout.trim()
  const unknown = await withPages('fg_open')
  assert.deepEqual([unknown?.state, /none of them/.test(unknown?.detail ?? '')], ['warn', true])
  assert.equal((await withPages(await made('pages', '--events-only')))?.state, 'ok')
  const laidOpen = await withPages(await made('operator'))
  assert.deepEqual([laidOpen?.state, /may do everything/.test(laidOpen?.detail ?? '')], ['fail', true], 'a key that does all lies open')
  assert.equal((await doctor(folder.path, { HOST: '0.0.0.0', WRITE_KEYS: 'off' })).of('write keys')?.state, 'warn')
})

test('a Spark that a run could not start is a fault; one that it could is said, and not started', async () => {
  using folder = temporaryFolder()
  const [python, home] = [folder.file('python3'), folder.file('java')]
  mkdirSync(join(home, 'bin'), { recursive: true })
  const program = (path: string, text: string) => writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  const found = async () => (await doctor(folder.path, { BATCH_ENGINE: 'spark' })).of('BATCH_ENGINE')
  const before = { ...process.env }
  Object.assign(process.env, { PYSPARK_DRIVER_PYTHON: python, JAVA_HOME: home })
  try {
    program(python, `[ "$2" = --version ] && echo 4.1.4`)
    assert.match((await found())?.detail ?? '', /java\/bin\/java: it is not there/)
    program(join(home, 'bin/java'), `echo 'openjdk version "17.0.15" 2025-04-15' >&2`)
    assert.deepEqual(await found(), { name: 'BATCH_ENGINE', state: 'ok', detail: 'spark: Spark 4.1.4, Java 17.0.15' })
    program(python, `echo "ModuleNotFoundError: No module named 'pyspark'" >&2; exit 1`)
    const missing = await found()
    assert.deepEqual([missing?.state, /No module named 'pyspark'/.test(missing?.detail ?? '')], ['fail', true])
    assert.match(missing?.advice ?? '', /SPARK_HOME/)
  } finally {
    for (const name of ['PYSPARK_DRIVER_PYTHON', 'JAVA_HOME']) if (before[name] === undefined) delete process.env[name]
    Object.assign(process.env, before)
  }
})

test('a clock before 2024 is a fault', async () => {
  using folder = temporaryFolder()
  const { code, stdout } = await run(['doctor', '--data-dir', folder.path], { env: FREE, clock: () => 0 })
  assert.equal(code, 1)
  assert.match(stdout, /✗ clock +1970/)
})

test('a folder that cannot be written is a fault', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.file('file'), '')
  const { code, of } = await doctor(folder.file('file/data'))
  assert.equal(code, 1)
  assert.equal(of('data folder')?.state, 'fail')
  assert.match(of('data folder')?.advice ?? '', /--data-dir/)
})

test('a folder that does not exist yet is told of, and not made', async () => {
  using folder = temporaryFolder()
  const { code, of } = await doctor(folder.file('mistyped/data'))
  assert.equal(code, 0)
  assert.deepEqual(of('data folder')?.detail, `${folder.file('mistyped/data')} does not exist yet, and can be made`)
  assert.ok(of('disk'))
  assert.equal(existsSync(folder.file('mistyped')), false)
})

test('an erasure that was cut off is told of until it is finished', async () => {
  using folder = temporaryFolder()
  const list = join(folder.path, 'erased.json')
  const found = async () => (await doctor(folder.path)).of('erased people')
  assert.equal(await found(), undefined)
  addErased(list, 'ravi', undefined, 0)
  const { state, detail, advice } = (await found()) as Finding
  assert.deepEqual([state, detail], ['warn', 'of 1 who were to be erased, the first at 1970-01-01T00:00:00.000Z, not everything is gone'])
  assert.match(advice ?? '', /erase --user ID --yes/)
  noteDone(list, 'ravi', 1)
  assert.equal((await found())?.state, 'ok')
})
