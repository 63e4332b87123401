import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { hasCode } from './errors.ts'
import { holderOf, lockFolder } from './lock.ts'

function folder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-lock-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const isLocked = (error: unknown) => hasCode(error, 'data_locked')

test('a folder is held once, and free again afterwards', () => {
  using dir = folder()
  {
    using _held = lockFolder(dir.path)
    assert.throws(() => lockFolder(dir.path), isLocked)
    assert.equal(holderOf(dir.path), process.pid)
  }
  assert.equal(holderOf(dir.path), undefined)
  lockFolder(dir.path)[Symbol.dispose]()
})

test('each role is held by itself, beside the folder', () => {
  using dir = folder()
  using _folder = lockFolder(dir.path)
  using _stream = lockFolder(dir.path, 'stream')
  using _billing = lockFolder(dir.path, 'billing')
  assert.throws(
    () => lockFolder(dir.path, 'stream'),
    (error) => isLocked(error) && new RegExp(`the role stream .* by process ${process.pid}`).test((error as Error).message),
  )
})

test('what another process holds is free as soon as that is killed, whoever has its pid then', async () => {
  using dir = folder()
  const script = `
    import { lockFolder } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)}
    globalThis.held = lockFolder(${JSON.stringify(dir.path)})
    process.stdout.write('held')
    setInterval(() => undefined, 1_000)`
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  assert.equal(holderOf(dir.path), child.pid)
  assert.throws(() => lockFolder(dir.path), isLocked)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(holderOf(dir.path), undefined)
  using _held = lockFolder(dir.path)
  assert.equal(holderOf(dir.path), process.pid)
})

test('the lock of an earlier version, text with a pid, is taken over', () => {
  using dir = folder()
  const { pid } = spawnSync(process.execPath, ['--version'])
  writeFileSync(join(dir.path, 'flowguard.lock'), `${pid}\n`)
  using _held = lockFolder(dir.path)
  assert.equal(holderOf(dir.path), process.pid)
})

test('looking changes nothing, and a holder that has yet to say who it is has no name', () => {
  using dir = folder()
  const file = join(dir.path, 'flowguard.lock')
  assert.equal(holderOf(dir.path), undefined)
  assert.ok(!existsSync(file))
  writeFileSync(file, '4711\n')
  assert.equal(holderOf(dir.path), undefined)
  assert.equal(readFileSync(file, 'utf8'), '4711\n')
  writeFileSync(file, '')
  using db = new DatabaseSync(file)
  db.exec('begin immediate')
  assert.equal(holderOf(dir.path), undefined)
  db.exec('create table other (id integer); commit; begin immediate')
  assert.equal(holderOf(dir.path), undefined)
  assert.throws(
    () => lockFolder(dir.path),
    (error) => isLocked(error) && (error as Error).message.endsWith('in use by process that is just ending'),
  )
})

test('a folder that cannot be made is named', () => {
  using dir = folder()
  writeFileSync(join(dir.path, 'file'), '')
  assert.throws(
    () => lockFolder(join(dir.path, 'file', 'data')),
    (error) => hasCode(error, 'store_unwritable'),
  )
})
