/** A check that cannot fail checks nothing: each is run on a small sound tree, and again with one fault planted in it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { checksIn, runCheck } from '../scripts/checks.ts'

const checkout = resolve(import.meta.dirname, '..')
const SRC = 'packages/pipeline/src'

const SOUND: Readonly<Record<string, string>> = {
  'packages/contract/src/index.ts': `export type UserId = string\n`,
  [`${SRC}/kernel/clock.ts`]: `export type Clock = () => number\n`,
  [`${SRC}/kernel/config.ts`]: `export const PORT = 8000\n`,
  [`${SRC}/log/event-log.ts`]: `export interface EventLog {\n  append(text: string): Promise<void>\n}\n`,
  [`${SRC}/log/adapters/memory.ts`]: `import type { EventLog } from '../event-log.ts'

export function memoryLog(): EventLog {
  const texts: string[] = []
  return {
    async append(text) {
      texts.push(text)
    },
  }
}
`,
  [`${SRC}/gateway/routes.ts`]: `import type { UserId } from '@flowguard/contract'
import type { Clock } from '../kernel/clock.ts'
import type { EventLog } from '../log/event-log.ts'

export async function click(log: EventLog, user: UserId, clock: Clock): Promise<void> {
  await log.append(\`\${user} \${clock()}\`)
}
`,
  [`${SRC}/wiring.ts`]: `import { click } from './gateway/routes.ts'
import { PORT } from './kernel/config.ts'
import { memoryLog } from './log/adapters/memory.ts'

export async function up(): Promise<void> {
  await click(memoryLog(), 'u1', () => PORT)
}
`,
  'packages/tracker/src/index.ts': `export const userId = (): string => localStorage.getItem('user') ?? ''\n`,
  [`${SRC}/main.ts`]: `import { up } from './wiring.ts'\n\nawait up()\n`,
}

const root = soundTree()
after(() => rmSync(root, { recursive: true, force: true }))

function soundTree(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-checks-'))
  const configs = [
    '.gitignore',
    '.oxfmtrc.json',
    '.oxlintrc.json',
    'knip.json',
    'tsconfig.json',
    'engines',
    'scripts',
    'packages/pipeline/bin',
    'packages/contract/package.json',
    'packages/tracker/package.json',
    'packages/tracker/tsconfig.json',
  ]
  // Tests, and what writes of the models or reads the settings, look at parts that are not there.
  const filter = (path: string) => !/\.test\.ts$|scripts.(models-page|superset)\.ts$/.test(path)
  for (const name of configs) cpSync(join(checkout, name), join(folder, name), { recursive: true, filter })
  // What engines/ exports for its tests, which are not there, is not held to be used.
  plant(folder, 'knip.json', readFileSync(join(checkout, 'knip.json'), 'utf8').replace('"engines/**/*.ts", ', ''))
  const tools = /^(@types\/node|@grafana\/.*|knip|ox.*|typescript|yaml)$/
  writePackage(folder, 'package.json', (own) => ({
    ...own,
    devDependencies: Object.fromEntries(Object.entries(own['devDependencies'] ?? {}).filter(([name]) => tools.test(name))),
  }))
  writePackage(folder, 'packages/pipeline/package.json', (own) => ({ ...own, dependencies: { '@flowguard/contract': '0.1.0' } }))
  writePackage(folder, 'packages/contract/package.json', ({ dependencies: _, ...own }) => own)
  for (const [path, text] of Object.entries(SOUND)) plant(folder, path, text)
  mkdirSync(join(folder, 'node_modules', '@flowguard'), { recursive: true })
  for (const name of readdirSync(join(checkout, 'node_modules'))) {
    if ((name.startsWith('.') && name !== '.bin') || name === '@flowguard' || name === 'flowguard') continue
    symlinkSync(join(checkout, 'node_modules', name), join(folder, 'node_modules', name), 'junction')
  }
  symlinkSync(join(folder, 'packages/contract'), join(folder, 'node_modules/@flowguard/contract'), 'junction')
  return folder
}

function writePackage(folder: string, path: string, change: (own: Record<string, object>) => object): void {
  plant(
    folder,
    path,
    `${JSON.stringify(change(JSON.parse(readFileSync(join(checkout, path), 'utf8')) as Record<string, object>), null, 2)}\n`,
  )
}

