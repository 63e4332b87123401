import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WINDOW_MS } from '@flowguard/contract'
import { mulberry32, wholeBetween } from '../../cli/prng.ts'
import { transaction } from '../../kernel/sqlite.ts'
import { hash128 } from '../../kernel/hash.ts'
import { SEED } from '../../kernel/testing/chance.ts'
import { journalIn } from '../../reader/journal.ts'
import { memoryStore, START } from '../../reader/testing/fixture.ts'
import { clickIndex } from './click-index.ts'
import { decodeStep, encodeStep, type Step } from '../step.ts'
import { later } from './last-click.ts'

const CLICKS = 300_000
const ORDERS = 20_000
/** So that several segments are within one window, and the whole timeline is several windows long. */
const STEP_MS = 40

const click = (more: Partial<Step>): Step => ({
  kind: 'click',
  userId: 'u',
  itemId: 1,
  ts: START,
  id: 'c',
  adId: 'a',
  campaignId: null,
  address: null,
  paise: 0,
  isAttributed: false,
  ...more,
})

/** The index over a journal, as the stream has it. */
function open(store: ReturnType<typeof memoryStore>) {
  const journal = journalIn(store.db, 'test')
  const index = clickIndex((entry) => journal.line(entry))
  const load = () => {
    index.clear()
    for (const { seq, lines } of journal.load()) lines.forEach((text, line) => index.add(decodeStep(text), { seq, line }))
  }
  load()
  return {
    ...index,
    load,
    add: (step: Step) => index.add(step, journal.add(encodeStep(step), step.ts)),
    dropBefore(watermark: number) {
      journal.write()
      index.dropBefore(watermark)
      journal.dropBefore(watermark - WINDOW_MS)
    },
  }
}

/** The clicks of each user and item, and the rule word for word over them. */
function naive(clicks: readonly Step[]) {
  const byPair = new Map<string, Step[]>()
  for (const each of clicks) {
    const key = `${each.userId}/${each.itemId}`
    const list = byPair.get(key)
    if (list) list.push(each)
    else byPair.set(key, [each])
  }
  return (userId: string, itemId: number, orderTs: number) =>
    (byPair.get(`${userId}/${itemId}`) ?? [])
      .filter(({ ts }) => ts <= orderTs && orderTs - ts <= 1_800_000)
      .reduce<Step | undefined>((best, each) => (best ? later(best, each) : each), undefined)
}

test(`of ${CLICKS} clicks over several segments each order finds the naive rule's, also after dropping and after a reload (seed ${SEED})`, () => {
  using store = memoryStore()
  const random = mulberry32(SEED)
  const userOf = () => `user-${wholeBetween(random, 0, 9_999)}`
  const clicks = Array.from({ length: CLICKS }, (_, n) =>
    click({
      userId: userOf(),
      itemId: wholeBetween(random, 1, 3),
      ts: START + n * STEP_MS - wholeBetween(random, 0, 10_000),
      id: `${n % 7}-${n}`,
    }),
  )
  const index = open(store)
  transaction(store.db, () => clicks.forEach((each) => index.add(each)))
  const expected = naive(clicks)
  const end = START + CLICKS * STEP_MS
  const check = (from: number, count: number, of = index) => {
    let found = 0
    for (let n = 0; n < count; n += 1) {
      const order = [userOf(), wholeBetween(random, 1, 3), wholeBetween(random, from, Math.max(end, from + 60_000))] as const
      const best = of.find(...order)
      if (best) found += 1
      assert.equal(best?.id, expected(...order)?.id, order.join(' '))
    }
    assert.ok(found > count / 20 && found < count, `${found} of ${count} orders found a click`)
  }
  check(START, ORDERS)
  // To where the first segment is just dropped, and to where the second is just not.
  const newestOf = (from: number) => clicks.slice(from, from + 2 ** 17).reduce((newest, { ts }) => Math.max(newest, ts), 0)
  const rows = () => (store.db.prepare('select count(*) as rows from journal').get() as { rows: number }).rows
  const sizes: number[] = []
  for (const watermark of [newestOf(0) + WINDOW_MS, newestOf(0) + WINDOW_MS + 1, newestOf(2 ** 17) + WINDOW_MS]) {
    transaction(store.db, () => index.dropBefore(watermark))
    sizes.push(index.size())
    check(watermark, ORDERS / 10)
  }
  assert.deepEqual(sizes, [CLICKS, CLICKS - 2 ** 17, CLICKS - 2 ** 17])
  // Of the journal less stays: what lies behind the last click that an order may still reach, but for those that came out of order.
  const again = open(store)
  assert.equal(rows(), Math.ceil(again.size() / 64))
  assert.ok(again.size() >= CLICKS - 2 ** 18 && again.size() < CLICKS - 2 ** 18 + 64 * 10, `${again.size()} clicks`)
  check(newestOf(2 ** 17) + WINDOW_MS, ORDERS / 10, again)
})

