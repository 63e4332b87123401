import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { transaction } from '../kernel/sqlite.ts'
import { seenIn } from './seen.ts'
import { memoryStore } from './testing/fixture.ts'

type Store = ReturnType<typeof memoryStore>

/** The sum of the tables from 2¹³ to 2¹⁸ slots, each filled to 0.7: after so many ids all tables are full. */
const FULL_COUNT = [13, 14, 15, 16, 17, 18].reduce((sum, power) => sum + Math.floor(2 ** power * 0.7), 0)
const FIRST_TABLE_COUNT = Math.floor(2 ** 13 * 0.7)
const ROW_COUNT = 1_000

const loaded = (store: Store) => {
  const seen = seenIn(store.db, 'mine')
  seen.load()
  return seen
}

/** Writes ids `0`, `1`, … in rows of 1,000, the nth row appended at n. */
function fill(store: Store, count: number) {
  const seen = seenIn(store.db, 'mine')
  transaction(store.db, () => {
    for (let n = 0; n < count; n += 1) {
      seen.check(`${n}`, 'content', Math.floor(n / ROW_COUNT))
      if (n % ROW_COUNT === ROW_COUNT - 1) seen.write()
    }
    seen.write()
  })
  return seen
}

const rowsIn = ({ db }: Store) => (db.prepare('select count(*) as rows from seen').get() as { rows: number }).rows

test('an id is new once, then the same, or other where its content differs', () => {
  using store = memoryStore()
  const seen = loaded(store)
  assert.equal(seen.check('a', 'one', 0), 'new')
  assert.equal(seen.check('a', 'one', 0), 'same')
  assert.equal(seen.check('a', 'two', 0), 'other')
  assert.equal(seen.check('a', 'one', 0), 'same', 'the first content stands')
  assert.equal(seen.check('b', 'one', 0), 'new')
  assert.equal(seen.check('', '', 0), 'new')
  assert.equal(seen.check('', '', 0), 'same')
})

test('what was written is known after a reload, with its content', () => {
  using store = memoryStore()
  const before = loaded(store)
  before.check('a', 'one', 0)
  before.write()
  before.check('b', 'one', 0)
  before.write()
  const after = loaded(store)
  assert.deepEqual([after.check('a', 'one', 0), after.check('a', 'two', 0), after.check('b', 'one', 0)], ['same', 'other', 'same'])
})

test('ids of a transaction that was rolled back are new again', () => {
  using store = memoryStore()
  const seen = loaded(store)
  seen.check('kept', '', 0)
  seen.write()
  assert.throws(() =>
    transaction(store.db, () => {
      seen.check('lost', '', 0)
      seen.write()
      seen.check('lost too', '', 0)
      throw new Error('rolled back')
    }),
  )
  seen.load()
  seen.write()
  assert.equal(rowsIn(store), 1, 'and are not written with what comes next')
  assert.deepEqual([seen.check('lost', '', 0), seen.check('lost too', '', 0), seen.check('kept', '', 0)], ['new', 'new', 'same'])
  seen.write()
  assert.equal(loaded(store).check('lost', '', 0), 'same')
})

test('owners do not see each other', () => {
  using store = memoryStore()
  const [mine, yours] = [seenIn(store.db, 'mine'), seenIn(store.db, 'yours')]
  mine.check('a', '', 0)
  mine.write()
  yours.load()
  assert.equal(yours.check('a', '', 0), 'new')
})

test(`of ${FULL_COUNT} ids over six tables none is taken for another, and each costs under 30 bytes of memory`, async () => {
  using store = memoryStore()
  const first = seenIn(store.db, 'mine')
  transaction(store.db, () => {
    for (let n = 0; n < FULL_COUNT; n += 1) {
      if (first.check(`user-${n % 977}\n${n}`, 'content', 0) !== 'new') assert.fail(`id ${n} was taken for another`)
      if (n % 5_000 === 0) first.write()
    }
    first.write()
  })
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const before = process.memoryUsage().arrayBuffers
  const again = loaded(store)
  // What is no longer used is given back by and by.
  let bytesPerId = Infinity
  for (let tries = 0; tries < 100 && bytesPerId >= 30; tries += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    bytesPerId = (process.memoryUsage().arrayBuffers - before) / FULL_COUNT
  }
  assert.ok(bytesPerId > 20 && bytesPerId < 30, `${bytesPerId.toFixed(1)} bytes an id`)
  for (const each of [first, again]) {
    for (let n = 0; n < FULL_COUNT; n += 7)
      if (each.check(`user-${n % 977}\n${n}`, 'content', 0) !== 'same') assert.fail(`id ${n} was forgotten`)
  }
})

test('ids are forgotten by whole tables, and only where all of the table is older than the topic keeps', () => {
  using store = memoryStore()
  const seen = fill(store, 20_000)
  const rows = rowsIn(store)
  // The newest of the first table is in row 5.
  seen.expire(5)
  assert.equal(rowsIn(store), rows)
  assert.equal(loaded(store).check('0', 'content', 0), 'same')
  seen.expire(6)
  assert.equal(rowsIn(store), rows - 5)
  assert.equal(seen.check(`${FIRST_TABLE_COUNT}`, 'content', 0), 'same')
  assert.equal(seen.check(`${FIRST_TABLE_COUNT - 1}`, 'content', 0), 'new')
})

test('a row that straddles two tables stays with the younger', () => {
  using store = memoryStore()
  fill(store, 20_000).expire(6)
  const seen = loaded(store)
  const fates = [0, 4_999, 5_000, FIRST_TABLE_COUNT, 19_999].map((n) => seen.check(`${n}`, 'content', 0))
  assert.deepEqual(fates, ['new', 'new', 'same', 'same', 'same'])
})

test('after expiry and a reload new ids go on in rows of their own', () => {
  using store = memoryStore()
  fill(store, 20_000).expire(6)
  const seen = loaded(store)
  seen.check('another', '', 30)
  seen.write()
  assert.equal(loaded(store).check('another', '', 0), 'same')
})

test('the youngest table is never forgotten, so that a topic at rest keeps its ids', () => {
  using store = memoryStore()
  const seen = fill(store, 20_000)
  seen.expire(Infinity)
  assert.equal(seen.check('19999', 'content', 0), 'same')
  assert.equal(loaded(store).check('19999', 'content', 0), 'same')
})
