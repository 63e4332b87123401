import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLICKS, ORDERS, type Topic } from '@flowguard/contract'
import { ROOT } from '../kernel/config.ts'
import { hasCode } from '../kernel/errors.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import { partitionOf } from '../kernel/partition.ts'
import type { EventLog, LogRecord, NewRecord, Position } from './event-log.ts'
import { readTopics } from './topics.ts'

/** One log: what is opened again finds what was there. */
export interface LogStore extends AsyncDisposable {
  open(clock: Clock): Promise<EventLog>
  /** As another process sees it. */
  openReader(): Promise<EventLog>
}

export const TEST_TOPICS = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
/** Of one partition, so that all order holds. */
export const ALERTS = 'alerts.v1' satisfies Topic
const FEW = { countMax: 100, waitMs: 0 }
const WAIT_MS_MAX = 10_000

export const record = (key: string, value: string | Uint8Array, change: Partial<NewRecord> = {}): NewRecord => ({ key, value, headers: {}, ...change })
export const start = (topic: Topic, partition = 0) => [{ topic, partition, next: 0 }]
export const values = (records: readonly LogRecord[]) => records.map(({ value }) => value)
const numbered = (count: number, prefix = '') => Array.from({ length: count }, (_, at) => record(`u${at}`, `${prefix}${at}`))

/** Every record of one partition, read as a reader does, a stretch at a time. */
export async function readAll(log: EventLog, topic: Topic, partition = 0, countMax = 1_000, next = 0): Promise<LogRecord[]> {
  const all: LogRecord[] = []
  for (let at = next; ;) {
    const records = await log.read([{ topic, partition, next: at }], { countMax, waitMs: 0 })
    if (records.length === 0) return all
    all.push(...records)
    at = (records.at(-1) as LogRecord).offset + 1
  }
}

type WithLog = (title: string, run: (log: EventLog, store: LogStore, time: { now: number }) => Promise<void>) => void

/** What every log holds to. */
export function eventLogConformance(name: string, make: () => Promise<LogStore>): void {
  const withLog: WithLog = (title, run) =>
    void test(`${name}: ${title}`, async () => {
      await using store = await make()
      const time = { now: 1_000 }
      await using log = await store.open(() => time.now)
      await run(log, store, time)
    })

  appendConformance(withLog)
  contentConformance(withLog)
  readConformance(withLog)
  waitConformance(withLog)
  trimConformance(withLog)

  test(`${name}: what was acknowledged is there when it is opened again, and goes on where it was`, async () => {
    await using store = await make()
    let id: string
    {
      await using log = await store.open(() => 1)
      id = log.id
      await log.append(ALERTS, numbered(3))
    }
    await using again = await store.open(() => 2)
    assert.equal(again.id, id)
    assert.deepEqual(await again.append(ALERTS, [record('u', '3')]), [{ topic: ALERTS, partition: 0, offset: 3 }])
    const records = await readAll(again, ALERTS)
    assert.deepEqual(values(records), ['0', '1', '2', '3'])
    assert.deepEqual(
      records.map(({ appendedAt }) => appendedAt),
      [1, 1, 1, 2],
    )
  })

  test(`${name}: another log has another id`, async () => {
    await using one = await make()
    await using other = await make()
    await using oneLog = await one.open(() => 0)
    await using otherLog = await other.open(() => 0)
    assert.notEqual(oneLog.id, otherLog.id)
    await using reader = await one.openReader()
    assert.equal(reader.id, oneLog.id)
  })

  test(`${name}: what still waits for its commit is written when it is closed`, async () => {
    await using store = await make()
    const log = await store.open(() => 0)
    const answer = log.append(ALERTS, numbered(2))
    await log[Symbol.asyncDispose]()
    assert.equal((await answer).length, 2)
    await assert.rejects(log.append(ALERTS, numbered(1)), (error) => hasCode(error, 'log_unavailable'))
    await using again = await store.open(() => 0)
    assert.deepEqual(values(await readAll(again, ALERTS)), ['0', '1'])
  })
}

