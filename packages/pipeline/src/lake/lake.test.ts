import assert from 'node:assert/strict'
import { rmSync, truncateSync, writeFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ATTRIBUTED, CLICKS, GENERAL, MINUTE_MS, ORDERS } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import { readerMeasures } from '../kernel/measures.ts'
import { transaction } from '../kernel/sqlite.ts'
import { standingsIn } from '../reader/places.ts'
import { logWithout } from '../reader/testing/deleted.ts'
import { eventually, START } from '../reader/testing/fixture.ts'
import { contents } from './contents.ts'
import type { LakeFiles } from './files.ts'
import { bench, click, NEVER } from './lake.fixture.ts'
import { lake } from './lake.ts'
import { countEntries, entryName, readEntries, readEntry } from './manifest.ts'

async function listedIn(files: LakeFiles): Promise<string[]> {
  return (await Array.fromAsync(readEntries(files))).flatMap((entry) => entry.files.map(({ name }) => name))
}

async function parquetIn(files: LakeFiles): Promise<string[]> {
  return (await Array.fromAsync(files.list(''))).map(({ name }) => name).filter((name) => name.endsWith('.parquet'))
}

/** However slow the machine is: each entry has as many rows as it may. */
const BY_ROWS = { ageMs: 3_600_000 }

/** For a lake that is to stop at the first error that it tells; the codes of those that it told. */
function stoppedByError() {
  const stop = new AbortController()
  const codes: string[] = []
  const error = (said: { code: string }) => (codes.push(said.code), stop.abort())
  return { logger: { ...silentLogger, error } as unknown as typeof silentLogger, codes, stop }
}

test('what the log holds is in the lake once, by topic and by day and hour of event time', async () => {
  await using lab = bench()
  // Over midnight: START is ten minutes before it.
  lab.clock.now = START + 20 * MINUTE_MS
  await lab.clicks(2_500, (n) => START + (n % 3) * 8 * MINUTE_MS)
  await lab.log.append(ORDERS, [{ key: 'u', value: '{"event_type":"heartbeat","ts":1}', headers: {} }])
  await lab.fill(2_501)
  const { days, rows } = await contents(lab.files)
  assert.equal(rows, 2_500)
  assert.deepEqual(
    days.map(({ topic, day, rows: count }) => [topic, day, count]),
    [
      [CLICKS, '2026-01-31', 1_667],
      [CLICKS, '2026-02-01', 833],
    ],
  )
  assert.match(
    (await listedIn(lab.files)).sort()[0] ?? '',
    /^topic=raw\.clicks\.v1\/day=2026-01-31\/hour=23\/000000000001-[\da-f]{16}\.parquet$/,
  )
  const found = await lab.checked()
  assert.deepEqual([found.rows, found.faults], [2_500, []])
  const { places } = await readEntry(lab.files, found.entries)
  assert.equal(
    places.reduce((sum, { skipped }) => sum + skipped, 0),
    1,
  )
})

