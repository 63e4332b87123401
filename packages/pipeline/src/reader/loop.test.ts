import assert from 'node:assert/strict'
import { copyFileSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { CLICKS, TIMED_TOPICS } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { silentLogger, type Logger } from '../kernel/logging.ts'
import { openSqliteLog, openSqliteLogReader } from '../log/adapters/sqlite.ts'
import type { EventLog, LogRecord } from '../log/event-log.ts'
import { openPipelineStore } from '../pipeline-store.ts'
import { streamProcessor } from '../stream/processor.ts'
import { gateIn } from './gate.ts'
import { readerLoop } from './loop.ts'
import { standingsIn, type Fate } from './places.ts'
import { logWithout } from './testing/deleted.ts'
import { deadLetters, recordsAt, START, TOPICS as topics } from './testing/fixture.ts'
import { clock, keeping, machine, run } from './testing/machine.ts'

const names = (count: number, from = 0) => Array.from({ length: count }, (_, at) => `r${String(from + at).padStart(3, '0')}`)
const fails = (code: Parameters<typeof hasCode>[1]) => (error: unknown) => hasCode(error, code)

test('the place moves with the effect: a batch that fails leaves neither behind', async () => {
  await using at = machine()
  await at.append(...names(20))
  const seen: [number, number][] = []
  let failures = 0
  const handler = keeping(at.store, { load: () => seen.push([at.effects().length, at.read()]) })
  const apply = handler.apply.bind(handler)
  handler.apply = (batch) => {
    const fates = apply(batch)
    if (failures++ < 1) throw new FlowGuardError('store_busy', 'after the effect')
    return fates
  }
  await run(at.store, at.raw, handler)
  assert.deepEqual(seen, [
    [0, 0],
    [0, 0],
  ])
  assert.deepEqual(at.effects(), names(20))
  assert.equal(at.read(), 20)
})

test('a failure that does not pass ends the reader, and nothing has moved', async () => {
  await using at = machine()
  await at.append(...names(20))
  const handler = keeping(at.store)
  const apply = handler.apply.bind(handler)
  handler.apply = (batch) => {
    apply(batch)
    throw new FlowGuardError('store_corrupt', 'after the effect')
  }
  await assert.rejects(run(at.store, at.raw, handler), fails('store_corrupt'))
  assert.deepEqual([at.effects(), at.read()], [[], 0])
})

test('a poisonous record is found, is dead after 3 tries as it was, and holds back nothing else', async () => {
  await using at = machine()
  const poison = Buffer.from([0x7b, 0xff, 0x0a, 0x00, 0x7d])
  await at.append(...names(60))
  await at.raw.append(CLICKS, [{ key: 'u', value: poison, headers: { content_hash: 'x' } }])
  await at.append(...names(60, 60))
  let tries = 0
  const isPoison = ({ bytes }: LogRecord) => bytes !== undefined && Buffer.from(bytes).equals(poison)
  const handler = keeping(at.store)
  const apply = handler.apply.bind(handler)
  handler.apply = (batch) => {
    const fates = apply(batch)
    if (batch.length === 1 && batch.some(isPoison)) tries += 1
    if (batch.some(isPoison)) throw new TypeError('cannot be handled')
    return fates
  }
  await run(at.store, at.raw, handler)
  assert.deepEqual(at.effects(), names(120))
  assert.equal(tries, 3)
  const [letter, ...others] = await deadLetters(at.store.derived)
  assert.deepEqual(others, [])
  const { partition, offset } = letter!
  assert.deepEqual(letter, {
    dead_id: `mine/${CLICKS}-${partition}-${offset}`,
    reader: 'mine',
    topic: CLICKS,
    partition,
    offset,
    reason: 'handler_failed',
    detail: 'TypeError: cannot be handled',
    tries: 3,
    died_at: new Date(START).toISOString(),
    key: 'u',
    headers: { content_hash: 'x' },
    value_base64: poison.toString('base64'),
  })
  const [found] = await at.raw.read([{ topic: CLICKS, partition, next: offset }], { countMax: 1, waitMs: 0 })
  assert.deepEqual(Buffer.from(found!.bytes!), poison)
  const dead = standingsIn(at.store.db).map((each) => each.dead)
  assert.deepEqual([at.read(), dead.reduce((a, b) => a + b)], [121, 1])
})

test('what is no event is at once a dead letter, with its very bytes, and its neighbours are worked off', async () => {
  await using at = machine()
  const { db, derived } = at.store
  const log = recordsAt()
  const good = [log.click({ id: 'a', ad: 'x', ts: START }), log.click({ id: 'b', ad: 'x', ts: START })]
  const bad = [
    '{"event_type":"click"',
    '',
    'null',
    '{"event_type":"nonsense"}',
    'two\nlines',
    Buffer.from(good[0]!.value.replace('"a"', '"\xff"'), 'latin1'),
  ]
  const values = [good[0]!.value, ...bad, good[1]!.value]
  await at.raw.append(
    CLICKS,
    values.map((value) => ({ key: 'u1', value, headers: {} })),
  )
  await run(
    at.store,
    at.raw,
    streamProcessor({ db, derived, gate: gateIn(db, 'stream', topics), doubleClickMs: 2_000, logger: silentLogger }),
    { name: 'stream' },
  )
  const letters = await deadLetters(derived)
  assert.deepEqual(
    letters.map(({ offset, reason, tries, value_base64 }) => [offset, reason, tries, value_base64]),
    bad.map((value, index) => [index + 1, 'invalid_event', 1, Buffer.from(value).toString('base64')]),
  )
  const standing = standingsIn(db).find(({ read }) => read > 0)
  assert.deepEqual([standing?.read, standing?.applied, standing?.dead], [8, 2, 6])
})

test('a full disk is waited for, and it goes on where it was once there is room', async () => {
  await using at = machine()
  await at.append(...names(50))
  const { db } = at.store
  const pages = () => (db.prepare('pragma page_count').get() as { page_count: number }).page_count
  let warnings = 0
  const warn = (about: { code?: string }) => {
    assert.equal(about.code, 'disk_full')
    assert.deepEqual([at.effects(), at.read()], [[], 0])
    warnings += 1
    if (warnings === 2) db.exec(`pragma max_page_count = ${pages() + 10_000}`)
  }
  const logger = { ...silentLogger, warn, error: () => assert.fail('a full disk is no fault of a record') } as unknown as Logger
  const insert = db.prepare('insert into effect values (?)')
  const handler = keeping(at.store, { apply: (batch) => batch.map(({ value }): Fate => (insert.run(value.padEnd(10_000)), 'applied')) })
  // Once the loop has begun.
  handler.load = () => void (warnings === 0 && db.exec(`pragma max_page_count = ${pages() + 5}`))
  await run(at.store, at.raw, handler, { logger })
  assert.equal(warnings, 2)
  assert.deepEqual(
    at.effects().map((each) => each.trim()),
    names(50),
  )
  assert.equal(at.read(), 50)
})

test('a dead letter that finds the disk full is buried once there is room', async () => {
  await using at = machine()
  await at.append(...names(3))
  let fullTimes = 2
  const { derived } = at.store
  const store = {
    ...at.store,
    derived: {
      ...derived,
      appendNow(...given: Parameters<typeof derived.appendNow>) {
        if (fullTimes-- > 0) throw new FlowGuardError('disk_full', 'no space left')
        return derived.appendNow(...given)
      },
    },
  }
  const handler = keeping(at.store)
  const apply = handler.apply.bind(handler)
  handler.apply = (batch) => {
    if (batch.some(({ value }) => value === 'r001')) throw new TypeError('cannot be handled')
    return apply(batch)
  }
  await run(store, at.raw, handler)
  assert.deepEqual(at.effects(), ['r000', 'r002'])
  assert.deepEqual(
    (await deadLetters(derived)).map(({ reason, tries }) => [reason, tries]),
    [['handler_failed', 3]],
  )
})

test('a log that cannot be read just now is asked again', async () => {
  await using at = machine()
  await at.append('one')
  let failures = 0
  const flaky: EventLog = {
    ...at.raw,
    async read(places, limit) {
      if (failures++ < 1) throw new FlowGuardError('store_busy', 'held')
      return at.raw.read(places, limit)
    },
  }
  await run(at.store, flaky, keeping(at.store))
  assert.deepEqual(at.effects(), ['one'])
})

test('of two readers of one name one stops with place_moved, and every effect is there once', async () => {
  await using at = machine()
  await at.append(...names(100))
  using other = openPipelineStore(at.file('pipeline.db'), topics, clock)
  const results = await Promise.allSettled([
    run(at.store, at.raw, keeping(at.store), { countMax: 10 }),
    run(other, at.raw, keeping(other), { countMax: 10 }),
  ])
  const failures = results.filter((each) => each.status === 'rejected')
  assert.equal(failures.length, 1)
  assert.ok(hasCode(failures[0]!.reason, 'place_moved'), String(failures[0]!.reason))
  assert.deepEqual(at.effects(), names(100))
  assert.equal(at.read(), 100)
})

test('a batch that another reader has worked off meanwhile is not worked off again, whatever else fails first', async () => {
  await using at = machine()
  await at.append(...names(20))
  using other = openPipelineStore(at.file('pipeline.db'), topics, clock)
  let overtaken = false
  const raw: EventLog = {
    ...at.raw,
    async read(places, limit) {
      const batch = await at.raw.read(places, limit)
      if (!overtaken) {
        overtaken = true
        await run(other, at.raw, keeping(other))
      }
      return batch
    },
  }
  const handler = keeping(at.store, {
    apply() {
      throw new TypeError('what the other wrote is in the way')
    },
  })
  await assert.rejects(run(at.store, raw, handler), fails('place_moved'))
  assert.deepEqual(at.effects(), names(20))
  assert.equal(at.read(), 20)
})

test('timers and requests have their turn while a reader catches up', async () => {
  await using at = machine()
  await at.append(...names(100))
  let turns = 0
  let batches = 0
  const handler = keeping(at.store)
  const apply = handler.apply.bind(handler)
  handler.apply = (batch) => {
    batches += 1
    setImmediate(() => (turns += 1))
    return apply(batch)
  }
  await run(at.store, at.raw, handler, { countMax: 10 })
  assert.ok(batches >= 10)
  assert.equal(turns, batches)
})

test('what is due without a record is done in an empty batch; one that fails ends the reader, for there is nothing to bury', async () => {
  await using at = machine()
  await at.append(...names(3))
  const stop = new AbortController()
  let due = 2
  const handler = keeping(at.store, { isDue: () => due > 0 })
  const apply = handler.apply.bind(handler)
  handler.apply = (batch) => {
    if (batch.length === 0) due -= 1
    if (due === 0) stop.abort()
    return apply(batch)
  }
  const reader = { name: 'mine', topics: [CLICKS] as const, log: at.raw, handler }
  const store = { ...at.store, clock, logger: silentLogger }
  await readerLoop(reader, store)(stop.signal)
  assert.deepEqual([due, at.effects()], [0, names(3)])
  due = 1
  handler.apply = () => {
    throw new Error('a fault of ours')
  }
  await assert.rejects(readerLoop(reader, store)(new AbortController().signal), /a fault of ours/)
})

test('another log in place of the known one is refused, and the old one is welcome again', async () => {
  await using at = machine()
  await at.append(...names(10))
  await run(at.store, at.raw, keeping(at.store))
  const before = standingsIn(at.store.db)
  // The other has a partition more.
  const more = { ...topics, [CLICKS]: { ...topics[CLICKS], partitions: topics[CLICKS].partitions + 1 } }
  await using other = openSqliteLog({ path: at.file('other.db'), topics: more, clock })
  await assert.rejects(run(at.store, other, keeping(at.store)), fails('log_replaced'))
  assert.deepEqual(standingsIn(at.store.db), before)
  await at.append(...names(10, 10))
  await run(at.store, at.raw, keeping(at.store))
  assert.deepEqual(at.effects(), names(20))
})

test('a log that ends before the place is refused', async () => {
  await using at = machine()
  await at.append(...names(10))
  await at.raw[Symbol.asyncDispose]()
  copyFileSync(at.file('raw-log.db'), at.file('older.db'))
  {
    await using raw = openSqliteLog({ path: at.file('raw-log.db'), topics, clock })
    await raw.append(
      CLICKS,
      names(50, 10).map((value) => ({ key: value, value, headers: {} })),
    )
    await run(at.store, raw, keeping(at.store))
  }
  for (const end of ['-wal', '-shm']) rmSync(at.file(`raw-log.db${end}`), { force: true })
  copyFileSync(at.file('older.db'), at.file('raw-log.db'))
  await using older = openSqliteLogReader({ path: at.file('raw-log.db'), topics, clock })
  await assert.rejects(run(at.store, older, keeping(at.store)), fails('log_truncated'))
  assert.equal(at.read(), 60)
})

test('stopping finishes the batch in hand and begins no other; started again it goes on from there', async () => {
  await using at = machine()
  await at.append(...names(30))
  let expected = 0
  for (let start = 1; start <= 3; start += 1) {
    const stop = new AbortController()
    const handler = keeping(at.store)
    const apply = handler.apply.bind(handler)
    handler.apply = (batch) => {
      stop.abort()
      expected += batch.length
      return apply(batch)
    }
    await run(at.store, at.raw, handler, { countMax: 10, stop })
    assert.ok(expected > 0 && expected <= start * 10)
    assert.deepEqual([at.effects().length, at.read()], [expected, expected])
  }
  await run(at.store, at.raw, keeping(at.store))
  assert.deepEqual(at.effects(), names(30))
})

test('a reader that is new begins with the oldest record that is kept', async () => {
  await using at = machine()
  for (let n = 0; n < 5; n += 1) await at.raw.append(CLICKS, [{ key: '', value: `${n}`, headers: {}, partition: 2 }])
  await at.raw.trim(CLICKS, { appendedBefore: START + 1, readBefore: new Map([[2, 3]]) })
  await run(at.store, at.raw, keeping(at.store))
  const { began, next, read } = standingsIn(at.store.db).find(({ partition }) => partition === 2)!
  assert.deepEqual({ began, next, read, effects: at.effects() }, { began: 3, next: 5, read: 2, effects: ['3', '4'] })
})

test('what the log deleted unread is booked as expired and said, and the reader goes on behind it', async () => {
  await using at = machine()
  const append = async (...values: string[]) => {
    for (const value of values) await at.raw.append(CLICKS, [{ key: '', value, headers: {}, partition: 2 }])
  }
  await append('0', '1', '2', '3', '4')
  await run(at.store, at.raw, keeping(at.store))
  await append('5', '6', '7', '8', '9')
  const raw = logWithout(at.raw, { topic: CLICKS, partition: 2, before: 7 })
  const said: object[] = []
  const logger = { ...silentLogger, error: (what: object) => void said.push(what) } as unknown as Logger
  // What it remembers is filled anew, as after a rollback.
  let loads = 0
  await run(at.store, raw, keeping(at.store, { load: () => void (loads += 1) }), { logger })
  const { began, expired, next, read, applied } = standingsIn(at.store.db).find(({ partition }) => partition === 2)!
  assert.deepEqual({ began, expired, next, read, applied }, { began: 0, expired: 2, next: 10, read: 8, applied: 8 })
  assert.deepEqual(at.effects(), ['0', '1', '2', '3', '4', '7', '8', '9'])
  assert.deepEqual(said, [{ code: 'log_expired', reader: 'mine', topic: CLICKS, partition: 2, from: 5, to: 7 }])
  assert.equal(loads, 2)
})

test('the books: of every partition read is the sum of its fates, heartbeats among the skipped', async () => {
  await using at = machine()
  const kinds = ['applied', 'duplicate', 'late', 'skipped', 'dead'] as const
  const counts = new Map<string, Record<string, number>>()
  let n = 0
  for (const topic of TIMED_TOPICS) {
    for (let round = 0; round < 40; round += 1) {
      const partition = (round * 7) % topics[topic].partitions
      const kind = kinds[n++ % kinds.length]!
      const hasNoKey = round % 3 === 0
      // What has no key and is dead was no heartbeat.
      const fate = hasNoKey && kind !== 'dead' ? 'skipped' : kind
      await at.raw.append(topic, [{ key: hasNoKey ? '' : 'u', value: fate, headers: {}, partition }])
      const count = counts.get(`${topic}-${partition}`) ?? { heartbeats: 0 }
      counts.set(`${topic}-${partition}`, {
        ...count,
        [fate]: (count[fate] ?? 0) + 1,
        heartbeats: count['heartbeats']! + (hasNoKey && fate === 'skipped' ? 1 : 0),
        timeMs: round,
      })
    }
  }
  const handler = keeping(at.store, {
    apply: (batch) => batch.map(({ value }) => (value === 'dead' ? { dead: 'invalid_event', detail: 'x' } : (value as Fate))),
    timeOf: (topic, partition) => counts.get(`${topic}-${partition}`)?.['timeMs'] ?? -1,
  })
  await run(at.store, at.raw, handler, { topics: TIMED_TOPICS, countMax: 11 })
  for (const { topic, partition, read, next, timeMs, heartbeats, ...fates } of standingsIn(at.store.db)) {
    const expected = counts.get(`${topic}-${partition}`) ?? {}
    const where = `${topic}-${partition}`
    assert.deepEqual(
      { read, heartbeats, timeMs },
      { read: next, heartbeats: expected['heartbeats'] ?? 0, timeMs: expected['timeMs'] ?? -1 },
      where,
    )
    for (const kind of kinds) assert.equal(fates[kind], expected[kind] ?? 0, `${where} ${kind}`)
    assert.equal(
      kinds.reduce((sum, kind) => sum + fates[kind], 0),
      read,
      where,
    )
  }
  assert.equal(at.read(), 80)
})
