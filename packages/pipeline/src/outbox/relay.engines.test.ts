import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ORDERS } from '@flowguard/contract'
import { openPostgresDatabase } from '../database/adapters/postgres.ts'
import { draftOf, placed } from '../database/testing/drafts.ts'
import { testDatabase } from '../database/testing/postgres.ts'
import { ROOT } from '../kernel/config.ts'
import { silentLogger } from '../kernel/logging.ts'
import { openSqliteLog } from '../log/adapters/sqlite.ts'
import { readTopics } from '../log/topics.ts'
import { relay } from './relay.ts'

const USERS = 12
const ORDERS_EACH = 20

test('postgres: what several gateways write is shipped once each, in the order of each user, and idle it only looks', async () => {
  await using store = await testDatabase()
  const path = mkdtempSync(join(tmpdir(), 'flowguard-relay-'))
  const log = openSqliteLog({ path: join(path, 'raw-log.db'), topics: readTopics(join(ROOT, 'config/kafka/topics.yaml')), clock: Date.now })
  const open = () => openPostgresDatabase({ postgres: store.connect(), clock: Date.now })
  const [one, other, shipping] = [await open(), await open(), await open()]
  let reads = 0
  let looks = 0
  const database = {
    ...shipping,
    outbox: (countMax: number) => ((reads += 1), shipping.outbox(countMax)),
    outboxVersion: () => ((looks += 1), shipping.outboxVersion()),
  }
  const stop = new AbortController()
  const running = relay({ database, log, logger: silentLogger })(stop.signal)
  await Promise.all(
    Array.from({ length: USERS }, async (_, user) => {
      for (let seq = 0; seq < ORDERS_EACH; seq += 1) {
        const draft = draftOf({ userId: `user ${user}` })
        await placed(seq % 2 === 0 ? one : other, { ...draft, event: { ...draft.event, seq } })
      }
    }),
  )
  const shippedCount = async () => (await log.ends(ORDERS)).reduce((sum, { end }) => sum + end, 0)
  while ((await shippedCount()) < USERS * ORDERS_EACH) await new Promise((resolve) => setTimeout(resolve, 5))
  while ((await shipping.outbox(1)).length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const before = { reads, looks }
  while (looks < before.looks + 10) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.ok(reads <= before.reads + 1, 'once more for what was shipped last, and not again')
  stop.abort()
  await running
  const seqs = new Map<string, number[]>()
  for (const { partition, end } of await log.ends(ORDERS)) {
    for (const { key, value } of await log.read([{ topic: ORDERS, partition, next: 0 }], { countMax: end, waitMs: 0 })) {
      const user = key ?? ''
      seqs.set(user, [...(seqs.get(user) ?? []), (JSON.parse(value) as { seq: number }).seq])
    }
  }
  assert.equal(seqs.size, USERS)
  for (const each of seqs.values())
    assert.deepEqual(
      each,
      Array.from({ length: ORDERS_EACH }, (_, seq) => seq),
    )
  await log[Symbol.asyncDispose]()
  rmSync(path, { recursive: true, force: true })
})