test('a record comes back as it was: any text, bytes that are none, what is no event, and an attributed order', async () => {
  await using lab = bench()
  const texts = ['{"a":\n1}', 'no JSON', '', '"\u0000\u0001"', 'é😀\u2028', '{"event_type":"purchase"}', ',"\'\\']
  await lab.log.append(
    GENERAL,
    texts.map((value, n) => ({ key: `k\u0001${n}`, value, headers: { 'x\ny': '"\u0001"' } })),
  )
  await lab.log.append(GENERAL, [{ key: 'b', value: Buffer.from([0xff, 0x00, 0x0a]), headers: {} }])
  await lab.log.append(CLICKS, [click('c\u0001\n', START, { user_id: 'ü\t1' })])
  const one = lab.process()
  const attributed = JSON.stringify({ order_id: 'o1', event_id: 'e1', user_id: 'u', item_id: 3, timestamp: '2026-01-31T23:50:00.000Z' })
  transaction(one.store.db, () => one.store.derived.appendNow(ATTRIBUTED, [{ key: 'u', value: attributed, headers: {} }]))
  const stop = new AbortController()
  const running = lake(one.options)(stop.signal)
  await eventually(() => one.read() === texts.length + 3, 'all is read')
  stop.abort()
  await running
  const paths = (await listedIn(lab.files)).map((name) => join(lab.files.where, name))
  const records = (await Array.fromAsync(one.parquet.read(paths, NEVER))).flat()
  const textsOf = (topic: string) => records.filter((each) => each.topic === topic).map(({ text }) => text)
  assert.deepEqual(
    textsOf(GENERAL)
      .filter((text) => text !== undefined)
      .sort(),
    [...texts].sort(),
  )
  assert.equal(textsOf(GENERAL).length, texts.length + 1)
  assert.deepEqual(textsOf(ATTRIBUTED), [attributed])
  assert.deepEqual(records.find(({ topic }) => topic === CLICKS)?.contentHash, 'hash of c\u0001\n')
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const columns = async (sql: string) => (await connection.runAndReadAll(`set TimeZone = 'UTC'; select ${sql}`)).getRowsJson()
  const all = `from read_parquet('${lab.files.where}/topic=*/*/*/*.parquet', hive_partitioning = true)`
  assert.deepEqual(await columns(`event_id, user_id, key, item_id, ts::varchar ${all} where event_type = 'click'`), [
    ['c\u0001\n', 'ü\t1', 'ü\t1', '7', '2026-01-31 23:50:00+00'],
  ])
  assert.deepEqual(await columns(`order_id, event_id, ts::varchar ${all} where topic = '${ATTRIBUTED}'`), [
    ['o1', 'e1', '2026-01-31 23:50:00+00'],
  ])
  assert.deepEqual(await columns(`hex(bytes), event, ts ${all} where bytes is not null`), [['FF000A', null, null]])
  assert.deepEqual(await columns(`count(*) ${all} where json_extract_string(headers, '$."x\ny"') = '"\u0001"' and key like 'k%'`), [
    [String(texts.length)],
  ])
  connection.closeSync()
})

test('orders whose status changed by the id that the gateway had given are found, and no others', async () => {
  await using lab = bench()
  const order = (id: string, more: object) => {
    const event = {
      event_type: 'order',
      event_id: id,
      ts: START,
      received_at: '',
      is_bot: false,
      user_id: 'u',
      item_id: 1,
      price: 1,
      quantity: 1,
    }
    return { key: 'u', value: JSON.stringify({ ...event, order_type: 'placed', ...more }), headers: {} }
  }
  await lab.log.append(ORDERS, [
    order('1', { order_id: 'o1' }),
    order('2', { order_id: 'o1', client_order_id: 'o1', order_type: 'cancelled' }),
    order('3', { order_id: 'o2', client_order_id: 'mine' }),
    order('4', { order_id: 'o2', client_order_id: 'mine', order_type: 'delivered' }),
    { key: 'u', value: 'no JSON', headers: {} },
  ])
  const one = await lab.fill(5)
  const paths = (await listedIn(lab.files)).map((name) => join(lab.files.where, name))
  assert.deepEqual(await one.parquet.addressedOrders(paths), ['o1'])
})

/** On a slow machine each of some ten entries takes a second or two. */
const RIVALS_MS_MAX = 120_000

test('of two lakes at work on one folder each entry is made by one, and together they write every record once', async () => {
  await using lab = bench()
  const stop = new AbortController()
  // What is lost to the other is no failure: it goes on at once.
  const [one, two] = [lab.process({ rowsMax: 200 }), lab.process({ rowsMax: 300 })]
  one.options.feeds = two.options.feeds
  let moved = 0
  const logger = {
    ...silentLogger,
    error: (said: { code: string }) => (moved += said.code === 'place_moved' ? 1 : 0),
  } as unknown as typeof silentLogger
  const running = [one, two].map(async ({ options }) => {
    while (!stop.signal.aborted) {
      const turn = new AbortController()
      stop.signal.addEventListener('abort', () => turn.abort())
      const said = { ...logger, error: (what: { code: string }) => (logger.error(what), turn.abort()) } as unknown as typeof silentLogger
      await lake({ ...options, logger: said })(turn.signal)
    }
  })
  try {
    for (let round = 0; round < 2; round += 1) await lab.clicks(1_000)
    await eventually(() => one.read() === 2_000 || two.read() === 2_000, 'all is read', RIVALS_MS_MAX)
  } finally {
    stop.abort()
    await Promise.all(running)
  }
  const found = await lab.checked()
  assert.deepEqual([found.rows, found.faults], [2_000, []])
  assert.ok(moved > 0, 'they never met')
})