function appendConformance(withLog: WithLog): void {
  withLog('reads in the order of appending', async (log) => {
    await log.append(CLICKS, [record('u1', 'a'), record('u1', 'b')])
    await log.append(CLICKS, [record('u1', 'c')])
    assert.deepEqual(values(await log.read(start(CLICKS, partitionOf('u1', 6)), FEW)), ['a', 'b', 'c'])
  })

  withLog('a record lies where its key says, as on Kafka, and says so', async (log) => {
    const records = numbered(60)
    const positions = await log.append(CLICKS, records)
    assert.equal(log.partitions(CLICKS), 6)
    for (const [at, { key, value }] of records.entries()) {
      const position = positions[at] as Position
      assert.equal(position.partition, partitionOf(key, 6))
      const [found] = await log.read([{ topic: CLICKS, partition: position.partition, next: position.offset }], { countMax: 1, waitMs: 0 })
      assert.deepEqual([found?.topic, found?.partition, found?.offset, found?.key, found?.value], [CLICKS, position.partition, position.offset, key, value])
    }
  })

  withLog('a partition that is named outweighs the key', async (log) => {
    const positions = await log.append(
      CLICKS,
      [5, 0, 3].map((partition) => record('', 'beat', { partition })),
    )
    assert.deepEqual(
      positions.map(({ partition, offset }) => [partition, offset]),
      [
        [5, 0],
        [0, 0],
        [3, 0],
      ],
    )
  })

  withLog('offsets rise by one from 0 in every partition, and topics do not mix', async (log) => {
    for (let round = 0; round < 4; round += 1) await Promise.all([log.append(CLICKS, numbered(50)), log.append(ORDERS, numbered(20))])
    for (const topic of [CLICKS, ORDERS] as const) {
      let count = 0
      for (const { partition, start: first, end } of await log.ends(topic)) {
        const records = await readAll(log, topic, partition, 7)
        assert.deepEqual(
          records.map(({ offset }) => offset),
          Array.from({ length: end }, (_, offset) => offset),
        )
        assert.ok(records.every((each) => each.topic === topic && each.partition === partition))
        assert.equal(first, 0)
        count += records.length
      }
      assert.equal(count, topic === CLICKS ? 200 : 80)
    }
  })

  withLog('many appends at once: each gets its own positions, in its own order', async (log) => {
    const appends = Array.from({ length: 400 }, (_, call) => numbered(1 + (call % 5), `${call}/`))
    const topics = [CLICKS, ORDERS, ALERTS] as const
    const answers = await Promise.all(appends.map((records, call) => log.append(topics[call % 3] as Topic, records)))
    const seen = new Set<string>()
    for (const [call, positions] of answers.entries()) {
      assert.equal(positions.length, appends[call]?.length)
      for (const [at, { topic, partition, offset }] of positions.entries()) {
        seen.add(`${topic}/${partition}/${offset}`)
        assert.equal(topic, topics[call % 3])
        const [found] = await log.read([{ topic, partition, next: offset }], { countMax: 1, waitMs: 0 })
        assert.equal(found?.value, `${call}/${at}`)
      }
    }
    assert.equal(seen.size, appends.flat().length)
    const alerts = await readAll(log, ALERTS)
    assert.deepEqual(
      values(alerts),
      appends.filter((_, call) => call % 3 === 2).flatMap((records) => records.map(({ value }) => value)),
    )
  })

  withLog('12,345 records at once', async (log) => {
    const positions = await log.append(
      ALERTS,
      Array.from({ length: 12_345 }, (_, at) => record('u', String(at))),
    )
    assert.equal(positions.at(-1)?.offset, 12_344)
    const records = await readAll(log, ALERTS)
    assert.ok(records.length === 12_345 && records.every(({ offset, value }) => value === String(offset)))
  })

  withLog('appending nothing is no record', async (log) => {
    assert.deepEqual(await log.append(ALERTS, []), [])
    assert.deepEqual(await log.ends(ALERTS), [{ partition: 0, start: 0, end: 0 }])
  })
}

