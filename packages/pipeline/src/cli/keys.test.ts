import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import test from 'node:test'
import { readSettings } from '../kernel/config.ts'
import { openDatabase } from '../stores.ts'
import { run, temporaryFolder } from './testing/run.ts'

test('a key is shown once, kept as its hash, replaced and revoked by its name', async () => {
  using folder = temporaryFolder()
  const keys = (...args: string[]) => run(['keys', ...args, '--data-dir', folder.path])
  await using database = await openDatabase(readSettings({ DATA_DIR: folder.path }, {}, folder.path), Date.now)
  const valid = (key: string) => database.hasKey(hash('sha256', key.trim()))

  const first = await keys('add', 'till')
  assert.match(first.stdout, /^fg_[\w-]{43}\n$/)
  assert.ok(await valid(first.stdout))
  const list = await keys('list')
  assert.match(list.stdout, /till +all +20\d\d.*valid/)
  assert.ok(!list.stdout.includes(first.stdout.trim()))

  const { key, replaced } = JSON.parse((await keys('add', 'till', '--json')).stdout) as { key: string; replaced: boolean }
  assert.equal(replaced, true)
  assert.deepEqual([await valid(first.stdout), await valid(key)], [false, true])

  assert.equal((await keys('revoke', 'till')).code, 0)
  assert.equal(await valid(key), false)
  assert.match((await keys('list')).stdout, /revoked/)
  assert.equal((await keys('revoke', 'till')).code, 1)
})

test('a key for a page may send events and no more', async () => {
  using folder = temporaryFolder()
  const keys = (...args: string[]) => run(['keys', ...args, '--data-dir', folder.path])
  await using database = await openDatabase(readSettings({ DATA_DIR: folder.path }, {}, folder.path), Date.now)
  const { stdout, stderr } = await keys('add', 'shop-pages', '--events-only')
  assert.match(stderr, /may only send events: set PUBLIC_WRITE_KEY/)
  const hashed = hash('sha256', stdout.trim())
  assert.deepEqual([await database.hasKey(hashed), await database.hasKey(hashed, 'events')], [false, true])
  assert.match((await keys('list')).stdout, /shop-pages +events +20/)
})