test('what the slower of two had put is no part of the lake, and is removed ten minutes later', async () => {
  await using lab = bench()
  await lab.clicks(10)
  // Another makes the entry while this one is at its files.
  let isMet = false
  const files: LakeFiles = {
    ...lab.files,
    async put(name, bytes) {
      await lab.files.put(name, bytes)
      if (isMet || !name.endsWith('.parquet')) return
      isMet = true
      await lab.clicks(10)
      await lab.fill(20)
    },
  }
  const slow = lab.process({ files })
  slow.options.feeds = slow.options.feeds.slice(0, 1)
  const { logger, codes, stop } = stoppedByError()
  await lake({ ...slow.options, logger, rowsMax: 10 })(stop.signal)
  assert.deepEqual(codes, ['place_moved'])
  assert.equal((await parquetIn(lab.files)).length, (await listedIn(lab.files)).length + 1)
  lab.clock.now += 11 * MINUTE_MS
  await lab.clicks(1)
  await lab.fill(21)
  assert.deepEqual(await parquetIn(lab.files), (await listedIn(lab.files)).sort())
  assert.deepEqual((await lab.checked()).faults, [])
  assert.deepEqual(await Array.fromAsync(lab.files.list('_pending/')), [])
})

test('a lake that cannot be written for a while loses nothing and writes nothing twice, not even an entry that was made by a try that failed', async () => {
  await using lab = bench()
  await lab.clicks(100)
  const failures = new Set<string>()
  const failing = async <T>(name: string, work: () => Promise<T>, isAfter: boolean): Promise<T> => {
    const kind = name.replace(/^.*\.parquet$/, 'parquet')
    if (failures.has(kind)) return work()
    failures.add(kind)
    if (isAfter) await work()
    throw new FlowGuardError('lake_unavailable', `planted at ${name}`)
  }
  const files: LakeFiles = {
    ...lab.files,
    put: (name, bytes) => failing(name, () => lab.files.put(name, bytes), false),
    create: (name, bytes) => failing(name, () => lab.files.create(name, bytes), true),
  }
  await lab.fill(100, { files, rowsMax: 50, ageMs: 10_000 })
  assert.ok(failures.has(entryName(2)) && failures.has('parquet'))
  const found = await lab.checked()
  assert.deepEqual([found.entries, found.rows, found.faults], [2, 100, []])
})

test('it is seen as every reader is: records and how long they took, when it was last back from the log, and that it stands still', async () => {
  await using lab = bench()
  const own = readerMeasures('lake')
  const count = ({ buckets }: typeof own.latency) => buckets.reduce((sum, each) => sum + each, 0)
  const before = { records: own.batchRecords.sum, batches: count(own.batchSeconds), latencies: count(own.latency) }
  await lab.clicks(10)
  let isAway = true
  let failures = 0
  const files: LakeFiles = {
    ...lab.files,
    async put(name, bytes) {
      if (!isAway) return lab.files.put(name, bytes)
      failures += 1
      throw new FlowGuardError('lake_unavailable', 'planted')
    },
  }
  const one = lab.process({ files })
  const stop = new AbortController()
  const running = lake(one.options)(stop.signal)
  assert.equal(typeof own.turnAt, 'number')
  await eventually(() => failures === 1, 'it fails')
  const { turnAt } = own
  await eventually(() => failures === 3, 'it has tried again')
  assert.equal(own.turnAt, turnAt, 'what waits for its store is not back from the log')
  isAway = false
  await eventually(() => own.batchRecords.sum === before.records + 10, 'all is in the lake')
  assert.ok(Number(own.turnAt) > Number(turnAt))
  assert.deepEqual([count(own.batchSeconds) - before.batches, count(own.latency) - before.latencies], [1, 10])
  stop.abort()
  await running
  assert.equal(own.turnAt, undefined, 'nobody waits for who has ended')
})

test('what is in hand when it stops is written down', async () => {
  await using lab = bench()
  await lab.clicks(7)
  const one = lab.process(BY_ROWS)
  const stop = new AbortController()
  one.options.parquet = {
    ...one.parquet,
    stage: (of) => {
      const stage = one.parquet.stage(of)
      return Object.create(stage, {
        add: { value: (records: never) => (stage.add(records), stage.count === 7 && stop.abort()) },
      }) as typeof stage
    },
  }
  await lake(one.options)(stop.signal)
  assert.equal((await lab.checked()).rows, 7)
})

