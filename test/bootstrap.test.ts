/** The start on a fresh machine, with a stand-in for npm: no network is needed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const bin = resolve(import.meta.dirname, '../packages/pipeline/bin')
const CONDITION_MS_MAX = 10_000

/** Does what the variable FAKE_NPM says, and notes how it was called. */
const FAKE_NPM = `
const fs = require('fs')
const path = require('path')
const args = process.argv.slice(2)
const mode = process.env.FAKE_NPM || ''
fs.appendFileSync('npm-calls', args[0] + '\\n')
console.log('noise of npm')
if (mode.startsWith('E')) {
  const logs = args.find((arg) => arg.startsWith('--logs-dir=')).slice('--logs-dir='.length)
  fs.mkdirSync(logs, { recursive: true })
  fs.writeFileSync(path.join(logs, 'debug-0.log'), '31 error code ' + mode + '\\n')
}
if (mode !== '' && mode !== 'no-node' && mode !== 'slow') process.exit(1)
function done() {
  fs.mkdirSync('node_modules/node/bin', { recursive: true })
  fs.writeFileSync('node_modules/node/package.json', '{}')
  const binary = path.join('node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (mode !== 'no-node' && !fs.existsSync(binary)) fs.symlinkSync(process.execPath, binary)
}
setTimeout(done, mode === 'slow' ? 700 : 0)
`

/** Loaded before the bootstrap: makes this Node pass for another, or the folder for one that cannot be written. */
const PRETEND = {
  node20: `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })`,
  node18: `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.0' } })`,
  readOnly: `import fs from 'fs'; fs.mkdirSync = () => { throw Object.assign(new Error('no'), { code: 'EACCES' }) }`,
  fullDisk: `import fs from 'fs'; fs.mkdirSync = () => { throw Object.assign(new Error('no'), { code: 'ENOSPC' }) }`,
}

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

class Checkout implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'flowguard-bootstrap-'))

  constructor() {
    cpSync(bin, join(this.folder, 'packages/pipeline/bin'), { recursive: true })
    this.write('fake/npm-cli.cjs', FAKE_NPM)
    this.write('script.ts', `const args: string[] = process.argv.slice(2)\nprocess.stdout.write(args.join(' '))\n`)
    this.lock('1.0.0')
  }

  write(path: string, text: string): void {
    mkdirSync(join(this.folder, path, '..'), { recursive: true })
    writeFileSync(join(this.folder, path), text)
  }

  lock(version: string): void {
    const packages = { '': {}, 'node_modules/some': { version, integrity: version } }
    this.write('package-lock.json', JSON.stringify({ lockfileVersion: 3, packages }))
  }

  npmCalls(): string[] {
    const path = join(this.folder, 'npm-calls')
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  }

  begin({ npm = '', pretend, args = ['a', 'b'] }: { npm?: string; pretend?: keyof typeof PRETEND; args?: string[] } = {}) {
    const before: string[] = []
    if (pretend !== undefined) {
      this.write(`fake/${pretend}.mjs`, PRETEND[pretend])
      before.push('--import', pathToFileURL(join(this.folder, `fake/${pretend}.mjs`)).href)
    }
    const { NODE_TEST_CONTEXT: _, NODE_ENV: __, npm_node_execpath: ___, ...env } = process.env
    const child = spawn(
      process.execPath,
      [...before, join(this.folder, 'packages/pipeline/bin/bootstrap.mjs'), join(this.folder, 'script.ts'), ...args],
      {
        env: { ...env, FAKE_NPM: npm, npm_execpath: join(this.folder, 'fake/npm-cli.cjs') },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    const texts = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()))
    const ended = new Promise<Ended>((resolveEnded) => child.on('close', (code) => resolveEnded({ code, ...texts })))
    return { child, texts, ended }
  }

  run(options: Parameters<Checkout['begin']>[0] = {}): Promise<Ended> {
    return this.begin(options).ended
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + CONDITION_MS_MAX
  while (!condition()) {
    assert(Date.now() < giveUpAt, 'the condition did not come true')
    await delay(20)
  }
}

