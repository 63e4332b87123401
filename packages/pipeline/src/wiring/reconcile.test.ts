import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings, ROOT } from '../kernel/config.ts'
import { hasCode } from '../kernel/errors.ts'
import { holderOf, lockFolder } from '../kernel/lock.ts'
import { silentLogger } from '../kernel/logging.ts'
import { temporaryFolder } from '../reader/testing/fixture.ts'
import { openOwnReconcile } from './reconcile.ts'

/** Nobody is there. */
const WAREHOUSE_URL = 'snowflake://ME@acme-prod/FLOWGUARD?access_url=http://127.0.0.1:9'

test('on Snowflake one process goes through the days of a data folder; another is told so before it asks there', async () => {
  using folder = temporaryFolder()
  const settings = readSettings({ DATA_DIR: folder.path, WAREHOUSE_URL }, {}, ROOT)
  const open = () => openOwnReconcile(settings, silentLogger, new AbortController().signal)
  {
    using _other = lockFolder(folder.path, 'etl')
    await assert.rejects(open(), { code: 'warehouse_held' })
  }
  await assert.rejects(open(), (error) => !hasCode(error, 'warehouse_held', 'warehouse_unsupported'))
  assert.equal(holderOf(folder.path, 'etl'), undefined, 'let go of')
})

test('in DuckDB, where there is no file, nothing is made', async () => {
  using folder = temporaryFolder()
  const settings = readSettings({ DATA_DIR: folder.path }, {}, ROOT)
  await assert.rejects(openOwnReconcile(settings, silentLogger, new AbortController().signal), { code: 'warehouse_missing' })
})