function contentConformance(withLog: WithLog): void {
  const TEXTS = ['', ' ', '\n', 'a\nb\r\n', '\n\n', '\0', '{"k":"नमस्ते 🍛"}', '\u2028\u2029\u0085', '\ufeffbom', '"\\\\"', 'a'.repeat(100_000)]

  withLog('text of any kind comes back as it was, as key, as value and in headers', async (log) => {
    for (const text of TEXTS) {
      const headers = { content_hash: text, [text]: 'x', __proto__x: 'y' }
      await log.append(ALERTS, [record(text, text, { headers }), record('next', 'after')])
    }
    const records = await readAll(log, ALERTS)
    for (const [at, text] of TEXTS.entries()) {
      const found = records[2 * at] as LogRecord
      assert.deepEqual([found.key, found.value, found.bytes], [text, text, undefined])
      assert.deepEqual(found.headers, { content_hash: text, [text]: 'x', __proto__x: 'y' })
      assert.equal(records[2 * at + 1]?.value, 'after')
    }
  })

  withLog('half a surrogate pair becomes the replacement character, and harms no neighbour', async (log) => {
    await log.append(ALERTS, [record('a\ud800', 'x\udfffy'), record('b', '\n\ud800'), record('c', 'after')])
    const records = await readAll(log, ALERTS)
    assert.deepEqual(values(records), ['x\ufffdy', '\n\ufffd', 'after'])
    assert.equal(records[0]?.key?.toWellFormed(), 'a\ufffd')
  })

  withLog('bytes come back as they were: as text where they are some, and beside it where they are not', async (log) => {
    const none = Uint8Array.of(0xff, 0x0a, 0x00, 0xc3, 0x28)
    const text = new TextEncoder().encode('{"é":\n1}')
    await log.append(ALERTS, [record('k', none), record('k', text), record('k', new Uint8Array(0)), record('k', 'plain')])
    const [first, second, third, fourth] = await readAll(log, ALERTS)
    assert.deepEqual(new Uint8Array(first?.bytes as Uint8Array), none)
    assert.equal(first?.value, new TextDecoder().decode(none))
    assert.deepEqual([second?.value, second?.bytes], ['{"é":\n1}', undefined])
    assert.deepEqual([third?.value, third?.bytes], ['', undefined])
    assert.equal(fourth?.value, 'plain')
  })

  withLog('a view on a part of a buffer is that part', async (log) => {
    const whole = new TextEncoder().encode('before-inside-after')
    await log.append(ALERTS, [record('k', whole.subarray(7, 13))])
    assert.deepEqual(values(await readAll(log, ALERTS)), ['inside'])
  })
}

