import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings, ROOT } from '../kernel/config.ts'
import { batchesOf } from './alerts.ts'

test('the lake, and the loader where it is paid by the minute, may leave heartbeats waiting without an alert', () => {
  const batches = (flags: object) => batchesOf(readSettings({ DATA_DIR: '/nowhere', ...flags }, {}, ROOT))
  const lake = { ms: 600_000, records: 0 }
  assert.deepEqual(batches({}), { lake })
  assert.deepEqual(batches({ LAKE_AGE_MS: '1000' }), { lake: { ms: 10_000, records: 0 } })
  const snowflake = 'snowflake://ME@acme-prod/FLOWGUARD'
  assert.deepEqual(batches({ WAREHOUSE_URL: snowflake }), { lake, loader: { ms: 3_000_000, records: 50_000 } })
})
