import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setReadOnly, testDatabase } from '../database/testing/postgres.ts'
import { FlowGuardError, hasCode, type ErrorCode } from './errors.ts'
import { migratePostgres, openPostgres, requirePostgresSchema, sqlStateOf } from './postgres.ts'

const code = (wanted: ErrorCode) => (error: unknown) => hasCode(error, wanted)

test('text, lists, large numbers and none come back as they were', async () => {
  await using store = await testDatabase()
  const postgres = store.connect()
  const texts = ['', '{}",\\', '\0', 'a\0\uFFFFb\uFFFF0\uFFFF1', 'नमस्ते 🍛 \u2028', "'; drop table", 'NULL']
  const [row] = await postgres.rows('select $1::text as text, $2::bigint as number, $3::text as none', [
    texts[3],
    Number.MAX_SAFE_INTEGER,
    null,
  ])
  assert.deepEqual({ ...(row as object) }, { text: texts[3], number: Number.MAX_SAFE_INTEGER, none: null })
  const rows = await postgres.rows<{ each: string | null }>('select each from unnest($1::text[]) as each', [[...texts, null]])
  assert.deepEqual(
    rows.map(({ each }) => each),
    [...texts, null],
  )
})

test('a transaction is there as a whole or not at all, and its connection is used again', async () => {
  await using store = await testDatabase()
  const postgres = store.connect({ connectionsMax: 1 })
  await postgres.rows('create table numbers (n integer primary key)')
  const broken = new Error('broken')
  await assert.rejects(
    postgres.transaction(async (on) => {
      await on.changed('insert into numbers values (1)')
      throw broken
    }),
    broken,
  )
  await assert.rejects(
    postgres.transaction(async (on) => {
      await on.changed('insert into numbers values (1)')
      await on.changed('insert into numbers values (1)')
    }),
    (error) => sqlStateOf(error) === '23505',
  )
  assert.equal(await postgres.transaction((on) => on.changed('insert into numbers values (1), (2)')), 2)
  assert.deepEqual(
    (await postgres.rows<{ n: number }>('select n from numbers order by n')).map(({ n }) => n),
    [1, 2],
  )
})

test('a transaction that lost against another is done again', async () => {
  await using store = await testDatabase()
  const postgres = store.connect()
  await postgres.rows('create table counters (name text primary key, n integer not null)')
  await postgres.rows(`insert into counters values ('a', 0), ('b', 0)`)
  let tries = 0
  const both = Promise.withResolvers<void>()
  const add = (one: string, other: string) =>
    postgres.transaction(async (on) => {
      await on.changed('update counters set n = n + 1 where name = $1', [one])
      tries += 1
      if (tries === 2) both.resolve()
      await both.promise
      await on.changed('update counters set n = n + 1 where name = $1', [other])
    })
  await Promise.all([add('a', 'b'), add('b', 'a')])
  assert.equal(tries, 3)
  assert.deepEqual(
    (await postgres.rows<{ n: number }>('select n from counters')).map(({ n }) => n),
    [2, 2],
  )
})

test('what stands in the way is named: no server, no such database, no table, only reading, closed', async () => {
  await using store = await testDatabase()
  const nobody = openPostgres({ url: 'postgres://flowguard@127.0.0.1:1/none' })
  await assert.rejects(nobody.rows('select 1'), code('database_unavailable'))
  const elsewhere = openPostgres({ url: `${store.url}_not` })
  await assert.rejects(elsewhere.rows('select 1'), code('database_refused'))
  const postgres = store.connect()
  await assert.rejects(postgres.rows('select * from nothing'), code('store_missing'))
  await assert.rejects(store.connect({ onlyReads: true }).rows('create table t (n integer)'), code('store_unwritable'))
  await postgres[Symbol.asyncDispose]()
  await assert.rejects(postgres.rows('select 1'), code('database_unavailable'))
  for (const each of [nobody, elsewhere]) await each[Symbol.asyncDispose]()
})

