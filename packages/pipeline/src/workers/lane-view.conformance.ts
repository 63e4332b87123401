import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEAD, GENERAL } from '@flowguard/contract'
import type { LaneView } from './lane-view.ts'
import { DURATION_BUCKETS } from './tables.ts'

/** Tables that are there and empty, a look at them, and a hand that writes rows as the workers do. */
export interface SeenLane extends AsyncDisposable {
  view: LaneView
  /** One statement, the same on every engine. */
  run: (sql: string) => Promise<void>
  /** How long events took is kept differently. */
  addTook: (bucket: number, events: number, seconds: number) => Promise<void>
  addLetters: (partition: number, values: readonly string[]) => Promise<void>
}

const AT = '2026-01-31T12:00:00.000Z'
const LETTERS = 1_234

const text = (value: string | null) => (value === null ? 'null' : `'${value}'`)
const processed = (id: string, user: string | null, partition: number, offset: number) =>
  `insert into processed_events (event_id, event_type, user_id, timestamp, received_at, category, session_start, processed_at, processed_by,
     retry_count, content_hash, log_partition, log_offset)
   values ('${id}', 'purchase', ${text(user)}, '${AT}', '${AT}', 'high_value', null, '${AT}', 'w1', 1, 'hash of ${id}', ${partition}, ${offset})`
const failed = (id: string, user: string | null, partition: number, offset: number) =>
  `insert into failed_events (event_id, event_type, user_id, timestamp, received_at, reason, error, failed_at, failed_by, dead_id,
     retry_count, content_hash, log_partition, log_offset)
   values ('${id}', 'purchase', ${text(user)}, '${AT}', '${AT}', 'invalid_event', 'no amount', '${AT}', 'w2', 'dead ${id}', 0, 'hash of ${id}',
     ${partition}, ${offset})`
const waiting = (id: string, user: string | null, partition: number, offset: number) =>
  `insert into lane_retries values (${partition}, ${offset}, '${id}', ${text(user)}, 'hash of ${id}', 2, 1770000000000, 'not now', 'k', '{}', '{}', 5)`

