import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSettings } from '../kernel/config.ts'
import { lockFolder } from '../kernel/lock.ts'
import { openDatabase } from '../stores.ts'
import { run, temporaryFolder } from './testing/run.ts'

/** With a store, in which nobody is. */
async function folderWithStore() {
  const folder = temporaryFolder()
  await (await openDatabase(readSettings({ DATA_DIR: folder.path }, {}, folder.path), Date.now))[Symbol.asyncDispose]()
  return folder
}

test('where there are no stores nobody is called erased, and nothing is made', async () => {
  using folder = temporaryFolder()
  const mistyped = folder.file('mistyped')
  for (const how of ['--yes', '--plan']) {
    const { code, stdout, stderr } = await run(['erase', '--user', 'user_7', how, '--data-dir', mistyped])
    assert.deepEqual([code, stdout], [1, ''], how)
    assert.ok(stderr.includes(`there are no stores in ${mistyped}`), stderr)
  }
  assert.equal(existsSync(mistyped), false)
  mkdirSync(mistyped)
  assert.equal((await run(['erase', '--user', 'user_7', '--yes', '--data-dir', mistyped])).code, 1)
  assert.deepEqual(readdirSync(mistyped), [])
})

test('where a store is on an engine, or FlowGuard runs, nobody is erased and nothing changes', async () => {
  using folder = await folderWithStore()
  const ask = (env: Record<string, string> = {}, user = 'user_7') =>
    run(['erase', '--user', user, '--yes', '--data-dir', folder.path], { env })
  for (const env of [
    { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/d' },
    { LOG_URL: 'kafka://127.0.0.1:1' },
    { EVENTS_LOG_URL: 'redis://127.0.0.1:1' },
    { COUNTERS_URL: 'redis://127.0.0.1:1' },
  ]) {
    const { code, stderr } = await ask(env)
    assert.equal(code, 2)
    assert.match(stderr, new RegExp(`${Object.keys(env)[0]} names an engine from which this version takes nobody. Nothing was changed`))
    assert.doesNotMatch(stderr, /secret/)
  }
  {
    using _held = lockFolder(folder.path, 'loader')
    const { code, stderr } = await ask()
    assert.equal(code, 1)
    assert.match(stderr, /the role loader .* is in use by process/)
  }
  const nobody = await ask({}, ' ')
  assert.deepEqual([nobody.code, /is nobody's id/.test(nobody.stderr)], [2, true])
  assert.equal(existsSync(join(folder.path, 'erased.json')), false)
})

test('without --yes it says where the person is, and that nothing was changed', async () => {
  using folder = await folderWithStore()
  const asked = await run(['erase', '--user', 'user_7', '--data-dir', folder.path])
  assert.deepEqual([asked.code, asked.stdout], [2, 'The person is in no store.\n'])
  assert.match(asked.stderr, /Nothing was changed: --yes does it/)
  const plan = await run(['erase', '--user', 'user_7', '--plan', '--json', '--data-dir', folder.path])
  assert.deepEqual([plan.code, JSON.parse(plan.stdout)], [0, { done: false, found: [], log_copies: [] }])
  const both = await run(['erase', '--user', 'user_7', '--plan', '--yes', '--data-dir', folder.path])
  assert.deepEqual([both.code, /give one of them/.test(both.stderr)], [2, true])
  assert.equal(existsSync(join(folder.path, 'erased.json')), false)
  const done = await run(['erase', '--user', 'user_7', '--yes', '--data-dir', folder.path])
  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stdout, /nothing left to change/)
  assert.equal(existsSync(join(folder.path, 'erased.json')), true, 'whoever comes under that name later is not named either')
})
