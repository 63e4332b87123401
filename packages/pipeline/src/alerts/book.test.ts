import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALERTS, Alert, Compile, DAY_MS, MINUTE_MS, isoOf } from '@flowguard/contract'
import { transaction } from '../kernel/sqlite.ts'
import { memoryStore, START, valuesIn } from '../reader/testing/fixture.ts'
import { alertBook, OPEN_SUBJECTS_MAX, OTHERS, type AlertBook, type Raised } from './book.ts'

const COOLDOWN_MS = 10 * MINUTE_MS

function openBook() {
  const store = memoryStore()
  const { db, derived } = store
  let now = START
  const book = alertBook({ db, derived, clock: () => now, cooldownMs: () => COOLDOWN_MS })
  const act = <T>(work: (book: AlertBook) => T) => transaction(db, () => work(book))
  return {
    raise: (at: number, more: Partial<Raised> = {}) => act((each) => each.raise({ ...RAISED, at: START + at, ...more })),
    calm: (at: number, subject = 'u1') => act((each) => each.calm('orders_per_user', subject, START + at)),
    act,
    setTime: (ms: number) => (now = ms),
    rows: () =>
      db
        .prepare('select state, told, count, value, acknowledged_at, note from alerts order by seq')
        .all()
        .map((row) => ({ ...row })),
    told: async () =>
      (await valuesIn<Alert>(derived, ALERTS)).map(({ alert_id: id, state, count, duration_ms: ms }) => [id, state, count, ms]),
    records: () => valuesIn<Alert>(derived, ALERTS),
    [Symbol.dispose]: () => store[Symbol.dispose](),
  }
}

const RAISED: Raised = {
  rule: 'orders_per_user',
  kind: 'fraud',
  subject: 'u1',
  severity: 'warning',
  title: 'u1 ordered 6 times in 5 minutes',
  detail: 'Look at the orders.',
  reason: '6 orders, usual are less',
  value: 6,
  expected: { low: null, high: 5 },
  at: START,
}
const ID = `orders_per_user/u1/${START}`

test('one that is open grows without a word, and is told when it is over, with how long it was', async () => {
  using book = openBook()
  book.raise(0)
  for (let n = 1; n <= 50; n += 1) book.raise(n * 1_000, { value: 6 + n })
  assert.deepEqual(await book.told(), [[ID, 'open', 1, null]])
  book.calm(120_000)
  assert.deepEqual(await book.told(), [
    [ID, 'open', 1, null],
    [ID, 'resolved', 51, 120_000],
  ])
  const [, resolved] = await book.records()
  assert.deepEqual([resolved?.['value'], resolved?.['last_seen'], resolved?.['resolved_by']], [56, isoOf(START + 50_000), 'itself'])
  for (const each of await book.records()) assert.ok(Compile(Alert).Check(each))
})

test('what is not open is not calmed', async () => {
  using book = openBook()
  book.calm(0)
  assert.deepEqual(await book.told(), [])
})

test('another subject, and another rule, is another alert', async () => {
  using book = openBook()
  book.raise(0)
  book.raise(0, { subject: 'u2' })
  book.raise(0, { rule: 'clicks_per_user' })
  assert.equal((await book.told()).length, 3)
})

test('raised again within the cooldown it is the same one, and nothing is told again, however often', async () => {
  using book = openBook()
  for (let n = 0; n < 50; n += 1) {
    book.raise(n * 60_000)
    book.calm(n * 60_000 + 30_000)
  }
  assert.deepEqual(await book.told(), [
    [ID, 'open', 1, null],
    [ID, 'resolved', 1, 30_000],
  ])
  assert.deepEqual(
    book.rows().map(({ state, told, count }) => [state, told, count]),
    [['resolved', 'resolved', 50]],
  )
})

test('one that came back and stays for longer than the cooldown is told again: the topic has it as over', async () => {
  using book = openBook()
  book.raise(0)
  book.calm(30_000)
  for (let at = 60_000; at <= 60_000 + COOLDOWN_MS; at += 60_000) book.raise(at)
  book.raise(62_000 + COOLDOWN_MS)
  book.calm(70_000 + COOLDOWN_MS)
  assert.deepEqual(
    (await book.told()).map(([id, state]) => [id, state]),
    [
      [ID, 'open'],
      [ID, 'resolved'],
      [ID, 'open'],
      [ID, 'resolved'],
    ],
  )
})

