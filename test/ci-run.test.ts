/** .ci/run, with a stand-in for npm. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'flowguard-ci-'))
after(() => rmSync(folder, { recursive: true, force: true }))
cpSync(join(resolve(import.meta.dirname, '..'), '.ci'), join(folder, '.ci'), { recursive: true })
mkdirSync(join(folder, 'bin'))

/** `npm test` prints and ends as the first says, `npm run test:engines` as the second. */
function ciRun(plain: string, engines: string) {
  const npm = join(folder, 'bin/npm')
  writeFileSync(npm, `#!/bin/sh\ncase "$*" in test) ${plain} ;; "run test:engines") ${engines} ;; *) exit 9 ;; esac\n`)
  chmodSync(npm, 0o755)
  const env = { ...process.env, PATH: [join(folder, 'bin'), process.env['PATH']].join(delimiter) }
  const { status, stdout } = spawnSync('bash', ['.ci/run'], { cwd: folder, encoding: 'utf8', env })
  return { status, last: stdout.trim().split('\n').at(-1), stdout }
}

const RUNS = [
  ['both pass', 'echo noise; echo 7 passed, 0 failed', 'echo 5 passed, 0 failed', 0, '12 passed, 0 failed'],
  ['one fails a test', 'echo 7 passed, 1 failed; exit 1', 'echo 5 passed, 0 failed', 1, '12 passed, 1 failed'],
  ['the engines are missing', 'echo 7 passed, 0 failed', 'echo FAIL; echo 0 passed, 1 failed; exit 1', 1, '7 passed, 1 failed'],
  ['one dies without a word', 'echo 7 passed, 0 failed', 'kill -9 $$', 1, '7 passed, 1 failed'],
  ['one ends badly though nothing failed', 'echo 7 passed, 0 failed; exit 3', 'echo 5 passed, 0 failed', 1, '12 passed, 1 failed'],
] as const

if (process.platform !== 'win32') {
  for (const [when, plain, engines, code, line] of RUNS) {
    test(`where ${when}: ${line}`, () => {
      const { status, last, stdout } = ciRun(plain, engines)
      assert.equal(last, line, stdout)
      assert.equal(status, code)
    })
  }
}
