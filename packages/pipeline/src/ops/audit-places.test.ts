import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import type { Batch, WalkedLog } from '../log/log-view.ts'
import { noTally, type Standing } from '../reader/places.ts'
import { placeChecks } from './audit-places.ts'
import { walkTopic, wholeCheck } from './audit-walk.ts'
import { T0, TOPIC_SPECS } from './fixture.ts'

/** Records of one partition at these offsets, got two at a time: of a log in which an offset may be no record, or of one in which each is. */
function logOf(offsets: readonly number[], { start, end, hasGaps = true }: { start: number; end: number; hasGaps?: boolean }): WalkedLog {
  async function* batches(): AsyncGenerator<Batch> {
    for (let at = 0; at < offsets.length; at += 2) {
      const some = offsets.slice(at, at + 2)
      const place = { topic: CLICKS, partition: 0 } as const
      yield {
        ...place,
        offset: some[0] as number,
        end: (some.at(-1) as number) + 1,
        count: some.length,
        fault: undefined,
        records: () => some.map((offset) => ({ ...place, offset, key: null, value: '{}', headers: {}, appendedAt: T0 })),
      }
    }
  }
  return { id: 'log', hasGaps, ends: async () => [{ partition: 0, start, end }], batches, oldestMs: async () => T0 }
}

const reader = (began: number, next: number, read: number, expired = 0): Standing => ({
  ...noTally(),
  reader: 'stream',
  topic: CLICKS,
  partition: 0,
  logId: 'log',
  began,
  expired,
  next,
  timeMs: -1,
  heartbeats: 0,
  read,
  applied: read,
})

async function checksOf(log: WalkedLog, standing: Standing) {
  const walks = await walkTopic(log, CLICKS, [standing])
  const at = { dataDir: '', topics: TOPIC_SPECS, clock: () => T0, pipeline: undefined, lane: undefined, edge: undefined, raw: undefined }
  const [, read, ...more] = placeChecks({ ...at, events: undefined }, [{ standings: [standing], walks }])
  return { read, more, whole: wholeCheck(walks) }
}

test('where offsets have gaps, records are counted, and what is between them is no fault', async () => {
  const log = logOf([3, 4, 7, 9, 10], { start: 3, end: 12 })
  for (const [next, read] of [
    [11, 5],
    [12, 5],
    [9, 3],
    [6, 2],
  ] as const) {
    const { read: check, more, whole } = await checksOf(log, reader(3, next, read))
    assert.deepEqual([check?.ok, check?.expected, check?.actual, more.length], [true, read, read, 0], `to ${next}`)
    assert.deepEqual([whole.ok, whole.expected, whole.actual], [true, 5, 5])
  }
  const { read: lost } = await checksOf(log, reader(3, 11, 4))
  assert.deepEqual([lost?.ok, lost?.expected, lost?.actual], [false, 5, 4])
})

test('of a stretch that retention has taken from a log with gaps no more than its bounds are known, and that is said', async () => {
  const log = logOf([7, 9], { start: 6, end: 10 })
  const { read: within } = await checksOf(log, reader(0, 10, 5))
  assert.deepEqual([within?.ok, within?.expected, within?.actual], [true, 5, 5])
  assert.match(within?.detail ?? '', /of 1 of them retention has taken a stretch/)
  const { read: tooFew } = await checksOf(log, reader(0, 10, 1))
  assert.deepEqual([tooFew?.ok, tooFew?.expected], [false, 2])
  const { read: tooMany } = await checksOf(log, reader(0, 10, 9))
  assert.deepEqual([tooMany?.ok, tooMany?.expected], [false, 8])
  assert.match(tooMany?.offenders[0] ?? '', /read 9, in the log before its place 2 and at most 6 that retention has taken/)
})

test('what retention has taken from a log without gaps is counted by its offsets', async () => {
  const { read } = await checksOf(logOf([6, 7], { start: 6, end: 8, hasGaps: false }), reader(2, 8, 6))
  assert.deepEqual([read?.ok, read?.expected], [true, 6])
})

test('a reader that stands before where its log begins has lost what expired', async () => {
  const { more } = await checksOf(logOf([7, 9], { start: 6, end: 10 }), reader(0, 4, 4))
  assert.deepEqual(
    more.map(({ name, ok, offenders }) => [name, ok, offenders]),
    [['expired before it was read = booked', false, [`stream ${CLICKS}-0: expired: it stands at 4, the log begins at 6`]]],
  )
})

test('what expired and was booked is shown, and the books balance without it', async () => {
  // It read 0 to 3, lost 4 and 5, read on from 6.
  const { read, more } = await checksOf(logOf([7, 9], { start: 6, end: 10 }), reader(0, 10, 6, 2))
  assert.deepEqual([read?.ok, read?.expected, read?.actual], [true, 6, 6])
  assert.deepEqual(
    more.map(({ name, ok, expected, actual, detail }) => [name, ok, expected, actual, detail]),
    [['expired before it was read = booked', true, 2, 2, `offsets that the log deleted unread: stream ${CLICKS}-0 2`]],
  )
  const { read: tooMany } = await checksOf(logOf([7, 9], { start: 6, end: 10 }), reader(0, 10, 7, 2))
  assert.deepEqual([tooMany?.ok, tooMany?.expected], [false, 6])
})

test('in a log without gaps what expired is exact', async () => {
  const log = logOf([6, 7], { start: 6, end: 8, hasGaps: false })
  for (const [read, isRight] of [
    [5, false],
    [6, true],
    [7, false],
  ] as const)
    assert.equal((await checksOf(log, reader(0, 8, read, 2))).read?.ok, isRight, `read ${read}`)
})
