import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockFolder } from '../packages/pipeline/src/kernel/lock.ts'
import { freePort, startMachine, until } from './support/machine.ts'

const MAIN = join(import.meta.dirname, '../packages/pipeline/src/main.ts')

test('up ends, and says why, when one of its processes cannot start', async () => {
  await using machine = await startMachine({ idle: true, env: { FOODS_FILE: 'no-such-foods.json' } })
  const { code, stderr } = await machine.cli('up')
  assert.equal(code, 1)
  assert.match(stderr, /no-such-foods\.json/)
  assert.match(readFileSync(join(machine.dataDir, 'logs/edge.log'), 'utf8'), /no-such-foods\.json/)
})

test('up names all ports that are taken at once, with others to paste, and starts nothing', async () => {
  await using machine = await startMachine({ idle: true })
  const names = ['GATEWAY_PORT', 'OPS_PORT', 'STORE_PORT']
  const others = names.map((name) => createServer().listen(Number(machine.env[name]), '127.0.0.1'))
  await Promise.all(others.map((other) => once(other, 'listening')))
  try {
    const { code, stderr } = await machine.cli('up')
    assert.equal(code, 1)
    const [first = '', line = '', advice = '', ...rest] = stderr.split('\n')
    assert.match(first, new RegExp(`^error: taken on .*: ${names.map((name) => `port ${machine.env[name]} .${name}.`).join(', ')}\\.`))
    if (process.platform !== 'win32') assert.match(line, /^ {4}export( (GATEWAY|OPS|STORE)_PORT=\d+)+$/)
    assert.match(advice, /^ {2}Stop what listens there/)
    assert.deepEqual(rest, [''])
    assert.ok(!existsSync(join(machine.dataDir, 'logs/edge.log')))
  } finally {
    for (const other of others) other.close()
  }
})

test('a gateway whose port is taken says so in words, and nothing else', async () => {
  const port = await freePort()
  const other = createServer().listen(port, '127.0.0.1')
  await once(other, 'listening')
  await using machine = await startMachine({ idle: true })
  try {
    const { code, stderr } = await machine.cli('start-gateway', '--port', String(port))
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`^error: the port ${port} of the events gateway is taken[^\\n]*\\n[^\\n]*\\n$`))
    assert.match(readFileSync(join(machine.dataDir, 'logs/start-gateway.log'), 'utf8'), /port_taken/)
  } finally {
    other.close()
  }
})

test('up that waits for an engine says so, and where to look', async () => {
  await using machine = await startMachine({ idle: true, env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' } })
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'up', '--no-store'], {
    env: machine.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (part: Buffer) => (said += part.toString()))
  await until('it says so', () => said.includes('not ready yet'))
  child.kill('SIGINT')
  const [code] = (await once(child, 'exit')) as [number | null]
  assert.equal(code, 0, said)
})

test('a role that runs on a data folder is not run there again', async () => {
  await using machine = await startMachine({ idle: true })
  using _stream = lockFolder(machine.dataDir, 'stream')
  for (const role of ['stream', 'pipeline']) {
    const { code, stderr } = await machine.cli('run', role)
    assert.equal(code, 1, role)
    assert.match(stderr, new RegExp(`the role stream on .* is in use by process ${process.pid}`), role)
  }
})
