import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import test from 'node:test'
import type { Command } from 'commander'
import { FlowGuardError } from '../kernel/errors.ts'
import { EXIT, type Io } from './cli.ts'
import { buildProgram, sayFailure } from './program.ts'
import { run, temporaryFolder } from './testing/run.ts'

const WANTED = [
  'up',
  'run',
  'start-gateway',
  'start-catalog',
  'health-check',
  'simulate',
  'send',
  'replay',
  'monitor',
  'logs',
  'topics',
  'groups',
  'dead',
  'trace',
  'audit',
  'sql',
  'etl run',
  'etl backfill',
  'etl runs',
  'reconcile',
  'doctor',
  'config',
  'keys',
]

const io: Io = {
  stdout: { write: () => undefined },
  stderr: { write: () => undefined },
  stdin: () => Readable.from([]),
  env: {},
  cwd: '.',
  clock: Date.now,
  random: Math.random,
  signal: new AbortController().signal,
}

async function commands(): Promise<{ name: string; command: Command }[]> {
  const program = await buildProgram({ io, exitCode: EXIT.done })
  const named = (command: Command, prefix: string): { name: string; command: Command }[] =>
    command.commands.flatMap((each) => [{ name: `${prefix}${each.name()}`, command: each }, ...named(each, `${prefix}${each.name()} `)])
  return named(program, '')
}

test('the commands of the contract are there', async () => {
  const names = (await commands()).map(({ name }) => name)
  for (const name of WANTED) assert.ok(names.includes(name), name)
})

test('every command has help with an example that names it, on stdout, and exits 0', async () => {
  for (const { name } of await commands()) {
    const { code, stdout, stderr } = await run([...name.split(' '), '--help'])
    assert.equal(code, 0, name)
    assert.equal(stderr, '')
    assert.match(stdout, new RegExp(`Examples:\\n  \\$ npx flowguard ${name}`), name)
    assert.match(stdout, /--data-dir/)
  }
})

test('misuse is 2, and says what was wrong on stderr', async () => {
  for (const [args, words] of [
    [['fly'], /unknown command 'fly'/],
    [['toipcs'], /Did you mean topics/],
    [['topics', '--fast'], /unknown option '--fast'/],
    [['replay'], /missing required argument 'file'/],
    [['simulate', '--rate', '0'], /number above 0/],
    [['simulate', '--bots', '2'], /share from 0 to 1/],
    [['simulate', '--duration', '1.5'], /whole number/],
    [['replay', 'x', '--speed', 'fast'], /or max/],
    [['send', 'parcel'], /unknown command 'parcel'/],
    [['send', 'order', '--type', 'eaten'], /Allowed choices/],
    [['keys'], /Usage/],
    [[], /Usage/],
  ] as const) {
    const { code, stdout, stderr } = await run(args)
    assert.equal(code, 2, args.join(' '))
    assert.equal(stdout, '')
    assert.match(stderr, words)
  }
})

test('bad settings are misuse, and every one is named with where it comes from', async () => {
  const { code, stderr } = await run(['config'], { env: { GATEWAY_PORT: '99999', WRITE_KEYS: 'perhaps' } })
  assert.equal(code, 2)
  assert.match(stderr, /GATEWAY_PORT=99999 \(environment\).*WRITE_KEYS=perhaps/)
})

test('config shows values and sources, and masks secrets', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.file('.env'), 'GATEWAY_PORT=9100\nCATALOG_PORT=9101\n')
  const { code, stdout } = await run(['config', '--json', '--data-dir', 'here'], {
    cwd: folder.path,
    env: { CATALOG_PORT: '9201', WRITE_KEY: 'fg_topsecret' },
  })
  assert.equal(code, 0)
  assert.ok(!stdout.includes('topsecret'))
  const rows = JSON.parse(stdout) as { name: string; value: string; source: string }[]
  const row = (name: string) => rows.filter((each) => each.name === name).map(({ value, source }) => [value, source])[0]
  assert.deepEqual(row('GATEWAY_PORT'), ['9100', '.env'])
  assert.deepEqual(row('CATALOG_PORT'), ['9201', 'environment'])
  assert.deepEqual(row('DATA_DIR'), [folder.file('here'), 'flag'])
  assert.deepEqual(row('WRITE_KEY'), ['********', 'environment'])
  const table = await run(['config'], { cwd: folder.path, env: { WRITE_KEY: 'fg_topsecret' } })
  assert.match(table.stdout, /WRITE_KEY +\*{8}/)
})

test('global options are taken before and after the command', async () => {
  using folder = temporaryFolder()
  const before = await run(['--json', '--data-dir', folder.path, 'topics'])
  const after = await run(['topics', '--json', '--data-dir', folder.path])
  assert.ok(after.stderr.includes(`there are no stores in ${folder.path}`), after.stderr)
  assert.deepEqual(before, after)
})

test('a failure says what, where and what to do; its stack only where debugging is on', () => {
  const said = (error: unknown, env: NodeJS.ProcessEnv = {}) => {
    let text = ''
    sayFailure({ stderr: { write: (part) => (text += part) }, env }, error)
    return text
  }
  const error = new FlowGuardError('port_taken', '127.0.0.1:8000 is taken', new Error('EADDRINUSE'))
  assert.equal(
    said(error),
    'error: 127.0.0.1:8000 is taken\n  Stop what listens there, or choose other ports: GATEWAY_PORT, CATALOG_PORT, OPS_PORT, STORE_PORT, METRICS_PORT.\n',
  )
  assert.match(said(error, { LOG_LEVEL: 'debug' }), /program\.test\.ts[^]*caused by Error: EADDRINUSE/)
  assert.match(said(new TypeError('x is undefined')), /x is undefined\n {2}This is a fault in FlowGuard itself/)
})

test('a data folder that does not exist is said to be none, and whoever looks at it makes nothing', async () => {
  using folder = temporaryFolder()
  const day = '2026-03-01'
  for (const args of [
    ['sql', 'select 1'],
    ['etl', 'run', '--date', day],
    ['etl', 'checks'],
    ['etl', 'runs'],
    ['reconcile', '--date', day],
    ['warehouse', 'export'],
    ['lake'],
    ['lake', 'check'],
    ['keys', 'list'],
    ['keys', 'revoke', 'till-3'],
  ]) {
    const { code, stdout, stderr } = await run([...args, '--data-dir', folder.file('mistyped')])
    assert.deepEqual([code, stdout], [1, ''], args.join(' '))
    assert.ok(stderr.includes(`the data folder ${folder.file('mistyped')} does not exist\n`), stderr)
    assert.match(stderr, /give the right --data-dir/)
  }
  assert.deepEqual(readdirSync(folder.path), [])
})

test('a bug in a command is 1, a failure 1, an empty data folder no stack', async () => {
  using folder = temporaryFolder()
  const { code, stderr } = await run(['audit', '--data-dir', folder.path])
  assert.equal(code, 1)
  assert.match(stderr, /error: there are no stores in .*\n {2}Start FlowGuard once/)
  assert.ok(!stderr.includes('    at '))
})
