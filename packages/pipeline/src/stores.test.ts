import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSettings } from './kernel/config.ts'
import { hasCode } from './kernel/errors.ts'
import { migrate, openStore } from './kernel/sqlite.ts'
import { openLaneStore } from './lane-store.ts'
import { openSqliteLog } from './log/adapters/sqlite.ts'
import { FILES } from './ops/stores.ts'
import { openPipelineStore, PIPELINE_SCHEMA } from './pipeline-store.ts'
import { START, temporaryFolder, TOPICS } from './reader/testing/fixture.ts'
import { openDatabase, openStores } from './stores.ts'

const clock = () => START

function opened() {
  const folder = temporaryFolder()
  const stores = openStores({ dataDir: folder.path, topics: TOPICS, clock })
  return {
    stores,
    dataDir: folder.path,
    path: (name: keyof typeof FILES) => join(folder.path, FILES[name]),
    async [Symbol.asyncDispose]() {
      await stores[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

test('a store that nobody has made yet is not there, and is once its owner has made it', async () => {
  await using at = opened()
  const { stores } = at
  const there = async () => {
    const { edge, raw, pipeline, lane, events } = await stores.look()
    return [edge, raw, events, pipeline, lane].map((each) => each !== undefined)
  }
  assert.deepEqual(await there(), [false, false, false, false, false])
  await using _edge = await openDatabase(readSettings({ DATA_DIR: at.dataDir }, {}, at.dataDir), clock)
  await using _raw = openSqliteLog({ path: at.path('raw'), topics: TOPICS, clock })
  using _pipeline = openPipelineStore(at.path('pipeline'), TOPICS, clock)
  using _lane = openLaneStore(at.path('lane'), TOPICS, clock)
  assert.deepEqual(await there(), [true, true, true, true, true])
  assert.equal(stores.pipeline, stores.pipeline, 'opened once')
})

test('a store of an older version is not looked at until its owner has brought it to the newest', async () => {
  for (let version = 0; version < PIPELINE_SCHEMA.length; version += 1) {
    await using at = opened()
    const old = openStore(at.path('pipeline'))
    migrate(old, at.path('pipeline'), PIPELINE_SCHEMA.slice(0, version))
    // With the tables of its log, as an older FlowGuard leaves it.
    old.exec('create table log_meta (log_id text not null); create table log_batches (topic text); insert into log_meta values (1)')
    assert.equal(at.stores.pipeline, undefined, `version ${version}`)
    old.exec('drop table log_meta; drop table log_batches')
    old.close()
    using _owner = openPipelineStore(at.path('pipeline'), TOPICS, clock)
    assert.ok(at.stores.pipeline)
  }
})

test('a store whose log has yet to be made is not there', async () => {
  for (const [name, steps] of [
    ['raw', []],
    ['pipeline', PIPELINE_SCHEMA],
  ] as const) {
    await using at = opened()
    const begun = openStore(at.path(name))
    migrate(begun, at.path(name), steps)
    assert.equal((await at.stores.look())[name], undefined, name)
    // Its tables, and not its id.
    begun.exec('create table log_meta (log_id text not null)')
    begun.exec('create table log_batches (topic text, partition integer, base_offset integer)')
    assert.equal((await at.stores.look())[name], undefined, name)
    begun.close()
  }
})

test('a store of a newer FlowGuard is refused', async () => {
  await using at = opened()
  const newer = openStore(at.path('pipeline'))
  newer.exec(`pragma user_version = ${PIPELINE_SCHEMA.length + 1}`)
  newer.close()
  assert.throws(
    () => at.stores.pipeline,
    (error) => hasCode(error, 'store_newer'),
  )
})