function readConformance(withLog: WithLog): void {
  withLog('reads on from the middle of what was appended together', async (log) => {
    await log.append(ALERTS, numbered(10))
    await log.append(ALERTS, numbered(5, 'b'))
    const from = (next: number, countMax: number) => log.read([{ topic: ALERTS, partition: 0, next }], { countMax, waitMs: 0 })
    assert.deepEqual(values(await from(4, 3)), ['4', '5', '6'])
    assert.deepEqual(values(await from(8, 4)), ['8', '9', 'b0', 'b1'])
    assert.deepEqual(values(await from(9, 1)), ['9'])
    assert.deepEqual(values(await from(10, 1)), ['b0'])
    assert.deepEqual(values(await from(14, 9)), ['b4'])
    assert.deepEqual(values(await from(15, 9)), [])
  })

  withLog('never gives more than was asked for, and each partition its share', async (log) => {
    for (let partition = 0; partition < 6; partition += 1) {
      const count = partition === 2 ? 500 : 20
      await log.append(
        CLICKS,
        Array.from({ length: count }, (_, at) => record('', String(at), { partition })),
      )
    }
    const places = Array.from({ length: 6 }, (_, partition) => ({ topic: CLICKS, partition, next: 0 }))
    const byPartition = async (countMax: number) => {
      const records = await log.read(places, { countMax, waitMs: 0 })
      return places.map(({ partition }) => records.filter((each) => each.partition === partition).map(({ offset }) => offset))
    }
    const upTo = (count: number) => Array.from({ length: count }, (_, offset) => offset)
    assert.deepEqual(await byPartition(60), Array.from({ length: 6 }, () => upTo(10)))
    assert.deepEqual(await byPartition(300), [20, 20, 200, 20, 20, 20].map(upTo))
    assert.deepEqual(await byPartition(10_000), [20, 20, 500, 20, 20, 20].map(upTo))
    for (const countMax of [1, 5, 7, 61, 123]) {
      const { length } = (await byPartition(countMax)).flat()
      assert.ok(length <= countMax && length > countMax - 6, `${length} of ${countMax}`)
    }
  })

  withLog('with more partitions than records none starves', async (log) => {
    for (let partition = 0; partition < 6; partition += 1) {
      await log.append(
        CLICKS,
        Array.from({ length: 100 }, () => record('', 'x', { partition })),
      )
    }
    const next = new Array<number>(6).fill(0)
    for (let round = 0; round < 24; round += 1) {
      const places = next.map((each, partition) => ({ topic: CLICKS, partition, next: each }))
      for (const { partition, offset } of await log.read(places, { countMax: 2, waitMs: 0 })) next[partition] = offset + 1
    }
    assert.deepEqual(next, [8, 8, 8, 8, 8, 8])
  })

  withLog('reads places of several topics at once, and none of no place', async (log) => {
    await log.append(ALERTS, numbered(2, 'a'))
    await log.append('recon.v1', numbered(2, 'r'))
    const records = await log.read([...start(ALERTS), { topic: 'recon.v1', partition: 0, next: 1 }], FEW)
    assert.deepEqual(values(records), ['a0', 'a1', 'r1'])
    assert.deepEqual(await log.read([], FEW), [])
  })

  withLog('a place beyond the end is refused, in a partition with records and in one without', async (log) => {
    await log.append(ALERTS, numbered(3))
    for (const place of [
      { topic: ALERTS, partition: 0, next: 4 },
      { topic: ORDERS, partition: 1, next: 1 },
    ] as const) {
      await assert.rejects(log.read([place], FEW), (error) => hasCode(error, 'log_truncated') && String(error).includes(`${place.topic}-${place.partition}`))
    }
    assert.deepEqual(await log.read([{ topic: ALERTS, partition: 0, next: 3 }], FEW), [])
  })
}

function waitConformance(withLog: WithLog): void {
  const waiting = { countMax: 100, waitMs: WAIT_MS_MAX }

  withLog('waits for the first record, appended here or by another connection', async (log, store) => {
    await using reader = await store.openReader()
    for (const reading of [log, reader]) {
      const { end = 0 } = (await log.ends(ALERTS))[0] ?? {}
      const begun = performance.now()
      const found = reading.read([{ topic: ALERTS, partition: 0, next: end }], waiting)
      await new Promise((resolve) => setTimeout(resolve, 20))
      await log.append(ALERTS, [record('u', 'new')])
      assert.deepEqual(values(await found), ['new'])
      assert.ok(performance.now() - begun < WAIT_MS_MAX / 2)
    }
  })

  withLog('goes on waiting when something else was appended, and no longer than it may', async (log) => {
    const begun = performance.now()
    const found = log.read(start(ALERTS), { countMax: 100, waitMs: 60 })
    await log.append(ORDERS, numbered(5))
    assert.deepEqual(await found, [])
    const tookMs = performance.now() - begun
    assert.ok(tookMs >= 59 && tookMs < WAIT_MS_MAX / 2, `took ${tookMs} ms`)
  })

  withLog('two readers wait and both get the record', async (log) => {
    const both = [log.read(start(ALERTS), waiting), log.read(start(ALERTS), waiting)]
    await log.append(ALERTS, [record('u', 'new')])
    assert.deepEqual((await Promise.all(both)).map(values), [['new'], ['new']])
  })
}

