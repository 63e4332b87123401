import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import { readSettings, ROOT } from '../kernel/config.ts'
import { hasCode } from '../kernel/errors.ts'
import { holderOf, lockFolder } from '../kernel/lock.ts'
import { silentLogger } from '../kernel/logging.ts'
import { noTally } from '../reader/places.ts'
import { temporaryFolder } from '../reader/testing/fixture.ts'
import { isLevelWith, openOwnEtl } from './etl.ts'
import { levelMsMaxOf } from './warehouse.ts'

/** Nobody is there. */
const WAREHOUSE_URL = 'snowflake://ME@acme-prod/FLOWGUARD?access_url=http://127.0.0.1:9'

test('on Snowflake one process makes the tables of a data folder; another is told so before it asks there', async () => {
  using folder = temporaryFolder()
  const settings = readSettings({ DATA_DIR: folder.path, WAREHOUSE_URL }, {}, ROOT)
  const open = () => openOwnEtl(settings, silentLogger, new AbortController().signal)
  {
    using _other = lockFolder(folder.path, 'etl')
    await assert.rejects(open(), (error) => hasCode(error, 'warehouse_held') && (error as Error).message.includes(`process ${process.pid}`))
  }
  await assert.rejects(open(), (error) => !hasCode(error, 'warehouse_held'))
  assert.equal(holderOf(folder.path, 'etl'), undefined, 'let go of')
})

test('a run waits for two batches of the loader, half a minute at least', () => {
  const msMaxOf = (flags: object) => levelMsMaxOf(readSettings({ DATA_DIR: '/nowhere', ...flags }, {}, ROOT))
  assert.deepEqual([msMaxOf({}), msMaxOf({ WAREHOUSE_URL }), msMaxOf({ LOADER_AGE_MS: '60000' })], [30_000, 600_000, 120_000])
})

test('heartbeats alone that are yet to be loaded are not waited for', () => {
  const at = (next: number, read: number, heartbeats: number) =>
    [{ topic: CLICKS, partition: 0, next, end: 40, lag: 40 - next, time: null, heartbeats, tally: { ...noTally(), read } }] as const
  const isLevel = (stream: ReturnType<typeof at>, loaded: ReturnType<typeof at>) =>
    isLevelWith(new Map(Object.entries({ stream, loader: loaded })), stream[0])
  assert.ok(isLevel(at(40, 40, 15), at(30, 30, 5)))
  assert.ok(!isLevel(at(40, 40, 14), at(30, 30, 5)), 'one is an event')
  assert.ok(!isLevel(at(39, 39, 14), at(30, 30, 5)), 'nobody has read the last one')
})