test('a server that only reads for a while is used again once it writes, by who is to write; who only looks may not write at all', async () => {
  await using store = await testDatabase()
  const postgres = store.connect({ connectionsMax: 1 })
  await postgres.rows('create table t (n integer)')
  await setReadOnly(store, true)
  // The first may hear that its connection is gone.
  await assert.rejects(postgres.rows('insert into t values (1)'), code('database_unavailable'))
  await assert.rejects(postgres.rows('insert into t values (2)'), code('database_unavailable'))
  await assert.rejects(
    postgres.transaction((on) => on.rows('insert into t values (3)')),
    code('database_unavailable'),
  )
  assert.deepEqual(await postgres.rows('select n from t'), [])
  await assert.rejects(store.connect({ onlyReads: true }).rows('insert into t values (4)'), code('store_unwritable'))
  await setReadOnly(store, false)
  // A connection that was made meanwhile stays as it is: it is given up with the first that it refuses.
  await postgres.rows('insert into t values (5)').catch((error: unknown) => assert.ok(hasCode(error, 'database_unavailable')))
  await postgres.rows('insert into t values (6)')
})

test('a password is in no message', async () => {
  const postgres = openPostgres({ url: 'postgres://somebody:secret@127.0.0.1:1/none' })
  await assert.rejects(
    postgres.rows('select 1'),
    (error: Error) => !error.message.includes('secret') && error.message.includes('127.0.0.1:1/none'),
  )
  await postgres[Symbol.asyncDispose]()
})

test('a connection that the server ends is replaced, and who was in a statement hears that it may be tried again', async () => {
  await using store = await testDatabase()
  const postgres = store.connect({ connectionsMax: 2 })
  const other = store.connect({ connectionsMax: 1 })
  const ends = () =>
    other.rows('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()')
  await postgres.rows('select 1')
  const sleeping = assert.rejects(postgres.rows('select pg_sleep(20)'), (error) => error instanceof FlowGuardError && error.retriable)
  while (
    (await other.rows(`select 1 from pg_stat_activity where query like '%pg_sleep(20)' and state = 'active' and pid <> pg_backend_pid()`))
      .length === 0
  );
  await ends()
  await sleeping
  await assert.rejects(
    postgres.transaction(async (on) => {
      await on.rows('select 1')
      await ends()
      await on.rows('select 1')
    }),
    code('database_unavailable'),
  )
  assert.equal((await postgres.rows('select 1')).length, 1)
})

test('several that start at once make the tables once; a newer schema is refused, one that is not there yet waited for', async () => {
  await using store = await testDatabase()
  const many = Array.from({ length: 5 }, () => store.connect({ connectionsMax: 1 }))
  const [first] = many as [(typeof many)[0]]
  const steps = ['create table t (n integer)', 'insert into t values (1); insert into t values (2)']
  await assert.rejects(requirePostgresSchema(first, 'parts', steps), code('store_missing'))
  await Promise.all(many.map((each) => migratePostgres(each, 'parts', steps.slice(0, 1))))
  await assert.rejects(requirePostgresSchema(first, 'parts', steps), code('store_missing'))
  await assert.rejects(migratePostgres(first, 'parts', [...steps, 'insert into t values (3); insert into nowhere values (1)']))
  await Promise.all(many.map((each) => migratePostgres(each, 'parts', steps)))
  await requirePostgresSchema(first, 'parts', steps)
  await migratePostgres(first, 'others', ['create table o (n integer)'])
  assert.equal((await first.rows('select n from t')).length, 2)
  await assert.rejects(migratePostgres(first, 'parts', steps.slice(1)), code('store_newer'))
  await assert.rejects(requirePostgresSchema(first, 'parts', []), code('store_newer'))
})

test('every commit is flushed, whatever the server’s own default', async () => {
  await using store = await testDatabase()
  const postgres = store.connect({ connectionsMax: 1 })
  const database = new URL(store.url).pathname.slice(1)
  await postgres.rows(`alter database ${database} set synchronous_commit = off`)
  const [row] = await store.connect().rows<{ synchronous_commit: string }>('show synchronous_commit')
  assert.equal(row?.synchronous_commit, 'on')
})