export function laneViewConformance(name: string, open: () => Promise<SeenLane>): void {
  const withLane = (title: string, work: (seen: SeenLane) => Promise<void>) =>
    void test(`${name}: ${title}`, async () => {
      await using seen = await open()
      await work(seen)
    })

  withLane('where nothing has been done, there is nothing', async ({ view }) => {
    assert.deepEqual(await view.standings(), [])
    const { nexts, durations, ...counts } = await view.figures(0)
    assert.deepEqual(counts, { processed: 0, failed: 0, duplicate: 0, waiting: 0, workers: 0 })
    assert.equal(nexts.size, 0)
    assert.deepEqual([durations.seconds, durations.buckets.length], [0, DURATION_BUCKETS.length + 1])
    assert.deepEqual(await view.rows(), { rows: 0, events: 0, twice: [] })
    assert.deepEqual([await view.lastSeq('processed'), await view.after('failed', 0, 10)], [0, []])
    assert.equal(await view.fateOf('a', 'u'), undefined)
  })

  withLane('standings and figures are numbers, as large as they may be', async ({ view, run, addTook }) => {
    const far = 2 ** 51
    await run(
      `insert into places (reader, topic, partition, log_id, began, expired, next, time_ms, heartbeats, read, applied, duplicate, late, skipped, dead)
       values ('workers', '${GENERAL}', 1, 'log', 3, ${far}, ${far}, ${far}, 0, 9, 6, 1, 0, 0, 2)`,
    )
    await run(waiting('w', 'u', 1, 5))
    await run(`insert into lane_workers values ('w1', 1000)`)
    await run(`insert into lane_workers values ('w2', 3000)`)
    await addTook(2, 5, 0.5)
    await addTook(DURATION_BUCKETS.length, 1, 9_000.25)
    const [standing] = await view.standings()
    assert.deepEqual(
      { ...standing },
      {
        reader: 'workers',
        topic: GENERAL,
        partition: 1,
        logId: 'log',
        began: 3,
        expired: far,
        next: far,
        timeMs: far,
        heartbeats: 0,
        read: 9,
        applied: 6,
        duplicate: 1,
        late: 0,
        skipped: 0,
        dead: 2,
      },
    )
    const { nexts, durations, ...counts } = await view.figures(2_000)
    assert.deepEqual(counts, { processed: 5, failed: 2, duplicate: 1, waiting: 1, workers: 1 })
    assert.deepEqual([...nexts], [[1, far]])
    assert.deepEqual([durations.buckets[2], durations.buckets.at(-1), durations.seconds], [5, 1, 9_000.75])
  })

  withLane('what was applied is told by partition, rows that are no longer kept included', async ({ view, run }) => {
    await run(processed('a', 'u', 0, 1))
    await run(processed('b', null, 0, 2))
    await run(waiting('c', 'u', 1, 3))
    await run('insert into lane_forgotten values (0, 40)')
    assert.deepEqual(
      [...(await view.applied())].toSorted(([a], [b]) => a - b),
      [
        [0, 42],
        [1, 1],
      ],
    )
  })

  withLane('an event or a record that has two rows is named', async ({ view, run }) => {
    await run(processed('a', null, 0, 1))
    await run(failed('a', null, 0, 2))
    await run(waiting('b', 'u', 0, 2))
    await run(processed('b', 'another', 1, 2))
    const { rows, events, twice } = await view.rows()
    assert.deepEqual([rows, events], [4, 3])
    assert.deepEqual(twice, [
      { of: { event_id: 'a', user_id: null }, count: 2 },
      { of: { partition: 0, offset: 2 }, count: 2 },
    ])
  })

  withLane("an event's fate is its own user's, and so are the contents that are known", async ({ view, run }) => {
    await run(processed('a', 'u', 0, 1))
    await run(failed('a', 'v', 0, 2))
    await run(waiting('b', null, 0, 3))
    assert.deepEqual(
      { ...(await view.fateOf('a', 'u')) },
      {
        state: 'processed',
        category: 'high_value',
        session_start: null,
        processed_at: AT,
        processed_by: 'w1',
        retry_count: 1,
      },
    )
    assert.deepEqual(
      { ...(await view.fateOf('a', 'v')) },
      { state: 'failed', error: 'no amount', retry_count: 0, failed_at: AT, failed_by: 'w2' },
    )
    assert.deepEqual(
      { ...(await view.fateOf('b', undefined)) },
      { state: 'waiting', tries: 2, next_at: 1_770_000_000_000, error: 'not now' },
    )
    assert.equal(await view.fateOf('b', 'u'), undefined)
    assert.deepEqual(await view.knownHashes('a', 'u'), new Set(['hash of a']))
    assert.deepEqual(await view.knownHashes('a', 'v'), new Set())
    assert.deepEqual(await view.knownHashes('b', undefined), new Set(['hash of b']))
    assert.deepEqual(await view.failedLetters(), ['dead a'])
  })

  withLane('rows are followed in the order in which they were written', async ({ view, run }) => {
    for (const id of ['a', 'b', 'c']) await run(processed(id, 'u', 0, id.charCodeAt(0)))
    await run(failed('d', null, 0, 1))
    const [a, b] = await view.after('processed', 0, 2)
    assert.deepEqual(
      { ...a, seq: 0 },
      {
        fate: 'processed',
        seq: 0,
        event_id: 'a',
        event_type: 'purchase',
        user_id: 'u',
        at: AT,
        by: 'w1',
        what: 'high_value',
      },
    )
    const rest = await view.after('processed', b?.seq ?? 0, 10)
    assert.deepEqual(
      rest.map(({ event_id: id, seq }) => [id, seq]),
      [['c', await view.lastSeq('processed')]],
    )
    assert.deepEqual(
      (await view.after('failed', 0, 10)).map(({ what, by }) => [what, by]),
      [['no amount', 'w2']],
    )
  })

  withLane("the workers' own dead letters are gone through in order, each once", async ({ view, addLetters }) => {
    const { log } = view
    const values = Array.from({ length: LETTERS }, (_, at) => `letter ${at}`)
    await addLetters(1, values)
    assert.deepEqual((await log.ends(DEAD)).map(({ start, end }) => [start, end]).slice(0, 2), [
      [0, 0],
      [0, LETTERS],
    ])
    const batches = await Array.fromAsync(log.batches(DEAD, 1))
    assert.ok(batches.every(({ fault, offset, end, count }) => fault === undefined && end - offset === count))
    const records = batches.flatMap((batch) => batch.records())
    assert.deepEqual(
      records.map(({ offset, value }) => [offset, value]),
      values.map((value, at) => [at, value]),
    )
    assert.deepEqual([await log.oldestMs(DEAD, 0), typeof (await log.oldestMs(DEAD, 1))], [undefined, 'number'])
    assert.deepEqual([log.hasGaps, log.id === ''], [false, false])
  })
}
