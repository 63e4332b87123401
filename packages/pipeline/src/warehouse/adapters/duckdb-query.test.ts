import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { hasCode } from '../../kernel/errors.ts'
import { typedQueries } from './duckdb-query.ts'

test('whoever waits for a turn waits no longer than for an answer, and only so many wait', { timeout: 60_000 }, async () => {
  const instance = await DuckDBInstance.create(':memory:')
  const query = typedQueries('memory', async () => instance)
  const limits = { rowsMax: 1, timeoutMs: 1_000 }
  const long = Array.from({ length: 18 }, () => query('select count(*) from range(1000000000) a, range(1000) b', limits))
  const all = Promise.allSettled(long)
  await assert.rejects(query('select 1', limits), (error) => hasCode(error, 'warehouse_failed'))
  const since = performance.now()
  for (const each of await all) assert.ok(each.status === 'rejected' && hasCode(each.reason, 'query_stopped'))
  assert.ok(performance.now() - since < 5 * limits.timeoutMs, 'not one pair after the other')
  assert.deepEqual((await query('select 1', { rowsMax: 1, timeoutMs: 60_000 })).rows, [[1]])
  instance.closeSync()
})
