import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import { hasCode } from '../../kernel/errors.ts'
import { click, conformsToWarehouse, loadAll, record, rowsOf } from '../warehouse.conformance.ts'
import { openDuckdb } from './duckdb.ts'

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-duckdb-'))
  const file = join(path, 'warehouse.duckdb')
  const tempDir = join(path, 'warehouse.tmp')
  const options = { path: file, tempDir, memoryMb: 256, threads: 1 }
  return {
    file,
    tempDir,
    options,
    open: () => openDuckdb(options),
    openReadOnly: () => openDuckdb({ ...options, readOnly: true }),
    [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true, force: true }),
  }
}

conformsToWarehouse(folder)

test('a file that is missing is made only where it may be, and never by a look', async () => {
  await using store = folder()
  await using look = store.openReadOnly()
  await assert.rejects(look.query('select 1', { rowsMax: 1, timeoutMs: 1_000 }), (error) => hasCode(error, 'warehouse_missing'))
  let mayCreate = false
  await using warehouse = openDuckdb({ ...store.options, mayCreate: () => mayCreate })
  await assert.rejects(warehouse.session(), (error) => hasCode(error, 'warehouse_missing'))
  assert.equal(existsSync(store.file), false)
  mayCreate = true
  using session = await warehouse.session()
  assert.deepEqual(await session.rows('select 1 as a'), [{ a: 1 }])
})

test('a file that another process has is held, and free again when that is done', async () => {
  await using store = folder()
  await store.open().session()
  const other = `
    const { openDuckdb } = await import(process.argv[2])
    const warehouse = openDuckdb(JSON.parse(process.argv[3]))
    await warehouse.session().then(() => process.send('opened'), (error) => process.send(error.code))
    process.disconnect()`
  const script = join(store.tempDir, 'other.mjs')
  writeFileSync(script, other)
  const child = fork(script, [join(import.meta.dirname, 'duckdb.ts'), JSON.stringify(store.options)], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  const [said] = (await once(child, 'message')) as [string]
  assert.equal(said, 'warehouse_held')
  await once(child, 'exit')
})

test('a damaged file is named, and put back it is read again', async () => {
  await using store = folder()
  {
    await using warehouse = store.open()
    await loadAll(warehouse, [record(CLICKS, 0, click())])
  }
  truncateSync(store.file, 100)
  await using warehouse = store.open()
  await assert.rejects(warehouse.session(), (error) => hasCode(error, 'warehouse_corrupt'))
  writeFileSync(store.file, 'this is no warehouse, however long the text that stands in it may be made, line after line '.repeat(500))
  await assert.rejects(warehouse.session(), (error) => hasCode(error, 'warehouse_corrupt'))
  rmSync(store.file)
  using session = await warehouse.session()
  assert.deepEqual(await session.rows('select count(*) as n from bronze.clicks_raw'), [{ n: 0 }])
})

test('a file deleted while it is open takes no more rows', async () => {
  await using store = folder()
  await using warehouse = store.open()
  await loadAll(warehouse, [record(CLICKS, 0, click())])
  rmSync(store.file)
  using batch = await warehouse.bronze.batch(() => 'log-1')
  batch.add([record(CLICKS, 1, click())])
  await assert.rejects(warehouse.bronze.load(batch, 0), (error) => hasCode(error, 'warehouse_missing'))
})

test('times are UTC, whatever the machine has', async () => {
  await using store = folder()
  await using warehouse = store.open()
  const [row] = await rowsOf(
    warehouse,
    "select current_setting('TimeZone') as zone, (timestamptz '2026-03-01 00:30:00+05:30')::timestamp as at",
  )
  assert.deepEqual(row, { zone: 'UTC', at: '2026-02-28T19:00:00.000Z' })
})
