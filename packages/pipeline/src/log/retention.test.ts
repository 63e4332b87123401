import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import { DatabaseSync } from 'node:sqlite'
import { mock, test } from 'node:test'
import { ATTRIBUTED, CLICKS, DAY_MS, DEAD, type Topic } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import { START, TOPICS as topics } from '../reader/testing/fixture.ts'
import { sqliteLogOn } from './adapters/sqlite.ts'
import type { EventLog } from './event-log.ts'
import { retention } from './retention.ts'

const KEPT_MS = topics[CLICKS].retentionMs
const everything = () => new Map(Array.from({ length: topics[CLICKS].partitions }, (_, partition) => [partition, Number.MAX_SAFE_INTEGER]))

/** A log in memory with one record an hour in partition 0 of the clicks, the first at `START`. */
async function hourly(hours: number) {
  const db = new DatabaseSync(':memory:')
  let now = START
  const log = sqliteLogOn(db, { path: ':memory:', topics, clock: () => now }, () => db.close())
  for (let hour = 0; hour < hours; hour += 1) {
    now = START + hour * (DAY_MS / 24)
    await log.append(CLICKS, [{ key: 'u', value: `${hour}`, headers: {}, partition: 0 }])
  }
  return log
}

const startOf = async (log: EventLog) => (await log.ends(CLICKS))[0]?.start

/** Runs it until it has seen to every topic once. */
async function once(log: EventLog, readBefore: Partial<Record<Topic, () => ReadonlyMap<number, number>>>, now: number) {
  const stop = new AbortController()
  const last = Object.keys(readBefore).at(-1)
  const watched: EventLog = {
    ...log,
    async trim(topic, limits) {
      if (topic === last) stop.abort()
      return log.trim(topic, limits)
    },
  }
  await retention({ log: watched, topics, readBefore, clock: () => now, logger: silentLogger })(stop.signal)
}

test('what is older than its topic keeps is deleted, by the time of appending', async () => {
  await using log = await hourly(10)
  await once(log, { [CLICKS]: everything }, START + KEPT_MS)
  assert.equal(await startOf(log), 0, 'a record of exactly that age is kept')
  await once(log, { [CLICKS]: everything }, START + KEPT_MS + 4 * (DAY_MS / 24))
  assert.equal(await startOf(log), 4)
  assert.deepEqual(
    (await log.read([{ topic: CLICKS, partition: 0, next: 4 }], { countMax: 100, waitMs: 0 })).map(({ value }) => value),
    ['4', '5', '6', '7', '8', '9'],
  )
})

test('what a reader has yet to read is kept, whatever its age', async () => {
  await using log = await hourly(10)
  await once(log, { [CLICKS]: () => new Map([[0, 3]]) }, START + 2 * KEPT_MS)
  assert.equal(await startOf(log), 3)
  await once(log, { [CLICKS]: () => new Map([[0, 0]]) }, START + 2 * KEPT_MS)
  assert.equal(await startOf(log), 3)
})

test('a topic that is not named loses nothing', async () => {
  await using log = await hourly(10)
  await once(log, { [DEAD]: everything }, START + 10 * KEPT_MS)
  assert.equal(await startOf(log), 0)
})

test('the newest record stays, so that offsets go on from it', async () => {
  await using log = await hourly(3)
  await once(log, { [CLICKS]: everything }, START + 10 * KEPT_MS)
  assert.deepEqual((await log.ends(CLICKS))[0], { partition: 0, start: 2, end: 3 })
})

test('it looks again each minute, a passing failure holds up no other topic, and stopping does not wait', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  // For modules that have imported the timer by name.
  syncBuiltinESMExports()
  try {
    const stop = new AbortController()
    const asked: Topic[] = []
    const log = {
      async trim(topic: Topic) {
        asked.push(topic)
        if (topic === CLICKS) throw new FlowGuardError('store_busy', 'held')
        return 0
      },
    } as unknown as EventLog
    const running = retention({
      log,
      topics,
      readBefore: { [CLICKS]: everything, [ATTRIBUTED]: everything },
      clock: () => START,
      logger: silentLogger,
    })(stop.signal)
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    await turn()
    assert.deepEqual(asked, [CLICKS, ATTRIBUTED])
    mock.timers.tick(59_999)
    await turn()
    assert.equal(asked.length, 2)
    mock.timers.tick(1)
    await turn()
    assert.equal(asked.length, 4)
    stop.abort()
    await running
  } finally {
    mock.timers.reset()
    syncBuiltinESMExports()
  }
})

test('a failure that does not pass ends it', async () => {
  const log = {
    async trim() {
      throw new FlowGuardError('store_corrupt', 'damaged')
    },
  } as unknown as EventLog
  await assert.rejects(once(log, { [CLICKS]: everything }, START), (error) => hasCode(error, 'store_corrupt'))
})