function plant(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

async function outcome(name: string): Promise<{ passed: boolean; output: string }> {
  const check = checksIn(root).find((one) => one.name === name)
  assert(check, `there is a check named ${name}`)
  return runCheck(root, check)
}

/** Runs the check with `files` in place of what is there, and puts that back. */
async function outcomeWith(name: string, files: Readonly<Record<string, string>>): Promise<{ passed: boolean; output: string }> {
  for (const [path, text] of Object.entries(files)) plant(root, path, text)
  try {
    return await outcome(name)
  } finally {
    for (const path of Object.keys(files)) {
      const sound = SOUND[path]
      if (sound === undefined) rmSync(join(root, path))
      else plant(root, path, sound)
    }
  }
}

for (const { name } of checksIn(root)) {
  test(`${name} passes on a sound tree`, async () => {
    const { passed, output } = await outcome(name)
    assert(passed, output)
  })
}

const FAULTS: readonly { fault: string; check: string; files: Record<string, string>; says: RegExp }[] = [
  {
    fault: 'a type error',
    check: 'types',
    files: { [`${SRC}/kernel/clock.ts`]: `export type Clock = () => number\nexport const now: Clock = () => 'noon'\n` },
    says: /clock\.ts.*TS2322/s,
  },
  {
    fault: 'a type error of what runs in a browser',
    check: 'types of packages/tracker',
    files: { 'packages/tracker/src/index.ts': `export const userId: string = localStorage.getItem('user')\n` },
    says: /index\.ts.*TS2322/s,
  },
  {
    fault: 'a tracker that brings a package along',
    check: 'layers',
    files: { 'packages/tracker/src/index.ts': `import { v4 } from 'uuid'\n\nexport const userId = (): string => v4()\n` },
    says: /tracker may not import the package uuid/,
  },
  {
    fault: 'an app that reaches into the pipeline',
    check: 'layers',
    files: { 'apps/store/look.ts': `import { up } from '../../packages/pipeline/src/wiring.ts'\n\nawait up()\n` },
    says: /reaches into another workspace/,
  },
  {
    fault: 'an element that may be missing',
    check: 'types',
    files: { [`${SRC}/kernel/first.ts`]: `export function first(names: string[]): string {\n  return names[0]\n}\n` },
    says: /first\.ts.*TS2322/s,
  },
  {
    fault: 'a floating promise',
    check: 'lint',
    files: { [`${SRC}/gateway/routes.ts`]: SOUND[`${SRC}/gateway/routes.ts`]?.replace('await ', '') ?? '' },
    says: /no-floating-promises/,
  },
  {
    fault: 'a promise where a plain function is wanted',
    check: 'lint',
    files: {
      [`${SRC}/kernel/each.ts`]: `export function each(names: string[], send: (name: string) => Promise<void>): void {\n  names.forEach(async (name) => send(name))\n}\n`,
    },
    says: /no-misused-promises/,
  },
  {
    fault: 'a badly formatted file',
    check: 'format',
    files: { [`${SRC}/kernel/clock.ts`]: `export type Clock = ()=>number;\n` },
    says: /clock\.ts/,
  },
  {
    fault: 'the kernel importing a part',
    check: 'layers',
    files: { [`${SRC}/kernel/upward.ts`]: `export { click } from '../gateway/routes.ts'\n` },
    says: /kernel\/upward\.ts:1: kernel may not import part .*gateway\/routes\.ts/,
  },
  {
    fault: 'only the types of a layer above, imported in a type',
    check: 'layers',
    files: { [`${SRC}/kernel/upward.ts`]: `export type Log = import('../log/event-log.ts').EventLog\n` },
    says: /kernel may not import part/,
  },
  {
    fault: 'a part importing an adapter',
    check: 'layers',
    files: { [`${SRC}/gateway/own-log.ts`]: `import { memoryLog } from '../log/adapters/memory.ts'\n\nexport const log = memoryLog()\n` },
    says: /own-log\.ts:1: part may not import adapter/,
  },
  {
    fault: 'a part importing an adapter when it is run',
    check: 'layers',
    files: { [`${SRC}/gateway/own-log.ts`]: `export const load = () => import('../log/adapters/memory.ts')\n` },
    says: /part may not import adapter/,
  },
  {
    fault: 'a part reading the settings',
    check: 'layers',
    files: { [`${SRC}/gateway/port.ts`]: `export { PORT } from '../kernel/config.ts'\n` },
    says: /part may not import settings/,
  },
  {
    fault: 'the contract importing the file system',
    check: 'layers',
    files: { 'packages/contract/src/files.ts': `export { readFileSync } from 'node:fs'\n` },
    says: /contract may not import the package node:fs/,
  },
  {
    fault: 'a path into another workspace',
    check: 'layers',
    files: { [`${SRC}/gateway/deep.ts`]: `export type { UserId } from '../../../contract/src/index.ts'\n` },
    says: /reaches into another workspace/,
  },
  {
    fault: 'a cycle',
    check: 'layers',
    files: {
      [`${SRC}/gateway/chicken.ts`]: `import { egg } from './egg.ts'\n\nexport const chicken: () => unknown = () => egg\n`,
      [`${SRC}/gateway/egg.ts`]: `import { chicken } from './chicken.ts'\n\nexport const egg: () => unknown = () => chicken\n`,
    },
    says: /cycle: .*chicken\.ts -> .*egg\.ts -> .*chicken\.ts/,
  },
  {
    fault: 'a folder that the rules do not know',
    check: 'layers',
    files: { [`${SRC}/misc/helper.ts`]: `export const help = 1\n` },
    says: /misc\/helper\.ts: is of no layer/,
  },
  {
    fault: 'an export that nobody uses',
    check: 'unused',
    files: { [`${SRC}/kernel/clock.ts`]: `export type Clock = () => number\nexport const EPOCH = 0\n` },
    says: /Unused exports[^]*EPOCH/,
  },
]

for (const { fault, check, files, says } of FAULTS) {
  test(`${check} fails on ${fault}`, async () => {
    const { passed, output } = await outcomeWith(check, files)
    assert.equal(passed, false, 'the fault passed')
    assert.match(output, says)
  })
}

test('layers fails when it looked at no module', async () => {
  renameSync(join(root, 'packages'), join(root, 'elsewhere'))
  try {
    const { passed, output } = await outcome('layers')
    assert.equal(passed, false)
    assert.match(output, /no module under packages/)
  } finally {
    renameSync(join(root, 'elsewhere'), join(root, 'packages'))
  }
})

const RUNS: readonly { name: string; text: string; ci?: boolean; code: number; says: RegExp }[] = [
  { name: 'a test that passes', text: `test('fine', () => {})`, code: 0, says: /\n1 passed, 0 failed\n$/ },
  { name: 'a test that fails', text: `test('bad', () => assert.equal(1, 2))`, code: 1, says: /bad.*1 !== 2.*\n0 passed, 1 failed\n$/s },
  {
    name: 'a file that crashes when it is loaded',
    text: `throw new Error('crash')`,
    code: 1,
    says: /Error: crash.*\n0 passed, 1 failed\n$/s,
  },
  { name: 'a file without a test', text: `assert(true)`, code: 1, says: /holds no test.*\n0 passed, 1 failed\n$/s },
  {
    name: 'a skipped test alone',
    text: `test('later', { skip: 'no data' }, () => {})`,
    code: 1,
    says: /skipped: later: no data.*no test was executed/s,
  },
  {
    name: 'a skipped test where CI=true',
    text: `test('fine', () => {})\ntest('later', { skip: 'no data' }, () => {})`,
    ci: true,
    code: 1,
    says: /later.*counts as failed.*\n1 passed, 1 failed\n$/s,
  },
]

for (const { name, text, ci, code, says } of RUNS) {
  test(`the test run exits with ${code} on ${name}`, () => {
    plant(root, 'test/planted.test.ts', `import assert from 'node:assert/strict'\nimport test from 'node:test'\n${text}\n`)
    // With NODE_TEST_CONTEXT the inner run would take itself for a part of this one, and run nothing.
    const { NODE_TEST_CONTEXT: _, CI: __, ...env } = process.env
    const args = [join(root, 'scripts/test.ts'), 'planted']
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env: ci ? { ...env, CI: 'true' } : env })
    rmSync(join(root, 'test/planted.test.ts'))
    assert.match(stdout, says)
    assert.equal(status, code, stdout)
  })
}
