import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { hasCode, type ErrorCode } from './errors.ts'
import { closeStore, guarded, migrate, openReadOnly, openStore, requireSchema, transaction } from './sqlite.ts'

function store() {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-sqlite-'))
  const file = join(path, 'inner', 'store.db')
  const opened: DatabaseSync[] = []
  return {
    path,
    file,
    open: () => opened[opened.push(openStore(file)) - 1] as DatabaseSync,
    [Symbol.dispose]: () => {
      for (const db of opened) closeStore(db)
      rmSync(path, { recursive: true })
    },
  }
}

const code =
  (expected: ErrorCode, pattern = /./) =>
  (error: unknown) => {
    assert.ok(hasCode(error, expected), `${expected} expected: ${String(error)}`)
    assert.match((error as Error).message, pattern)
    return true
  }
const countOf = (db: DatabaseSync) => (db.prepare('select count(*) as n from t').get() as { n: number }).n

test('a store is made with its folder, in WAL mode, and every commit is flushed', () => {
  using at = store()
  const db = at.open()
  assert.equal((db.prepare('pragma journal_mode').get() as { journal_mode: string }).journal_mode, 'wal')
  assert.equal((db.prepare('pragma synchronous').get() as { synchronous: number }).synchronous, 2)
  assert.equal((db.prepare('pragma foreign_keys').get() as { foreign_keys: number }).foreign_keys, 1)
})

test('what cannot be opened says why', () => {
  using at = store()
  assert.throws(() => openReadOnly(at.file), code('store_missing', /inner.store\.db/))
  mkdirSync(join(at.path, 'folder.db'))
  assert.throws(() => openStore(join(at.path, 'folder.db')), code('store_unwritable', /folder\.db/))
  writeFileSync(join(at.path, 'file'), 'x')
  assert.throws(() => openStore(join(at.path, 'file', 'store.db')), code('store_unwritable', /file/))
  const other = join(at.path, 'other.db')
  writeFileSync(other, 'this is not a database, but long enough to look like one '.repeat(50))
  assert.throws(() => openStore(other), code('store_corrupt', /other\.db is damaged/))
  assert.throws(() => openReadOnly(other), code('store_corrupt', /other\.db is damaged/))
})

test('of several that open a store at once one makes it, and brings it to the newest schema', async () => {
  using at = store()
  const [threads, rounds] = [5, 30]
  const steps = Array.from({ length: 10 }, (_, step) => `create table t${step} (n integer)`)
  const source = `
    import { migrate, openStore } from '${new URL('./sqlite.ts', import.meta.url).href}'
    import { workerData } from 'node:worker_threads'
    const { gates, threads, folder, steps } = workerData
    for (let round = 0; round < gates.length; round += 1) {
      Atomics.add(gates, round, 1)
      while (Atomics.load(gates, round) < threads);
      const path = folder + '/' + round + '.db'
      const db = openStore(path)
      migrate(db, path, steps)
      db.close()
    }
  `
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
  const workerData = { gates: new Int32Array(new SharedArrayBuffer(4 * rounds)), threads, folder: at.path, steps }
  const workers = Array.from({ length: threads }, () => new Worker(url, { workerData }))
  const codes = await Promise.all(workers.map((worker) => once(worker, 'exit')))
  assert.deepEqual(
    codes.flat(),
    workers.map(() => 0),
  )
  for (let round = 0; round < rounds; round += 1) {
    const db = openReadOnly(join(at.path, `${round}.db`))
    assert.deepEqual({ ...db.prepare('pragma user_version').get() }, { user_version: steps.length })
    db.close()
  }
})

test('a store that is only read may not be written, and sees what its owner commits', () => {
  using at = store()
  const db = at.open()
  db.exec('create table t (n integer)')
  const reader = openReadOnly(at.file)
  assert.equal(countOf(reader), 0)
  transaction(db, () => {
    db.exec('insert into t values (1)')
    assert.equal(countOf(reader), 0)
  })
  assert.equal(countOf(reader), 1)
  assert.throws(() => guarded(at.file, () => reader.exec('insert into t values (2)')), code('store_unwritable'))
  assert.throws(() => guarded(at.file, () => reader.prepare('select * from nowhere')), code('store_missing', /no such table: nowhere/))
  closeStore(reader)
  closeStore(reader)
})