test('a fresh checkout is installed once, then the script runs with its arguments, its output alone on stdout', async () => {
  using checkout = new Checkout()
  const first = await checkout.run()
  assert.deepEqual({ code: first.code, stdout: first.stdout }, { code: 0, stdout: 'a b' }, first.stderr)
  assert.match(first.stderr, /installing what package-lock\.json asks for/)
  assert.match(first.stderr, /installed in/)
  const second = await checkout.run()
  assert.deepEqual(second, { code: 0, stdout: 'a b', stderr: '' })
  assert.deepEqual(checkout.npmCalls(), ['ci'])
  assert(!existsSync(join(checkout.folder, '.install-lock')), 'the lock is gone')
})

test('a changed lock file is installed again', async () => {
  using checkout = new Checkout()
  await checkout.run()
  checkout.lock('1.0.1')
  assert.equal((await checkout.run()).code, 0)
  assert.deepEqual(checkout.npmCalls(), ['ci', 'ci'])
})

test('what was installed by hand is not installed again', async () => {
  using checkout = new Checkout()
  checkout.write('node_modules/some/package.json', '{}')
  checkout.write('node_modules/.package-lock.json', readFileSync(join(checkout.folder, 'package-lock.json'), 'utf8'))
  assert.deepEqual(await checkout.run(), { code: 0, stdout: 'a b', stderr: '' })
  assert.deepEqual(checkout.npmCalls(), [])
})

test('a package removed by hand is installed again', async () => {
  using checkout = new Checkout()
  checkout.write('node_modules/.package-lock.json', readFileSync(join(checkout.folder, 'package-lock.json'), 'utf8'))
  assert.equal((await checkout.run()).code, 0)
  assert.deepEqual(checkout.npmCalls(), ['ci'])
})

const FAILURES: Readonly<Record<string, RegExp>> = {
  ENOTFOUND: /registry could not be reached \(ENOTFOUND\).*needs a network/,
  ENOSPC: /disk that holds .* is full/,
  EACCES: /cannot be written \(EACCES\)/,
  EUSAGE: /does not go with package\.json/,
  EINTEGRITY: /npm ci failed with EINTEGRITY/,
  crash: /npm ci failed with exit code 1/,
}

for (const [npm, says] of Object.entries(FAILURES)) {
  test(`an install that fails with ${npm} says why, exits with 1 and is tried again by the next start`, async () => {
    using checkout = new Checkout()
    const { code, stdout, stderr } = await checkout.run({ npm })
    assert.match(stderr, says)
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
    assert.equal((await checkout.run()).code, 0)
  })
}

test('a folder that cannot be written says so and exits with 1', async () => {
  using checkout = new Checkout()
  const { code, stderr } = await checkout.run({ pretend: 'readOnly' })
  assert.match(stderr, /cannot be written \(EACCES\)/)
  assert.equal(code, 1)
})

test('a full disk says so and exits with 1', async () => {
  using checkout = new Checkout()
  const { code, stderr } = await checkout.run({ pretend: 'fullDisk' })
  assert.match(stderr, /disk that holds .* is full/)
  assert.equal(code, 1)
})

test('two starts at once install once, and both run', async () => {
  using checkout = new Checkout()
  const both = await Promise.all([checkout.run({ npm: 'slow' }), checkout.run({ npm: 'slow' })])
  assert.deepEqual(
    both.map(({ code, stdout }) => ({ code, stdout })),
    [
      { code: 0, stdout: 'a b' },
      { code: 0, stdout: 'a b' },
    ],
  )
  assert.equal(both.filter(({ stderr }) => /waiting for another install/.test(stderr)).length, 1)
  assert.deepEqual(checkout.npmCalls(), ['ci'])
})

