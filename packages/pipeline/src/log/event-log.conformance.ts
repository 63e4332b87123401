import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS, ORDERS, type Topic } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import { partitionOf } from '../kernel/partition.ts'
import type { LogRecord, Position } from './event-log.ts'
import { readingConformance, trimConformance } from './reading.conformance.ts'
import { ALERTS, FEW, numbered, readAll, record, start, values, type LogStore, type WithLog } from './testing/records.ts'

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
  readingConformance(withLog)
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
      assert.deepEqual(
        [found?.topic, found?.partition, found?.offset, found?.key, found?.value],
        [CLICKS, position.partition, position.offset, key, value],
      )
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
  const TEXTS = [
    '',
    ' ',
    '\n',
    'a\nb\r\n',
    '\n\n',
    '\0',
    '{"k":"नमस्ते 🍛"}',
    '\u2028\u2029\u0085',
    '\ufeffbom',
    '"\\\\"',
    'a'.repeat(100_000),
  ]

  withLog('text of any kind comes back as it was, as key, as value and in headers', async (log) => {
    // A header's name holds no NUL: Kafka's clients in C end it there.
    const headersOf = (text: string) => ({ content_hash: text, [text.replaceAll('\0', 'nul')]: 'x', __proto__x: 'y' })
    for (const text of TEXTS) {
      const headers = headersOf(text)
      await log.append(ALERTS, [record(text, text, { headers }), record('next', 'after')])
    }
    const records = await readAll(log, ALERTS)
    for (const [at, text] of TEXTS.entries()) {
      const found = records[2 * at] as LogRecord
      assert.deepEqual([found.key, found.value, found.bytes], [text, text, undefined])
      assert.deepEqual(found.headers, headersOf(text))
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
