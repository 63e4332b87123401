import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasCode } from './errors.ts'
import { lockFolder } from './lock.ts'

function folder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-lock-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

test('a folder is held once, and free again afterwards', () => {
  using dir = folder()
  {
    using _held = lockFolder(dir.path)
    assert.throws(
      () => lockFolder(dir.path),
      (error) => hasCode(error, 'data_locked'),
    )
  }
  lockFolder(dir.path)[Symbol.dispose]()
})

test("a dead process's lock is taken over", () => {
  using dir = folder()
  const { pid } = spawnSync(process.execPath, ['--version'])
  writeFileSync(join(dir.path, 'flowguard.lock'), `${pid}\n`)
  lockFolder(dir.path)[Symbol.dispose]()
})

test('a folder that cannot be made is named', () => {
  using dir = folder()
  writeFileSync(join(dir.path, 'file'), '')
  assert.throws(
    () => lockFolder(join(dir.path, 'file', 'data')),
    (error) => hasCode(error, 'store_unwritable'),
  )
})
