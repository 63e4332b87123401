import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { openReadOnly } from '../packages/pipeline/src/kernel/sqlite.ts'
import { openSqliteLogReader } from '../packages/pipeline/src/log/adapters/sqlite.ts'
import { readTopics } from '../packages/pipeline/src/log/topics.ts'
import { startMachine } from './support/machine.ts'

const HOLD_MS = 300

// Killing alone does not find a missing flush, for the write is in the cache of a machine that lives on. Holding up the commit does.
test('a click is answered only once it is in the log: the edge dies at the answer, with the commit held up', async () => {
  await using machine = await startMachine({ idle: true })
  await machine.start('edge', { FLOWGUARD_HOLD: `log.before-commit:${HOLD_MS}` })
  const answer = await fetch(`${machine.gatewayUrl}/api/v1/clicks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ event_id: 'held-up', ad_id: 'ad_1', user_id: 7, item_id: 1 }),
  })
  await machine.kill('edge')
  assert.equal(answer.status, 202)
  await using log = openSqliteLogReader({
    path: join(machine.dataDir, 'raw-log.db'),
    topics: readTopics(join(ROOT, 'config/kafka/topics.yaml')),
    clock: Date.now,
  })
  const partitions = Array.from({ length: 6 }, (_, partition) => ({ topic: 'raw.clicks.v1' as const, partition, next: 0 }))
  const records = await log.read(partitions, { countMax: 100, waitMs: 0 })
  assert.equal(records.filter(({ value }) => value.includes('held-up')).length, 1)
})

test('an order is answered only once it is in the database with its outbox row', async () => {
  await using machine = await startMachine({ idle: true })
  await machine.start('edge', { FLOWGUARD_HOLD: `orders.before-commit:${HOLD_MS}` })
  const answer = await fetch(`${machine.gatewayUrl}/api/v1/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ event_id: 'held-up', user_id: 7, item_id: 1 }),
  })
  await machine.kill('edge')
  assert.equal(answer.status, 201)
  const { order_id } = (await answer.json()) as { order_id: string }
  const db = openReadOnly(join(machine.dataDir, 'edge.db'))
  assert.equal(db.prepare('select count(*) as count from orders where order_id = ?').get(order_id)?.['count'], 1)
  db.close()
})

test('every store keeps a write-ahead log, so that others read it while it is written', async () => {
  await using machine = await startMachine()
  for (const file of ['edge.db', 'raw-log.db', 'pipeline.db']) {
    const db = openReadOnly(join(machine.dataDir, file))
    assert.equal(db.prepare('pragma journal_mode').get()?.['journal_mode'], 'wal', file)
    db.close()
  }
})
