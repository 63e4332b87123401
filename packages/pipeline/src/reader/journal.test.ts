import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transaction } from '../kernel/sqlite.ts'
import { journalIn, type Journal } from './journal.ts'
import { memoryStore } from './testing/fixture.ts'

const loaded = (journal: Journal) => [...journal.load()]
/** Adds `line 0`, `line 1`, …, each of its number as its time. */
const addLines = (journal: Journal, count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => journal.add(`line ${from + at}`, from + at))

test('a row holds 64 lines, and the last of them the rest', () => {
  using store = memoryStore()
  const journal = journalIn(store.db, 'mine')
  assert.deepEqual(loaded(journal), [])
  const entries = addLines(journal, 130)
  journal.write()
  const rows = loaded(journal)
  assert.deepEqual(
    rows.map(({ seq, tsMax, lines }) => [seq, tsMax, lines.length]),
    [
      [1, 63, 64],
      [2, 127, 64],
      [3, 129, 2],
    ],
  )
  assert.deepEqual(
    rows.flatMap(({ lines }) => lines),
    entries.map((_, at) => `line ${at}`),
  )
})

test('a line is found by its entry before and after it was written, and after a reload', () => {
  using store = memoryStore()
  const journal = journalIn(store.db, 'mine')
  loaded(journal)
  const entries = addLines(journal, 100)
  const all = (from: Journal) => entries.map((entry) => from.line(entry))
  const expected = entries.map((_, at) => `line ${at}`)
  assert.deepEqual(all(journal), expected)
  journal.write()
  assert.deepEqual(all(journal), expected)
  const again = journalIn(store.db, 'mine')
  loaded(again)
  assert.deepEqual(all(again), expected)
  assert.throws(() => again.line({ seq: 2, line: 36 }), /no line 2\/36/)
  assert.throws(() => again.line({ seq: 3, line: 0 }), /no line 3\/0/)
})

test('the time of a row is that of its latest line, in whatever order they came', () => {
  using store = memoryStore()
  const journal = journalIn(store.db, 'mine')
  for (const ts of [5, 9, 7]) journal.add('x', ts)
  journal.write()
  journal.add('y', 3)
  journal.write()
  assert.deepEqual(
    loaded(journal).map(({ tsMax }) => tsMax),
    [9, 3],
  )
})

test('writing nothing writes no row', () => {
  using store = memoryStore()
  const journal = journalIn(store.db, 'mine')
  journal.write()
  addLines(journal, 64)
  journal.write()
  journal.write()
  assert.equal(loaded(journal).length, 1)
})

test('dropped rows are gone, and later ones keep their entries', () => {
  using store = memoryStore()
  const journal = journalIn(store.db, 'mine')
  const entries = addLines(journal, 200)
  journal.write()
  journal.dropBefore(127)
  assert.equal(journal.line(entries[127]!), 'line 127')
  journal.dropBefore(128)
  assert.deepEqual(
    loaded(journal).map(({ seq }) => seq),
    [3, 4],
  )
  assert.throws(() => journal.line(entries[127]!), /no line/)
  assert.equal(journal.line(entries[128]!), 'line 128')
  const next = journal.add('next', 0)
  assert.equal(journal.line(next), 'next')
  journal.write()
  assert.equal(loaded(journal).at(-1)?.lines[0], 'next')
})

test('what was added in a transaction that was rolled back is not there after a reload', () => {
  using store = memoryStore()
  const journal = journalIn(store.db, 'mine')
  transaction(store.db, () => {
    addLines(journal, 70)
    journal.write()
  })
  assert.throws(() =>
    transaction(store.db, () => {
      addLines(journal, 70, 1_000)
      throw new Error('rolled back')
    }),
  )
  const kept = loaded(journal).flatMap(({ lines }) => lines)
  assert.equal(kept.length, 70)
  // The number of the lost row is given again, to another.
  const entry = journal.add('another', 0)
  assert.equal(journal.line(entry), 'another')
  journal.write()
  assert.deepEqual(
    loaded(journal).map(({ seq, lines }) => [seq, lines.length]),
    [
      [1, 64],
      [2, 6],
      [3, 1],
    ],
  )
})

test('owners do not see each other', () => {
  using store = memoryStore()
  const [mine, yours] = [journalIn(store.db, 'mine'), journalIn(store.db, 'yours')]
  addLines(mine, 3)
  mine.write()
  assert.deepEqual(loaded(yours), [])
  yours.add('of yours', 1)
  yours.write()
  yours.dropBefore(2)
  assert.equal(loaded(mine).length, 1)
})