test('one that becomes graver is told once more, with what it was before, and ends as grave as it was', async () => {
  using book = openBook()
  for (const [at, severity] of (['warning', 'info', 'critical', 'critical', 'warning'] as const).entries()) book.raise(at, { severity })
  book.calm(100)
  assert.deepEqual(
    (await book.records()).map(({ state, severity, severity_before: before }) => [state, severity, before]),
    [
      ['open', 'warning', undefined],
      ['open', 'critical', 'warning'],
      ['resolved', 'critical', undefined],
    ],
  )
  for (const each of await book.records()) assert.ok(Compile(Alert).Check(each))
})

test('one that comes back graver within the cooldown is told at once, to all: they have it as over', async () => {
  using book = openBook()
  book.raise(0)
  book.calm(1_000)
  book.raise(2_000)
  book.raise(3_000, { severity: 'critical' })
  book.calm(4_000)
  book.raise(5_000, { severity: 'critical' })
  assert.deepEqual(
    (await book.records()).map(({ state, severity, severity_before: before }) => [state, severity, before]),
    [
      ['open', 'warning', undefined],
      ['resolved', 'warning', undefined],
      ['open', 'critical', undefined],
      ['resolved', 'critical', undefined],
    ],
  )
})

test('raised after the cooldown it is a new one', async () => {
  using book = openBook()
  book.raise(0)
  book.calm(30_000)
  book.raise(30_001 + COOLDOWN_MS)
  assert.deepEqual(
    (await book.told()).map(([id, state]) => [id, state]),
    [
      [ID, 'open'],
      [ID, 'resolved'],
      [`orders_per_user/u1/${START + 30_001 + COOLDOWN_MS}`, 'open'],
    ],
  )
})

test('what is rolled back was never raised', async () => {
  using book = openBook()
  assert.throws(() =>
    book.act((each) => {
      each.raise(RAISED)
      throw new Error('rolled back')
    }),
  )
  assert.deepEqual([await book.told(), book.rows()], [[], []])
  book.raise(5)
  assert.equal((await book.told()).length, 1)
})

test('of more subjects than can be open at once the rest is one alert, which is over once there is room', async () => {
  using book = openBook()
  for (let n = 0; n < OPEN_SUBJECTS_MAX + 30; n += 1) book.raise(n, { subject: `u${n}` })
  const told = await book.told()
  assert.equal(told.length, OPEN_SUBJECTS_MAX + 1)
  assert.equal(told.at(-1)?.[0], `orders_per_user/${OTHERS}/${START + OPEN_SUBJECTS_MAX}`)
  for (let n = 0; n < OPEN_SUBJECTS_MAX + 30; n += 1) book.calm(1_000, `u${n}`)
  assert.equal(
    book.rows().every(({ state }) => state === 'resolved'),
    true,
  )
  const others = (await book.told()).filter(([id]) => String(id).includes(OTHERS))
  assert.deepEqual(
    others.map(([, state, count]) => [state, count]),
    [
      ['open', 1],
      ['resolved', 30],
    ],
  )
})

test('an operator acknowledges it, and resolves it; both only while it is open', async () => {
  using book = openBook()
  book.raise(0)
  book.setTime(START + 5)
  assert.equal(
    book.act((each) => each.acknowledge(ID, 'I am on it')),
    true,
  )
  assert.equal(
    book.act((each) => each.acknowledge(ID)),
    true,
  )
  assert.deepEqual([book.rows()[0]?.['acknowledged_at'], book.rows()[0]?.['note']], [START + 5, 'I am on it'])
  assert.equal(
    book.act((each) => each.resolve(ID, 'a test of ours')),
    true,
  )
  assert.equal((await book.records()).at(-1)?.['resolved_by'], 'operator')
  for (const again of [
    (each: AlertBook) => each.resolve(ID),
    (each: AlertBook) => each.acknowledge(ID),
    (each: AlertBook) => each.resolve('none'),
  ])
    assert.equal(book.act(again), false)
  assert.equal((await book.told()).length, 2)
})

test('what was over for as long as the topic keeps it is forgotten', () => {
  using book = openBook()
  book.raise(0)
  book.calm(1)
  book.raise(0, { subject: 'u2' })
  book.setTime(START + 31 * DAY_MS)
  book.raise(31 * DAY_MS, { subject: 'u3' })
  assert.deepEqual(
    book.rows().map(({ state }) => state),
    ['open', 'open'],
  )
})
