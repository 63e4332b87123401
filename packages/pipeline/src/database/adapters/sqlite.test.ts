import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { hasCode } from '../../kernel/errors.ts'
import { openStore } from '../../kernel/sqlite.ts'
import { databaseConformance } from '../database.conformance.ts'
import { draftOf, placed, taken } from '../testing/drafts.ts'
import { openSqliteDatabase, openSqliteDatabaseReader, sqliteDatabaseOn } from './sqlite.ts'

const clock = () => 0

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-database-'))
  return { path, file: join(path, 'edge.db'), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

databaseConformance('sqlite', async () => {
  const { file, [Symbol.dispose]: remove } = folder()
  return {
    open: async (handed) => openSqliteDatabase({ path: file, clock: handed }),
    openReader: async (handed) => openSqliteDatabaseReader({ path: file, clock: handed }),
    replaceMsMax: 1_000,
    async [Symbol.asyncDispose]() {
      remove()
    },
  }
})

test('sqlite: nothing is answered before another connection can see it', async () => {
  using at = folder()
  await using database = openSqliteDatabase({ path: at.file, clock })
  await using reader = openSqliteDatabaseReader({ path: at.file, clock })
  let isAnswered = false
  const draft = draftOf()
  const answer = taken(database, draft).then((result) => {
    isAnswered = true
    return result
  })
  while (!(await reader.order(draft.orderId))) {
    assert.equal(isAnswered, false)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await answer).kind, 'accepted')
})

test('sqlite: every commit is flushed', async () => {
  using at = folder()
  const db = openStore(at.file)
  await using _database = sqliteDatabaseOn(db, { path: at.file, clock })
  assert.equal((db.prepare('pragma journal_mode').get() as { journal_mode: string }).journal_mode, 'wal')
  assert.equal((db.prepare('pragma synchronous').get() as { synchronous: number }).synchronous, 2)
})

test('sqlite: a full disk rejects the whole group, and the next one is taken when there is room', async () => {
  using at = folder()
  const db = openStore(at.file)
  await using database = sqliteDatabaseOn(db, { path: at.file, clock })
  await placed(database, draftOf())
  db.exec(`pragma max_page_count = ${(db.prepare('pragma page_count').get() as { page_count: number }).page_count}`)
  const group = Array.from({ length: 100 }, () => draftOf())
  const results = await Promise.allSettled(group.map((draft) => taken(database, draft)))
  for (const result of results) assert.ok(result.status === 'rejected' && hasCode(result.reason, 'disk_full'))
  assert.equal((await database.outbox(1_000)).length, 1)
  db.exec('pragma max_page_count = 1000000')
  for (const result of await Promise.all(group.map((draft) => taken(database, draft)))) assert.equal(result.kind, 'accepted')
  assert.equal((await database.outbox(1_000)).length, 101)
})

test('sqlite: a store that is missing, unfinished, newer or none at all is refused', async () => {
  using at = folder()
  assert.throws(
    () => openSqliteDatabaseReader({ path: at.file, clock }),
    (error) => hasCode(error, 'store_missing'),
  )
  const db = new DatabaseSync(at.file)
  db.exec('pragma journal_mode = wal')
  assert.throws(
    () => openSqliteDatabaseReader({ path: at.file, clock }),
    (error) => hasCode(error, 'store_missing'),
  )
  db.exec('pragma user_version = 99')
  assert.throws(
    () => openSqliteDatabaseReader({ path: at.file, clock }),
    (error) => hasCode(error, 'store_newer'),
  )
  assert.throws(
    () => openSqliteDatabase({ path: at.file, clock }),
    (error) => hasCode(error, 'store_newer'),
  )
  db.close()
  const other = join(at.path, 'other.db')
  copyFileSync(import.meta.filename, other)
  assert.throws(
    () => openSqliteDatabase({ path: other, clock }),
    (error) => hasCode(error, 'store_corrupt'),
  )
})