function trimConformance(withLog: WithLog): void {
  const everything = new Map([[0, Number.MAX_SAFE_INTEGER]])
  const ends = async (log: EventLog) => (await log.ends(ALERTS)).map(({ start: first, end }) => [first, end])

  /** Ten rows of two records, appended at 1000, 1100, … */
  async function tenRows(log: EventLog, time: { now: number }): Promise<void> {
    for (let row = 0; row < 10; row += 1) {
      time.now = 1_000 + 100 * row
      await log.append(ALERTS, numbered(2, `${row}/`))
    }
  }

  withLog('trims what was appended before the time given, and reads on behind it', async (log, _store, time) => {
    await tenRows(log, time)
    assert.equal(await log.trim(ALERTS, { appendedBefore: 1_400, readBefore: everything }), 8)
    assert.deepEqual(await ends(log), [[8, 20]])
    assert.deepEqual(values(await readAll(log, ALERTS, 0, 5, 8)).slice(0, 3), ['4/0', '4/1', '5/0'])
    assert.equal(await log.trim(ALERTS, { appendedBefore: 1_400, readBefore: everything }), 0)
  })

  withLog('never trims what is still to be read, nor a partition that no reader has named', async (log, _store, time) => {
    await tenRows(log, time)
    assert.equal(await log.trim(ALERTS, { appendedBefore: Infinity, readBefore: new Map([[0, 5]]) }), 4)
    assert.deepEqual(await ends(log), [[4, 20]])
    assert.deepEqual(values(await log.read([{ topic: ALERTS, partition: 0, next: 5 }], { countMax: 1, waitMs: 0 })), ['2/1'])
    assert.equal(await log.trim(ALERTS, { appendedBefore: Infinity, readBefore: new Map() }), 0)
    assert.equal(await log.trim(ALERTS, { appendedBefore: Infinity, readBefore: new Map([[0, 0]]) }), 0)
    assert.deepEqual(await ends(log), [[4, 20]])
  })

  withLog('never trims the newest row, so that the end stays and offsets go on', async (log, store, time) => {
    await tenRows(log, time)
    assert.equal(await log.trim(ALERTS, { appendedBefore: Infinity, readBefore: everything }), 18)
    assert.deepEqual(await ends(log), [[18, 20]])
    await log[Symbol.asyncDispose]()
    await using again = await store.open(() => time.now)
    assert.deepEqual(await again.append(ALERTS, [record('u', 'next')]), [{ topic: ALERTS, partition: 0, offset: 20 }])
  })

  withLog('trims only its own topic', async (log, _store, time) => {
    await tenRows(log, time)
    for (let row = 0; row < 3; row += 1) await log.append('recon.v1', numbered(1))
    assert.equal(await log.trim('recon.v1', { appendedBefore: Infinity, readBefore: everything }), 2)
    assert.deepEqual(await ends(log), [[0, 20]])
  })

  withLog('trims thousands of rows', async (log, _store, time) => {
    for (let row = 0; row < 1_300; row += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, partition) => log.append(CLICKS, [record('', 'x', { partition: partition % 6 })])))
    }
    time.now = 5_000
    const before = await log.ends(CLICKS)
    const readBefore = new Map(before.map(({ partition, end }) => [partition, end]))
    const deleted = await log.trim(CLICKS, { appendedBefore: 5_000, readBefore })
    const after = await log.ends(CLICKS)
    assert.equal(
      deleted,
      after.reduce((sum, each) => sum + each.start, 0),
    )
    assert.deepEqual(
      after.map(({ end }) => end),
      before.map(({ end }) => end),
    )
    for (const { partition, start: first, end } of after) assert.equal((await readAll(log, CLICKS, partition, 100, first)).length, end - first)
  })

  withLog('a clock that goes back makes no hole', async (log, _store, time) => {
    for (const now of [5_000, 1_000, 6_000, 2_000]) {
      time.now = now
      await log.append(ALERTS, numbered(1, `${now}/`))
    }
    await log.trim(ALERTS, { appendedBefore: 3_000, readBefore: everything })
    const [[first = 0] = []] = await ends(log)
    assert.equal((await readAll(log, ALERTS, 0, 100, first)).length, 4 - first)
  })

  withLog('a place before the oldest record is refused', async (log, _store, time) => {
    await tenRows(log, time)
    await log.trim(ALERTS, { appendedBefore: 1_400, readBefore: everything })
    for (const next of [0, 7]) {
      await assert.rejects(log.read([{ topic: ALERTS, partition: 0, next }], FEW), (error) => hasCode(error, 'store_corrupt', 'log_truncated'))
    }
  })
}
