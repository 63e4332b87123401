import assert from 'node:assert/strict'
import { CLICKS, ORDERS } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import type { EventLog, Place } from './event-log.ts'
import { ALERTS, FEW, numbered, readAll, record, start, values, type WithLog } from './testing/records.ts'

const WAIT_MS_MAX = 10_000

/** Reading from any place, and waiting for what is not there yet. */
export function readingConformance(withLog: WithLog): void {
  readConformance(withLog)
  waitConformance(withLog)
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
    const places = Array.from({ length: 6 }, (_, partition): Place => ({ topic: CLICKS, partition, next: 0 }))
    const byPartition = async (countMax: number) => {
      const records = await log.read(places, { countMax, waitMs: 0 })
      return places.map(({ partition }) => records.filter((each) => each.partition === partition).map(({ offset }) => offset))
    }
    const upTo = (count: number) => Array.from({ length: count }, (_, offset) => offset)
    assert.deepEqual(
      await byPartition(60),
      Array.from({ length: 6 }, () => upTo(10)),
    )
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
      const places = next.map((each, partition): Place => ({ topic: CLICKS, partition, next: each }))
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
      await assert.rejects(
        log.read([place], FEW),
        (error) => hasCode(error, 'log_truncated') && String(error).includes(`${place.topic}-${place.partition}`),
      )
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

/** What retention may delete, and what it never does. */
export function trimConformance(withLog: WithLog): void {
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
    // A log that keeps records by rows keeps the other record of the row too.
    const deleted = await log.trim(ALERTS, { appendedBefore: Infinity, readBefore: new Map([[0, 5]]) })
    assert.ok(deleted === 4 || deleted === 5, `${deleted} deleted`)
    assert.deepEqual(await ends(log), [[deleted, 20]])
    assert.deepEqual(values(await log.read([{ topic: ALERTS, partition: 0, next: 5 }], { countMax: 1, waitMs: 0 })), ['2/1'])
    assert.equal(await log.trim(ALERTS, { appendedBefore: Infinity, readBefore: new Map() }), 0)
    assert.equal(await log.trim(ALERTS, { appendedBefore: Infinity, readBefore: new Map([[0, 0]]) }), 0)
    assert.deepEqual(await ends(log), [[deleted, 20]])
  })

  withLog('however much is trimmed, the end stays and offsets go on', async (log, store, time) => {
    await tenRows(log, time)
    // The newest row may have to stay, to say where the end is.
    const deleted = await log.trim(ALERTS, { appendedBefore: Infinity, readBefore: everything })
    assert.ok(deleted >= 18 && deleted <= 20, `${deleted} deleted`)
    assert.deepEqual(await ends(log), [[deleted, 20]])
    await log[Symbol.asyncDispose]()
    await using again = await store.open(() => time.now)
    assert.deepEqual(await again.append(ALERTS, [record('u', 'next')]), [{ topic: ALERTS, partition: 0, offset: 20 }])
  })

  withLog('trims only its own topic', async (log, _store, time) => {
    await tenRows(log, time)
    for (let row = 0; row < 3; row += 1) await log.append('recon.v1', numbered(1))
    assert.ok((await log.trim('recon.v1', { appendedBefore: Infinity, readBefore: everything })) >= 2)
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
    for (const { partition, start: first, end } of after)
      assert.equal((await readAll(log, CLICKS, partition, 100, first)).length, end - first)
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
      await assert.rejects(log.read([{ topic: ALERTS, partition: 0, next }], FEW), (error) =>
        hasCode(error, 'store_corrupt', 'log_truncated', 'log_expired'),
      )
    }
  })
}
