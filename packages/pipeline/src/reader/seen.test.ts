import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { transaction } from '../kernel/sqlite.ts'
import { identityOf } from './identity.ts'
import { seenIn } from './seen.ts'
import { memoryStore } from './testing/fixture.ts'

type Store = ReturnType<typeof memoryStore>

const COUNT = 300_000
/** A generation is a quarter of it. */
const KEPT_MS = 24
/** Ids of `fill` in the first generation. */
const FIRST_COUNT = 6_000
const ROW_COUNT = 1_000

const loaded = (store: Store) => {
  const seen = seenIn(store.db, 'mine', KEPT_MS)
  seen.load()
  return seen
}

/** Writes ids `0`, `1`, … in rows of 1,000, the nth row appended at n. */
function fill(store: Store, count: number) {
  const seen = seenIn(store.db, 'mine', KEPT_MS)
  transaction(store.db, () => {
    for (let n = 0; n < count; n += 1) {
      seen.check(identityOf(`${n}`, 'content'), Math.floor(n / ROW_COUNT))
      if (n % ROW_COUNT === ROW_COUNT - 1) seen.write()
    }
    seen.write()
  })
  return seen
}

/** What buffers take once all that is no longer used has been given back, which happens by and by. */
async function bytesOfBuffers(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let bytes = NaN
  for (let same = 0; same < 20;) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
    const now = process.memoryUsage().arrayBuffers
    same = now === bytes ? same + 1 : 0
    bytes = now
  }
  return bytes
}

const rowsIn = ({ db }: Store) => (db.prepare('select count(*) as rows from seen').get() as { rows: number }).rows

test('an id is new once, then the same, or other where its content differs', () => {
  using store = memoryStore()
  const seen = loaded(store)
  assert.equal(seen.check(identityOf('a', 'one'), 0), 'new')
  assert.equal(seen.check(identityOf('a', 'one'), 0), 'same')
  assert.equal(seen.check(identityOf('a', 'two'), 0), 'other')
  assert.equal(seen.check(identityOf('a', 'one'), 0), 'same', 'the first content stands')
  assert.equal(seen.check(identityOf('b', 'one'), 0), 'new')
  assert.equal(seen.check(identityOf('', ''), 0), 'new')
  assert.equal(seen.check(identityOf('', ''), 0), 'same')
})

test('what was written is known after a reload, with its content', () => {
  using store = memoryStore()
  const before = loaded(store)
  before.check(identityOf('a', 'one'), 0)
  before.write()
  before.check(identityOf('b', 'one'), 0)
  before.write()
  const after = loaded(store)
  assert.deepEqual(
    [after.check(identityOf('a', 'one'), 0), after.check(identityOf('a', 'two'), 0), after.check(identityOf('b', 'one'), 0)],
    ['same', 'other', 'same'],
  )
})

test('ids of a transaction that was rolled back are new again', () => {
  using store = memoryStore()
  const seen = loaded(store)
  seen.check(identityOf('kept', ''), 0)
  seen.write()
  assert.throws(() =>
    transaction(store.db, () => {
      seen.check(identityOf('lost', ''), 0)
      seen.write()
      seen.check(identityOf('lost too', ''), 0)
      throw new Error('rolled back')
    }),
  )
  seen.load()
  seen.write()
  assert.equal(rowsIn(store), 1, 'and are not written with what comes next')
  assert.deepEqual(
    [seen.check(identityOf('lost', ''), 0), seen.check(identityOf('lost too', ''), 0), seen.check(identityOf('kept', ''), 0)],
    ['new', 'new', 'same'],
  )
  seen.write()
  assert.equal(loaded(store).check(identityOf('lost', ''), 0), 'same')
})

test('owners do not see each other', () => {
  using store = memoryStore()
  const [mine, yours] = [seenIn(store.db, 'mine', KEPT_MS), seenIn(store.db, 'yours', KEPT_MS)]
  mine.check(identityOf('a', ''), 0)
  mine.write()
  yours.load()
  assert.equal(yours.check(identityOf('a', ''), 0), 'new')
})