test('the lock of an install that died is taken over', async () => {
  using checkout = new Checkout()
  const dead = spawn(process.execPath, ['-e', ''])
  await new Promise((resolveExit) => dead.on('exit', resolveExit))
  checkout.write('.install-lock/pid', String(dead.pid))
  assert.equal((await checkout.run()).code, 0)
  assert.deepEqual(checkout.npmCalls(), ['ci'])
})

test('a Node older than 20 says so and exits with 2, before anything is installed', async () => {
  using checkout = new Checkout()
  const { code, stderr } = await checkout.run({ pretend: 'node18' })
  assert.match(stderr, /Node 20 or newer is needed, this is 18\.20\.0/)
  assert.equal(code, 2)
  assert.deepEqual(checkout.npmCalls(), [])
})

test('under Node 20 the script runs under the Node 24 that npm brought', async () => {
  using checkout = new Checkout()
  checkout.write(
    'script.ts',
    `const major: number = Number(process.versions.node.split('.')[0])\nprocess.stdout.write(String(major >= 24))\n`,
  )
  const { code, stdout, stderr } = await checkout.run({ pretend: 'node20' })
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'true' }, stderr)
})

test('where install scripts were switched off, Node 24 is fetched by itself', async () => {
  using checkout = new Checkout()
  await checkout.run({ npm: 'no-node' })
  const { code, stdout, stderr } = await checkout.run({ pretend: 'node20' })
  assert.match(stderr, /install scripts are switched off/)
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'a b' })
  assert.deepEqual(checkout.npmCalls(), ['ci', 'rebuild'])
})

test('where Node 24 cannot be fetched, it says what to do and exits with 2', async () => {
  using checkout = new Checkout()
  const { code, stdout, stderr } = await checkout.run({ pretend: 'node20', npm: 'no-node' })
  assert.match(stderr, /Node 24 is needed, this is 20\.1\.0[^]*install Node 24 from https:\/\/nodejs\.org/)
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
  assert.deepEqual(checkout.npmCalls(), ['ci', 'rebuild'])
})

test('a missing lock file says so and exits with 1', async () => {
  using checkout = new Checkout()
  rmSync(join(checkout.folder, 'package-lock.json'))
  const { code, stderr } = await checkout.run()
  assert.match(stderr, /package-lock\.json cannot be read/)
  assert.equal(code, 1)
})

for (const pretend of [undefined, 'node20'] as const) {
  const under = pretend === undefined ? 'in the same process' : 'in a child'
  test(`${under}, the exit code of the script is that of the start`, async () => {
    using checkout = new Checkout()
    checkout.write('script.ts', 'process.exitCode = 7\n')
    assert.equal((await checkout.run(pretend && { pretend })).code, 7)
  })

  test(`${under}, SQLite gives no warning`, async () => {
    using checkout = new Checkout()
    checkout.write('script.ts', `import 'node:sqlite'\n`)
    await checkout.run()
    assert.deepEqual(await checkout.run(pretend && { pretend }), { code: 0, stdout: '', stderr: '' })
  })

  // Windows has no signals to pass on: it ends a process at once.
  if (process.platform === 'win32') continue
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${under}, ${signal} reaches the script, which ends as it likes`, async () => {
      using checkout = new Checkout()
      checkout.write(
        'script.ts',
        `process.once('${signal}', () => process.exit(9))\nsetInterval(() => {}, 1000)\nprocess.stdout.write('ready')\n`,
      )
      const { child, texts, ended } = checkout.begin(pretend && { pretend })
      await until(() => texts.stdout === 'ready')
      child.kill(signal)
      assert.equal((await ended).code, 9)
    })
  }
}

if (process.platform !== 'win32') {
  test('a script that dies of an interrupt exits with 130', async () => {
    using checkout = new Checkout()
    checkout.write('script.ts', `setInterval(() => {}, 1000)\nprocess.stdout.write('ready')\n`)
    const { child, texts, ended } = checkout.begin({ pretend: 'node20' })
    await until(() => texts.stdout === 'ready')
    child.kill('SIGINT')
    assert.equal((await ended).code, 130)
  })
}