test('a transaction is there as a whole or not at all, and the next one goes on', () => {
  using at = store()
  const db = at.open()
  db.exec('create table t (n integer primary key)')
  const failing = () =>
    transaction(db, () => {
      db.exec('insert into t values (1)')
      throw new Error('undone')
    })
  assert.throws(failing, /undone/)
  assert.equal(countOf(db), 0)
  assert.equal(
    transaction(db, () => Number(db.prepare('insert into t values (1)').run().changes)),
    1,
  )
  assert.throws(() => transaction(db, () => db.exec('insert into t values (2); insert into t values (1)')))
  assert.equal(countOf(db), 1)
  assert.equal(db.isTransaction, false)
})

test('a transaction within another is refused, and does not undo the outer one', () => {
  using at = store()
  const db = at.open()
  db.exec('create table t (n integer)')
  transaction(db, () => {
    db.exec('insert into t values (1)')
    assert.throws(() => transaction(db, () => undefined))
  })
  assert.equal(countOf(db), 1)
})

test('a full disk undoes the transaction and says so', () => {
  using at = store()
  const db = at.open()
  db.exec('create table t (text text)')
  db.exec(`pragma max_page_count = ${(db.prepare('pragma page_count').get() as { page_count: number }).page_count + 1}`)
  const fill = () => guarded(at.file, () => transaction(db, () => db.prepare('insert into t values (?)').run('x'.repeat(100_000))))
  assert.throws(fill, code('disk_full', /store\.db/))
  assert.equal(db.isTransaction, false)
  assert.equal(countOf(db), 0)
  db.exec('pragma max_page_count = 100000')
  fill()
  assert.equal(countOf(db), 1)
})

test('a store that another holds is busy', () => {
  using at = store()
  const db = at.open()
  db.exec('create table t (n integer)')
  const impatient = new DatabaseSync(at.file, { timeout: 1 })
  db.exec('begin immediate')
  assert.throws(() => guarded(at.file, () => transaction(impatient, () => undefined)), code('store_busy', /held by another process/))
  db.exec('rollback')
  impatient.close()
})

test('an error of ours, and one that is not of the store, pass as they are', () => {
  const mine = new TypeError('a bug')
  assert.throws(
    () =>
      guarded('x', () => {
        throw mine
      }),
    mine,
  )
  for (const [fault, expected] of [
    ['ENOSPC', 'disk_full'],
    ['EACCES', 'store_unwritable'],
    ['EROFS', 'store_unwritable'],
  ] as const) {
    const error = Object.assign(new Error('of the file system'), { code: fault })
    assert.throws(
      () =>
        guarded('x.db', () => {
          throw error
        }),
      (found) => hasCode(found, expected) && (found as Error).cause === error,
    )
  }
})

test('migrations run once each, in order, and a step that fails leaves the version before it', () => {
  using at = store()
  const db = at.open()
  const steps = ['create table t (n integer); insert into t values (1)', 'insert into t select n + 1 from t']
  const versionOf = () => (db.prepare('pragma user_version').get() as { user_version: number }).user_version
  migrate(db, at.file, steps.slice(0, 1))
  assert.throws(() => requireSchema(db, at.file, steps), code('store_missing', /has schema 1; .* bring it to 2/))
  migrate(db, at.file, steps)
  migrate(db, at.file, steps)
  assert.deepEqual([countOf(db), versionOf()], [2, 2])
  requireSchema(db, at.file, steps)
  assert.throws(() => migrate(db, at.file, [...steps, 'insert into t values (3); insert into nowhere values (1)']))
  assert.deepEqual([countOf(db), versionOf()], [2, 2])
})

test('a store written by a newer version is refused', () => {
  using at = store()
  const db = at.open()
  migrate(db, at.file, ['create table t (n integer)', 'select 1'])
  assert.throws(() => migrate(db, at.file, ['create table t (n integer)']), code('store_newer', /has schema 2; this FlowGuard knows 1/))
  assert.throws(() => requireSchema(db, at.file, ['create table t (n integer)']), code('store_newer'))
})