test(`of ${COUNT} ids none is taken for another, and each costs under 21 bytes of memory`, async () => {
  using store = memoryStore()
  const first = seenIn(store.db, 'mine', KEPT_MS)
  transaction(store.db, () => {
    for (let n = 0; n < COUNT; n += 1) {
      if (first.check(identityOf(`user-${n % 977}\n${n}`, 'content'), 0) !== 'new') assert.fail(`id ${n} was taken for another`)
      if (n % 5_000 === 0) first.write()
    }
    first.write()
  })
  const before = await bytesOfBuffers()
  const again = loaded(store)
  const bytesPerId = ((await bytesOfBuffers()) - before) / COUNT
  assert.ok(bytesPerId > 16 && bytesPerId < 21, `${bytesPerId.toFixed(1)} bytes an id`)
  for (const each of [first, again]) {
    for (let n = 0; n < COUNT; n += 7)
      if (each.check(identityOf(`user-${n % 977}\n${n}`, 'content'), 0) !== 'same') assert.fail(`id ${n} was forgotten`)
  }
})

test('ids are forgotten by whole generations, and only where all of one is older than the topic keeps', () => {
  using store = memoryStore()
  const seen = fill(store, 20_000)
  const rows = rowsIn(store)
  // The newest of the first generation was appended at 5.
  seen.expire(5)
  assert.equal(rowsIn(store), rows)
  assert.equal(loaded(store).check(identityOf('0', 'content'), 0), 'same')
  seen.expire(6)
  assert.equal(rowsIn(store), rows - 5)
  assert.equal(seen.check(identityOf(`${FIRST_COUNT}`, 'content'), 0), 'same')
  assert.equal(seen.check(identityOf(`${FIRST_COUNT - 1}`, 'content'), 0), 'new')
})

test('a row that may straddle two generations stays with the younger', () => {
  using store = memoryStore()
  fill(store, 20_000).expire(6)
  const seen = loaded(store)
  const fates = [0, 4_999, 5_000, FIRST_COUNT, 19_999].map((n) => seen.check(identityOf(`${n}`, 'content'), 0))
  assert.deepEqual(fates, ['new', 'new', 'same', 'same', 'same'])
})

test('after expiry and a reload new ids go on in rows of their own', () => {
  using store = memoryStore()
  fill(store, 20_000).expire(6)
  const seen = loaded(store)
  seen.check(identityOf('another', ''), 30)
  seen.write()
  assert.equal(loaded(store).check(identityOf('another', ''), 0), 'same')
})

test('the youngest generation is never forgotten, so that a topic at rest keeps its ids', () => {
  using store = memoryStore()
  const seen = fill(store, 20_000)
  seen.expire(Infinity)
  assert.equal(seen.check(identityOf('19999', 'content'), 0), 'same')
  assert.equal(loaded(store).check(identityOf('19999', 'content'), 0), 'same')
})

test('ids are one if 106 bits of them are, and their contents if all 32 are', () => {
  using store = memoryStore()
  const seen = loaded(store)
  const id = identityOf('a', 'one')
  assert.equal(seen.check(id, 0), 'new')
  const pageBits = 2 ** 10
  for (const other of [
    { ...id, word0: id.word0 ^ 2 },
    { ...id, word1: id.word1 ^ 1 },
    { ...id, word2: id.word2 ^ 1 },
    { ...id, word3: id.word3 ^ (pageBits / 2) },
  ]) {
    assert.equal(seen.check(other, 0), 'new')
    assert.equal(seen.check(other, 0), 'same')
  }
  assert.equal(seen.check({ ...id, word3: id.word3 ^ pageBits }, 0), 'same')
  for (const bit of [1, 2 ** 13, 2 ** 31]) assert.equal(seen.check({ ...id, content: id.content ^ bit }, 0), 'other')
})

test('a page is full and grows, and what was in it is found where it now lies', () => {
  using store = memoryStore()
  const seen = loaded(store)
  // One page, and the last slots of it, so that the search goes on at the first.
  const at = (n: number) => ({ word0: n + 1, word1: -1 - (n % 3), word2: 0, word3: 0, content: n })
  for (let n = 0; n < 1_000; n += 1) {
    assert.equal(seen.check(at(n), 0), 'new')
    assert.equal(seen.check(at(n), 0), 'same')
  }
  for (let n = 0; n < 1_000; n += 1) assert.equal(seen.check(at(n), 0), 'same')
  seen.write()
  const after = loaded(store)
  for (let n = 0; n < 1_000; n += 1) assert.equal(after.check(at(n), 0), 'same')
})
