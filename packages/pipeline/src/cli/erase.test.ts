import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { addErased, unfinishedIn } from '../erasure/erased-list.ts'
import { readSettings } from '../kernel/config.ts'
import { lockFolder } from '../kernel/lock.ts'
import { openMachine, smallDay } from '../ops/fixture.ts'
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
    for (const how of ['--yes', '--plan']) {
      const { code, stderr } = await run(['erase', '--user', 'user_7', how, '--data-dir', folder.path])
      assert.equal(code, 1)
      assert.match(stderr, /the role loader .* is in use by process \d+\n.*stop FlowGuard there.*ask again/)
      assert.doesNotMatch(stderr, /--data-dir/, 'the person is in no other folder')
    }
  }
  const nobody = await ask({}, ' ')
  assert.deepEqual([nobody.code, /is nobody's id/.test(nobody.stderr)], [2, true])
  assert.equal(existsSync(join(folder.path, 'erased.json')), false)
})

test('without --yes it says where the person is, and that nothing was changed; an id that nobody has is refused', async () => {
  using folder = temporaryFolder()
  {
    await using machine = openMachine(folder.path)
    await smallDay(machine)
  }
  const ask = (user: string, ...more: string[]) => run(['erase', '--user', user, ...more, '--data-dir', folder.path])
  const asked = await ask('u5')
  assert.deepEqual([asked.code, /pipeline\.db/.test(asked.stdout)], [2, true], asked.stdout)
  assert.match(asked.stderr, /Nothing was changed: --yes does it/)
  const plan = await ask('u5', '--plan', '--json')
  assert.deepEqual([plan.code, (JSON.parse(plan.stdout) as { done: boolean }).done], [0, false])
  const both = await ask('u5', '--plan', '--yes')
  assert.deepEqual([both.code, /give one of them/.test(both.stderr)], [2, true])
  for (const how of ['--yes', '--plan']) {
    const { code, stdout, stderr } = await ask('user_9999', how)
    assert.deepEqual([code, stdout], [1, ''], how)
    assert.match(stderr, /nobody by the id "user_9999" was found in any store, nor in the log\n *Check the id/)
  }
  assert.equal(existsSync(folder.file('erased.json')), false)

  const done = await ask('u5', '--yes')
  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stdout, /In their place stands erased-/)
  assert.equal(existsSync(folder.file('erased.json')), true)
})

test('who is on the list, and in no store nor in the log any more, is found erased by the next call', async () => {
  using folder = await folderWithStore()
  addErased(folder.file('erased.json'), 'user_7', undefined, Date.now())
  const ask = (how: string) => run(['erase', '--user', 'user_7', how, '--data-dir', folder.path])
  const plan = await ask('--plan')
  assert.deepEqual([plan.code, plan.stdout], [0, 'The person is in no store.\n'])
  const done = await ask('--yes')
  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stdout, /nothing left to change/)
  assert.deepEqual(unfinishedIn(folder.file('erased.json')), [])
})