test('a row of the journal that straddles two segments stays with the younger', () => {
  using store = memoryStore()
  const index = open(store)
  // One line alone in the first row: from then on no row ends with a segment.
  transaction(store.db, () => {
    index.add(click({ id: '0' }))
    index.dropBefore(-Infinity)
    for (let n = 1; n < 2 ** 17 + 10; n += 1) index.add(click({ id: `${n}`, userId: `u${n % 1_000}`, ts: n < 2 ** 17 ? START : START + 1 }))
  })
  transaction(store.db, () => index.dropBefore(START + WINDOW_MS + 1))
  assert.equal(index.size(), 10)
  const again = open(store)
  assert.ok(again.size() >= 10 && again.size() < 10 + 64, `${again.size()} clicks`)
  for (const each of [index, again]) assert.equal(each.find(`u${2 ** 17 % 1_000}`, 1, START + 1 + WINDOW_MS)?.id, `${2 ** 17}`)
})

test('what is dropped altogether is gone from the journal too, and what comes after is found', () => {
  using store = memoryStore()
  const index = open(store)
  index.add(click({ id: 'old' }))
  index.dropBefore(START + WINDOW_MS)
  assert.equal(index.find('u', 1, START + WINDOW_MS)?.id, 'old', 'an order at the watermark may reach it')
  index.dropBefore(START + WINDOW_MS + 1)
  assert.deepEqual([index.size(), open(store).size()], [0, 0])
  index.add(click({ id: 'new', ts: START + WINDOW_MS + 1 }))
  index.dropBefore(START + WINDOW_MS + 1)
  for (const each of [index, open(store)]) assert.equal(each.find('u', 1, START + WINDOW_MS + 1)?.id, 'new')
})

test('users and items that share a head, and all else that is kept of their hash, are told apart', () => {
  using store = memoryStore()
  const index = open(store)
  // Found by trying forty million users: the 17 bits of the head and the 32 of the check are equal.
  const [one, other] = ['user-2811222', 'user-35193031']
  const [a, b] = [one, other].map((userId) => {
    const hash = new Uint32Array(4)
    hash128(`${userId}\n1`, hash)
    return hash
  })
  assert.deepEqual([a![0]! & (2 ** 17 - 1), a![1]], [b![0]! & (2 ** 17 - 1), b![1]], 'else this test shows nothing: find another pair')
  index.add(click({ userId: one, id: 'of one' }))
  assert.equal(index.find(other, 1, START), undefined)
  index.add(click({ userId: other, id: 'of the other', ts: START + 1 }))
  assert.equal(index.find(one, 1, START + 5)?.id, 'of one')
  assert.equal(index.find(other, 1, START + 5)?.id, 'of the other')
})

test('users and items whose names run into each other are told apart', () => {
  using store = memoryStore()
  const index = open(store)
  index.add(click({ userId: 'u\n1', itemId: 2, id: 'a' }))
  index.add(click({ userId: 'u', itemId: 12, id: 'b' }))
  assert.deepEqual([index.find('u\n1', 2, START)?.id, index.find('u', 12, START)?.id, index.find('u1', 2, START)], ['a', 'b', undefined])
})

test('the window, to the millisecond, and the tie at one instant', () => {
  using store = memoryStore()
  const index = open(store)
  for (const id of ['b', 'c', 'a']) index.add(click({ id }))
  const found = (ts: number) => index.find('u', 1, ts)?.id
  assert.deepEqual([found(START - 1), found(START), found(START + 1_800_000), found(START + 1_800_001)], [undefined, 'c', 'c', undefined])
})

test('clicks of a transaction that was rolled back are gone after a reload', () => {
  using store = memoryStore()
  const index = open(store)
  assert.throws(() =>
    transaction(store.db, () => {
      for (let n = 0; n < 100; n += 1) index.add(click({ id: `${n}` }))
      index.dropBefore(-Infinity)
      throw new Error('rolled back')
    }),
  )
  index.load()
  assert.deepEqual([index.size(), index.find('u', 1, START)], [0, undefined])
})
