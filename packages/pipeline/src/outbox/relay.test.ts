import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ORDERS } from '@flowguard/contract'
import { pino } from 'pino'
import { openSqliteDatabase } from '../database/adapters/sqlite.ts'
import { draftOf, outboxValues, taken } from '../database/testing/drafts.ts'
import type { Database } from '../database/database.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { silentLogger, type Logger } from '../kernel/logging.ts'
import { openSqliteLog } from '../log/adapters/sqlite.ts'
import { readTopics } from '../log/topics.ts'
import { ROOT } from '../kernel/config.ts'
import type { NewRecord, TransactionalLog } from '../log/event-log.ts'
import { relay } from './relay.ts'

const topics = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
const QUICK = { firstMs: 1, longestMs: 2, random: () => 0.5 }
const LIMIT_MS = 10_000

interface Stage extends AsyncDisposable {
  database: Database
  log: TransactionalLog
}

function stage(): Stage {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-relay-'))
  const database = openSqliteDatabase({ path: join(path, 'edge.db'), clock: Date.now })
  const log = openSqliteLog({ path: join(path, 'raw-log.db'), topics, clock: Date.now })
  return {
    database,
    log,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]()
      await log[Symbol.asyncDispose]()
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Orders of a few users, each numbered within its user. */
async function takeOrders(database: Database, countEach: number): Promise<void> {
  for (let seq = 0; seq < countEach; seq += 1) {
    const drafts = ['u1', 'u2', 'u3', 'u4', 'u5'].map((userId) => draftOf({ userId }))
    await Promise.all(drafts.map((draft) => taken(database, { ...draft, event: { ...draft.event, seq } })))
  }
}

async function shippedRecords(log: TransactionalLog): Promise<{ user: string; seq: number; id: string }[]> {
  const found: { user: string; seq: number; id: string }[] = []
  for (const { partition, end } of await log.ends(ORDERS)) {
    if (end === 0) continue
    const records = await log.read([{ topic: ORDERS, partition, next: 0 }], { countMax: end, waitMs: 0 })
    for (const { value } of records) {
      const event = JSON.parse(value) as { user_id: string; seq: number; event_id: string }
      found.push({ user: event.user_id, seq: event.seq, id: event.event_id })
    }
  }
  return found
}

/** First comings only, as a reader that recognises repeats sees them. */
function inOrderByUser(records: { user: string; seq: number; id: string }[]): Map<string, number[]> {
  const seen = new Set<string>()
  const users = new Map<string, number[]>()
  for (const { user, seq, id } of records) {
    if (seen.has(id)) continue
    seen.add(id)
    users.set(user, [...(users.get(user) ?? []), seq])
  }
  return users
}

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const deadline = performance.now() + LIMIT_MS
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `waited too long until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const isEmpty = (database: Database) => async () => (await database.outbox(1)).length === 0

function linesOf(): { lines: { level: string; msg: string }[]; logger: Logger } {
  const lines: { level: string; msg: string }[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as { level: string; msg: string })
  return { lines, logger: pino({ formatters: { level: (level) => ({ level }) } }, { write }) }
}

test('ships what is there and what comes, in the order of each user, and leaves the outbox empty', async () => {
  await using at = stage()
  await takeOrders(at.database, 5)
  const stop = new AbortController()
  const running = relay({ ...at, logger: silentLogger })(stop.signal)
  await until(isEmpty(at.database), 'the outbox is empty')
  await takeOrders(at.database, 5)
  await until(isEmpty(at.database), 'the outbox is empty again')
  stop.abort()
  await running
  const records = await shippedRecords(at.log)
  assert.equal(records.length, 50)
  const seqs = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
  assert.deepEqual(Object.fromEntries(inOrderByUser(records)), { u1: seqs, u2: seqs, u3: seqs, u4: seqs, u5: seqs })
})

test('a heartbeat goes to its own partition, behind the orders taken before it', async () => {
  await using at = stage()
  const value = '{"event_type":"heartbeat","ts":5}'
  await takeOrders(at.database, 2)
  await at.database.queueHeartbeats([0, 1, 2].map((partition) => ({ key: '', value, headers: {}, partition })))
  const stop = new AbortController()
  const running = relay({ ...at, logger: silentLogger })(stop.signal)
  await until(isEmpty(at.database), 'the outbox is empty')
  stop.abort()
  await running
  for (const { partition, end } of await at.log.ends(ORDERS)) {
    const records = await at.log.read([{ topic: ORDERS, partition, next: 0 }], { countMax: 100, waitMs: 0 })
    assert.equal(records[end - 1]?.value, value)
    assert.equal(records.filter((record) => record.value === value).length, 1)
  }
})

test('more than one batch is shipped, and what waits when it is told to stop is still shipped', async () => {
  await using at = stage()
  await Promise.all(Array.from({ length: 2_500 }, () => taken(at.database, draftOf())))
  const stop = new AbortController()
  const running = relay({ ...at, logger: silentLogger })(stop.signal)
  stop.abort()
  await running
  assert.deepEqual(await at.database.outbox(1), [])
  assert.equal((await shippedRecords(at.log)).length, 2_500)
})

test('a log that fails for a while loses nothing and changes no order; it says so once, and once that it is over', async () => {
  await using at = stage()
  const { lines, logger } = linesOf()
  let failures = 0
  const failing = {
    append: (topic: typeof ORDERS, records: readonly NewRecord[]) => {
      if (failures >= 5) return at.log.append(topic, records)
      failures += 1
      return Promise.reject(new FlowGuardError('disk_full', 'no space left'))
    },
  }
  const stop = new AbortController()
  const running = relay({ database: at.database, log: failing, logger, backoff: QUICK })(stop.signal)
  await takeOrders(at.database, 4)
  await until(isEmpty(at.database), 'the outbox is empty')
  stop.abort()
  await running
  assert.equal(failures, 5)
  for (const seqs of inOrderByUser(await shippedRecords(at.log)).values()) assert.deepEqual(seqs, [0, 1, 2, 3])
  assert.deepEqual(
    lines.map(({ level }) => level),
    ['warn', 'info'],
  )
})

test('a database that cannot be read or cleared for a while has nothing appended twice', async () => {
  await using at = stage()
  await takeOrders(at.database, 3)
  let calls = 0
  const sometimes = <T>(work: () => Promise<T>): Promise<T> => {
    calls += 1
    return calls % 3 === 0 ? work() : Promise.reject(new FlowGuardError('store_busy', 'held'))
  }
  const database = {
    outbox: (countMax: number) => sometimes(() => at.database.outbox(countMax)),
    shipped: (lastId: number) => sometimes(() => at.database.shipped(lastId)),
    outboxVersion: () => at.database.outboxVersion(),
  }
  const stop = new AbortController()
  const running = relay({ database, log: at.log, logger: silentLogger, backoff: QUICK })(stop.signal)
  await until(isEmpty(at.database), 'the outbox is empty')
  stop.abort()
  await running
  assert.equal((await shippedRecords(at.log)).length, 15)
})

test('what passes over into the log though its append was said to have failed is a repeat of the same record', async () => {
  await using at = stage()
  await takeOrders(at.database, 3)
  let isFirst = true
  const failing = {
    async append(topic: typeof ORDERS, records: readonly NewRecord[]) {
      const positions = await at.log.append(topic, records)
      if (!isFirst) return positions
      isFirst = false
      throw new FlowGuardError('log_unavailable', 'the answer was lost')
    },
  }
  const stop = new AbortController()
  const running = relay({ database: at.database, log: failing, logger: silentLogger, backoff: QUICK })(stop.signal)
  await until(isEmpty(at.database), 'the outbox is empty')
  stop.abort()
  await running
  const records = await shippedRecords(at.log)
  assert.equal(records.length, 30)
  for (const seqs of inOrderByUser(records).values()) assert.deepEqual(seqs, [0, 1, 2])
})

test('wherever it dies, the next one ships the rest: nothing lost, repeats the same, the order of each user kept', async () => {
  for (const dies of ['before the append', 'after the append', 'after the outbox was cleared']) {
    await using at = stage()
    await takeOrders(at.database, 4)
    const died = new Error(dies)
    const dying = {
      database: {
        // Two groups of five.
        outbox: () => at.database.outbox(10),
        outboxVersion: () => at.database.outboxVersion(),
        async shipped(lastId: number) {
          if (dies === 'after the append') throw died
          await at.database.shipped(lastId)
          throw died
        },
      },
      log: {
        async append(topic: typeof ORDERS, records: readonly NewRecord[]) {
          if (dies === 'before the append') throw died
          return at.log.append(topic, records)
        },
      } as TransactionalLog,
    }
    await assert.rejects(relay({ ...dying, logger: silentLogger })(new AbortController().signal), died)
    await takeOrders(at.database, 1)
    const stop = new AbortController()
    const running = relay({ ...at, logger: silentLogger })(stop.signal)
    await until(isEmpty(at.database), 'the outbox is empty')
    stop.abort()
    await running
    const records = await shippedRecords(at.log)
    assert.equal(records.length, dies === 'after the append' ? 35 : 25, dies)
    for (const seqs of inOrderByUser(records).values()) assert.deepEqual(seqs, [0, 1, 2, 3, 0], dies)
  }
})

test('never appends more than a thousand records at once, and a group that does not fit goes with the next', async () => {
  await using at = stage()
  const sizes: number[] = []
  for (const count of [700, 200, 400, 1_000, 1]) await at.database.take(Array.from({ length: count }, () => draftOf()))
  const log = {
    append(topic: typeof ORDERS, records: readonly NewRecord[]) {
      sizes.push(records.length)
      return at.log.append(topic, records)
    },
  }
  const stop = new AbortController()
  const running = relay({ database: at.database, log, logger: silentLogger })(stop.signal)
  await until(isEmpty(at.database), 'the outbox is empty')
  stop.abort()
  await running
  assert.deepEqual(sizes, [900, 400, 1_000, 1])
})

test('what cannot pass ends it', async () => {
  await using at = stage()
  await takeOrders(at.database, 1)
  const broken = { append: () => Promise.reject(new FlowGuardError('store_corrupt', 'damaged')) }
  await assert.rejects(relay({ database: at.database, log: broken, logger: silentLogger })(new AbortController().signal), (error) =>
    hasCode(error, 'store_corrupt'),
  )
  assert.equal((await outboxValues(at.database)).length, 5)
})

test('told to stop while the log fails it gives up when its time is over, and the orders stay in the outbox', async () => {
  await using at = stage()
  await takeOrders(at.database, 1)
  let tries = 0
  const failing = {
    append() {
      tries += 1
      return Promise.reject(new FlowGuardError('disk_full', 'no space left'))
    },
  }
  const stop = new AbortController()
  const running = relay({ database: at.database, log: failing, logger: silentLogger, backoff: QUICK, drainMs: 30 })(stop.signal)
  await until(() => tries > 0, 'it has tried')
  stop.abort()
  await running
  assert.equal((await at.database.outbox(100)).length, 5)
})

test('idle, it neither appends nor keeps the processor busy', async () => {
  await using at = stage()
  let reads = 0
  let looks = 0
  const database = {
    outbox: (countMax: number) => ((reads += 1), at.database.outbox(countMax)),
    shipped: (lastId: number) => at.database.shipped(lastId),
    outboxVersion: () => ((looks += 1), at.database.outboxVersion()),
  }
  const stop = new AbortController()
  const begun = performance.now()
  const running = relay({ database, log: at.log, logger: silentLogger })(stop.signal)
  await until(() => looks > 10, 'it has looked ten times')
  assert.ok(performance.now() - begun > 50)
  assert.equal(reads, 1)
  stop.abort()
  await running
  assert.deepEqual(await shippedRecords(at.log), [])
})
