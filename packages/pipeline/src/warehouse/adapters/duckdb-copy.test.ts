import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { hasCode } from '../../kernel/errors.ts'
import type { CopiedTable } from '../warehouse.ts'
import { openDuckdb } from './duckdb.ts'

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-copy-'))
  const options = { path: join(path, 'warehouse.duckdb'), tempDir: join(path, 'warehouse.tmp'), memoryMb: 256, threads: 1 }
  return {
    path,
    options,
    copy: join(path, 'reports.duckdb'),
    open: () => openDuckdb(options),
    left: () => readdirSync(join(options.tempDir, 'load')),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

const TABLES: CopiedTable[] = [
  { name: 'gold.numbers', select: 'select i from numbers' },
  { name: 'gold.sums', select: 'select count(*) as n, cast(sum(i) as bigint) as total from numbers' },
]

/** As any other program would look at it. */
async function look(file: string) {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  return {
    first: async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJS()[0],
    [Symbol.dispose]() {
      connection.disconnectSync()
      instance.closeSync()
    },
  }
}

test('a copy is a database of its own, while this one stays open; the next one takes its place, and who has the old one open goes on reading that', async () => {
  using store = folder()
  await using warehouse = store.open()
  using session = await warehouse.session()
  await session.run('create table numbers as select i from range(10) as r(i)')
  const first = await warehouse.copyTo!(store.copy, TABLES)
  assert.deepEqual(first.tables, [
    { name: 'gold.numbers', rows: 10 },
    { name: 'gold.sums', rows: 1 },
  ])
  assert.ok(first.bytes > 0)
  using old = await look(store.copy)
  assert.deepEqual(await old.first('select * from gold.sums'), [10n, 45n])

  await session.run('insert into numbers values (100)')
  await warehouse.copyTo!(store.copy, TABLES)
  assert.deepEqual(await old.first('select n, (select count(*) from gold.numbers) from gold.sums'), [10n, 10n])
  assert.deepEqual(
    [store.left(), readdirSync(store.path).toSorted()],
    [[], ['reports.duckdb', 'warehouse.duckdb', 'warehouse.duckdb.wal', 'warehouse.tmp']],
  )
  // DuckDB knows a file by its name for as long as a process has it open.
  const script = `import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve('@duckdb/node-api'))}
    const connection = await (await DuckDBInstance.create(process.argv[2], { access_mode: 'READ_ONLY' })).connect()
    console.log(String((await connection.runAndReadAll('select n from gold.sums')).getRowsJS()[0]))`
  assert.equal((await runScript(store.path, script, [store.copy])).stdout.trim(), '11')
})

test('all tables are as of one moment, whatever is written meanwhile', async () => {
  using store = folder()
  await using warehouse = store.open()
  using session = await warehouse.session()
  await session.run('create table numbers as select i from range(100000) as r(i)')
  let isDone = false
  const writing = (async () => {
    for (let n = 0; !isDone; n += 1) await session.run(`insert into numbers values (${n})`)
  })()
  for (let round = 0; round < 3; round += 1) await warehouse.copyTo!(store.copy, TABLES)
  isDone = true
  await writing
  using copy = await look(store.copy)
  assert.deepEqual(await copy.first('select n = (select count(*) from gold.numbers) from gold.sums'), [true])
})

test('what cannot be made leaves the copy that was there, and nothing aside; the warehouse goes on', async () => {
  using store = folder()
  await using warehouse = store.open()
  using session = await warehouse.session()
  await session.run('create table numbers as select i from range(10) as r(i)')
  await warehouse.copyTo!(store.copy, TABLES)
  const bad = [...TABLES, { name: 'gold.nothing', select: 'select * from nothing' }]
  await assert.rejects(
    warehouse.copyTo!(store.copy, bad),
    (error) => hasCode(error, 'query_failed') && /nothing does not exist/.test((error as Error).message),
  )
  const nowhere = join(store.path, 'no-folder', 'reports.duckdb')
  await assert.rejects(warehouse.copyTo!(nowhere, TABLES), /no-folder/)
  assert.deepEqual(store.left(), [])
  assert.equal((await warehouse.copyTo!(store.copy, TABLES)).tables.length, 2)
})

test('a warehouse that is only looked at is copied to nowhere', async () => {
  using store = folder()
  await store.open().session()
  await using reading = openDuckdb({ ...store.options, readOnly: true })
  assert.equal(reading.copyTo, undefined)
})

const FULL = `
  const { openDuckdb } = await import(process.argv[2])
  const warehouse = openDuckdb(JSON.parse(process.argv[3]))
  const session = await warehouse.session()
  const failed = await warehouse.copyTo(process.argv[4], [{ name: 'gold.long', select: 'select md5(i::varchar) as text from range(200000) as r(i)' }]).then(() => 'made', (error) => error.code)
  await session.run('insert into numbers values (1)')
  const [{ n }] = await session.rows('select count(*) as n from numbers')
  console.log(failed, n)
  process.exit()`

test('a full disk is said as such, and the loader goes on', { skip: process.platform === 'win32' }, async () => {
  using store = folder()
  {
    await using warehouse = store.open()
    using session = await warehouse.session()
    await session.run('create table numbers as select i from range(10) as r(i)')
    await warehouse.copyTo!(store.copy, TABLES)
  }
  // In blocks of half a kibibyte or of one: a file may be 1 or 2 MiB, and the copy would be 4.
  const { stdout } = await runScript(
    store.path,
    FULL,
    [join(import.meta.dirname, 'duckdb.ts'), JSON.stringify(store.options), store.copy],
    'ulimit -f 2048; ',
  )
  assert.equal(stdout.trim(), 'disk_full 11')
  assert.deepEqual(store.left(), [])
  using copy = await look(store.copy)
  assert.deepEqual(await copy.first('select n from gold.sums'), [10n])
})

async function runScript(folder: string, script: string, args: readonly string[], before = '') {
  const file = join(folder, 'script.mjs')
  writeFileSync(file, script)
  const child = spawn(
    '/bin/sh',
    ['-c', `${before}exec "$0" "$@"`, process.execPath, '--disable-warning=ExperimentalWarning', file, ...args],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let stdout = ''
  child.stdout.on('data', (part: Buffer) => (stdout += String(part)))
  await once(child, 'close')
  rmSync(file)
  return { stdout }
}
