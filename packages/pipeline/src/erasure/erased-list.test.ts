import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import { partitionOf } from '../kernel/partition.ts'
import type { EventLog, LogRecord } from '../log/event-log.ts'
import { addErased, isPseudonym, noteDone, pseudonymIn, readErased } from './erased-list.ts'
import { withoutErased } from './erased-log.ts'
import { onlyPartitionOf, partitionsOf } from './erased-place.ts'

function list() {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-erased-'))
  return { path: join(folder, 'erased.json'), [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

test('the list names nobody, and gives one pseudonym a person however often it is asked', () => {
  using at = list()
  assert.equal(readErased(at.path), undefined)
  const pseudonym = addErased(at.path, 'ravi', undefined, 0)
  assert.ok(isPseudonym(pseudonym))
  const other = addErased(at.path, 'mina', undefined, 1)
  assert.deepEqual([addErased(at.path, 'ravi', undefined, 2), pseudonymIn(at.path, 'ravi')], [pseudonym, pseudonym])
  noteDone(at.path, 'ravi', 3)
  const people = readErased(at.path)
  assert.deepEqual(
    ['ravi', 'mina', 'rav', pseudonym].map((id) => people?.pseudonymOf(id)),
    [pseudonym, other, undefined, undefined],
  )
  const text = readFileSync(at.path, 'utf8')
  assert.doesNotMatch(text, /ravi|mina/)
  const { people: kept } = JSON.parse(text) as { people: { asked_at: string; done_at: string | null }[] }
  assert.deepEqual(
    kept.map(({ asked_at, done_at }) => [asked_at, done_at]),
    [
      ['1970-01-01T00:00:00.000Z', '1970-01-01T00:00:00.003Z'],
      ['1970-01-01T00:00:00.001Z', null],
    ],
  )
})

test('a list that cannot be read stops whoever needs it: without it people would come back', () => {
  using at = list()
  for (const text of ['{', '{"format":1}', '{"format":2,"key":"k","people":[],"named_in":[]}']) {
    writeFileSync(at.path, text)
    assert.throws(
      () => readErased(at.path),
      (error) => hasCode(error, 'file_invalid'),
    )
  }
})

test('the log is read without them: their own records by the key, others’ that tell of them by the place', async () => {
  using at = list()
  const record = (offset: number, user: string): LogRecord => {
    const value = JSON.stringify({ event_type: 'click', user_id: user, ad_id: 'a', metadata: { of: 'ravi' } })
    return { topic: CLICKS, partition: 0, offset, key: user, value, headers: {}, appendedAt: 0, memo: undefined }
  }
  const records = [record(0, 'ravi'), record(1, 'mina'), record(2, 'mina')]
  const log = { id: 'l', read: async () => records } as unknown as EventLog
  const pseudonym = addErased(at.path, 'ravi', { logId: 'l', places: [{ topic: CLICKS, partition: 0, offset: 1 }] }, 0)
  const read = await withoutErased(log, readErased(at.path)).read([], { countMax: 3, waitMs: 0 })
  assert.deepEqual(
    read.map(({ key, value }) => [key, value]),
    [
      [pseudonym, `{"event_type":"click","user_id":"${pseudonym}","ad_id":"a"}`],
      ['mina', '{"event_type":"click","user_id":"mina","ad_id":"a"}'],
      ['mina', records[2]!.value],
    ],
  )
  assert.equal(read[2], records[2], 'whoever is not meant is not copied')
  assert.equal(withoutErased(log, undefined), log)
})

test('what an erased person did before may lie in any partition', () => {
  using at = list()
  const pseudonym = addErased(at.path, 'ravi', undefined, 0)
  assert.deepEqual([partitionsOf(pseudonym, 3), onlyPartitionOf(pseudonym, 3)], [[0, 1, 2], undefined])
  assert.deepEqual(partitionsOf('ravi', 3), [partitionOf('ravi', 3)])
})
