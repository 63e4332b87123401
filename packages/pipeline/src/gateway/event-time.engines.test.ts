import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLICKS, ORDERS } from '@flowguard/contract'
import { openPostgresDatabase } from '../database/adapters/postgres.ts'
import { draftOf, taken } from '../database/testing/drafts.ts'
import { setReadOnly, testDatabase } from '../database/testing/postgres.ts'
import { ROOT } from '../kernel/config.ts'
import { hasCode } from '../kernel/errors.ts'
import { silentLogger, type Logger } from '../kernel/logging.ts'
import { openSqliteLog } from '../log/adapters/sqlite.ts'
import { readTopics } from '../log/topics.ts'
import { relay } from '../outbox/relay.ts'
import { openEventTime } from './event-time.ts'

const LIMIT_MS = 30_000

async function until(what: string, isTrue: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + LIMIT_MS
  while (!(await isTrue())) {
    assert.ok(performance.now() < deadline, `waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('postgres: while it only reads, heartbeats and the relay wait, orders are refused for now, and all goes on by itself', async () => {
  await using store = await testDatabase()
  const path = mkdtempSync(join(tmpdir(), 'flowguard-read-only-'))
  const topics = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
  const log = openSqliteLog({ path: join(path, 'raw-log.db'), topics, clock: Date.now })
  const database = await openPostgresDatabase({ postgres: store.connect(), clock: Date.now })
  const warned: string[] = []
  const logger = { ...silentLogger, warn: (_what: object, text: string) => void warned.push(text) } as unknown as Logger
  const time = await openEventTime({ log, database, clock: Date.now, logger })
  const stop = new AbortController()
  const running = Promise.all([time.heartbeats(stop.signal), relay({ database, log, logger })(stop.signal)])
  // Whatever ends one of them fails the test at once.
  const meanwhile = (work: Promise<void>) => Promise.race([work, running.then(() => assert.fail('one of them has ended'))])
  const shipped = async () => (await log.ends(ORDERS)).reduce((sum, { end }) => sum + end, 0)

  assert.equal((await taken(database, draftOf())).kind, 'accepted')
  await meanwhile(until('the order is in the log', async () => (await shipped()) === 1))
  await setReadOnly(store, true)
  await assert.rejects(taken(database, draftOf()), (error) => hasCode(error, 'database_unavailable'))
  time.accepted(CLICKS, 0, Date.now())
  await meanwhile(until('heartbeats wait', () => warned.some((text) => text.startsWith('heartbeats wait'))))
  assert.equal(await shipped(), 1)

  await setReadOnly(store, false)
  await meanwhile(
    until('heartbeats of the order partitions are in the log', async () => (await shipped()) >= 1 + topics[ORDERS].partitions),
  )
  assert.equal((await taken(database, draftOf())).kind, 'accepted')
  await meanwhile(until('the order after it is too', async () => (await shipped()) > 1 + topics[ORDERS].partitions))
  stop.abort()
  await running
  await log[Symbol.asyncDispose]()
  rmSync(path, { recursive: true, force: true })
})
