import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { testDatabase } from '../database/testing/postgres.ts'
import { readSettings } from '../kernel/config.ts'
import { hasCode } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import { leasesOf } from './edge-stores.ts'
import { openMachine } from './open-machine.ts'

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-stores-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('of several data folders one belongs to the tables: another is refused, and the first goes on', async (t) => {
  await using database = await testDatabase('folders')
  const [first, second] = [temporary(t), temporary(t)]
  const open = async (folder: string) => {
    const settings = readSettings({ DATA_DIR: folder, DATABASE_URL: database.url }, {}, folder)
    await using machine = openMachine(settings, silentLogger, new AbortController().signal)
    await machine.pipeline()
  }
  await open(first)
  await assert.rejects(open(second), (error) => hasCode(error, 'log_replaced') && String(error).includes('disk_stores'))
  await open(first)
})

test('tables, leases and the general lane of a process share one pool of connections', async (t) => {
  const folder = temporary(t)
  await using database = await testDatabase('pool')
  const postgres = database.connect({ connectionsMax: 1 })
  const others = async () => {
    const [row] = await postgres.rows<{ count: number }>(
      'select count(*) as count from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    return row?.count
  }
  {
    const settings = readSettings({ DATA_DIR: folder, DATABASE_URL: database.url }, {}, folder)
    await using machine = openMachine(settings, silentLogger, new AbortController().signal)
    const leases = await leasesOf(machine)
    await leases?.acquire('stream', 1_000)
    const lane = await machine.lane()
    assert.deepEqual(await lane.standings(), [])
    // One after the other, each on the connection that is there: another pool would have one of its own.
    assert.equal(await others(), 1)
    const tables = await machine.database()
    assert.equal(await tables.order('none'), undefined)
  }
  assert.equal(await others(), 0)
})