test('an entry that is missing in the middle, or damaged, is told by its name, and nothing is written behind it', async () => {
  await using lab = bench()
  await lab.clicks(300)
  await lab.fill(300, { rowsMax: 100, ...BY_ROWS })
  const pathOf = (number: number) => join(lab.files.where, entryName(number))
  const isAt = (name: string) => (error: unknown) => hasCode(error, 'store_corrupt') && (error as Error).message.includes(name)
  const last = readFileSync(pathOf(3))
  for (const bytes of [last.subarray(0, -40), Buffer.from(last.toString().replace('"applied":', '"applied":1')), Buffer.from('')]) {
    writeFileSync(pathOf(3), bytes)
    await assert.rejects(readEntry(lab.files, 3), isAt(entryName(3)))
  }
  const { logger, codes, stop } = stoppedByError()
  await lab.clicks(1)
  await lake({ ...lab.process().options, logger })(stop.signal)
  assert.deepEqual(codes, ['store_corrupt'])
  writeFileSync(pathOf(3), last)
  rmSync(pathOf(2))
  await assert.rejects(countEntries(lab.files), isAt(entryName(2)))
  await assert.rejects(contents(lab.files), isAt(entryName(2)))
  assert.ok(!existsSync(pathOf(4)))
})

test('a listed file that is missing, cut off or another is found by the check', async () => {
  await using lab = bench()
  await lab.clicks(300)
  await lab.fill(300, { rowsMax: 100, ...BY_ROWS })
  const [first, second, third] = (await listedIn(lab.files)).map((name) => join(lab.files.where, name)) as [string, string, string]
  rmSync(first)
  truncateSync(second, 100)
  writeFileSync(third, Buffer.alloc(readFileSync(third).length))
  const { faults } = await lab.checked()
  assert.match(faults.join('\n'), /is listed and missing/)
  assert.equal(faults.filter((fault) => /is damaged/.test(fault)).length, 2)
})

test('what the log deleted before it was written down is booked as expired, and the lake is whole without it', async () => {
  await using lab = bench()
  await lab.clicks(200)
  await lab.fill(200)
  await lab.clicks(200)
  const { partition, end } = (await lab.log.ends(CLICKS)).find((each) => each.end > 20)!
  const { next: from } = (await readEntry(lab.files, await countEntries(lab.files))).places.find(
    (each) => each.topic === CLICKS && each.partition === partition,
  )!
  const said: object[] = []
  const logger = { ...silentLogger, error: (what: object) => void said.push(what) } as unknown as typeof silentLogger
  const feeds = [{ log: logWithout(lab.log, { topic: CLICKS, partition, before: end - 1 }), topics: [CLICKS] as const }]
  const lost = end - 1 - from
  const { store } = await lab.fill(400 - lost, { feeds, logger })
  assert.deepEqual(said, [{ code: 'log_expired', reader: 'lake', topic: CLICKS, partition, from, to: end - 1 }])
  const { began, expired, next, read } = standingsIn(store.db).find((each) => each.topic === CLICKS && each.partition === partition)!
  assert.deepEqual({ began, expired, next, read }, { began: 0, expired: lost, next: end, read: end - lost })
  const { faults, rows } = await lab.checked()
  assert.deepEqual([faults, rows], [[], 400 - lost])
})

test('a log that was replaced ends the lake, as it does every reader', async () => {
  await using lab = bench()
  await lab.clicks(5)
  await lab.fill(5)
  await using other = bench()
  await other.clicks(5)
  const { options } = other.process({ files: lab.files })
  await assert.rejects(lake(options)(NEVER), (error) => hasCode(error, 'log_replaced'))
})

test('a store that writes over what may exist once is refused', async () => {
  await using lab = bench()
  const files: LakeFiles = { ...lab.files, create: async (name, bytes) => (await lab.files.put(name, bytes), true) }
  const { logger, codes, stop } = stoppedByError()
  await lake({ ...lab.process({ files }).options, logger })(stop.signal)
  assert.deepEqual(codes, ['lake_unfenced'])
})
