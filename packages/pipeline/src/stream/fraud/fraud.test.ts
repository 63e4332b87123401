import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALERTS, ATTRIBUTED, CLICKS, LATENESS_MS, ORDERS, TIMED_TOPICS, type Alert, type AttributedEvent } from '@flowguard/contract'
import { alertBook } from '../../alerts/book.ts'
import type { FraudRules } from '../../alerts/rules.ts'
import { silentLogger } from '../../kernel/logging.ts'
import { fc } from '../../kernel/testing/chance.ts'
import type { LogRecord } from '../../log/event-log.ts'
import { gateIn } from '../../reader/gate.ts'
import { feeding, memoryStore, recordsAt, START, TOPICS, valuesIn } from '../../reader/testing/fixture.ts'
import { streamProcessor } from '../processor.ts'
import { fraudIn } from './fraud.ts'
import { fraudOracle, type Opening, type Sent } from './testing/oracle.ts'

const TIMELINES = process.env['FLOWGUARD_SOAK'] ? 5_000 : 50
const COOLDOWN_MS = 20_000
/** So low that random timelines cross them. */
const LOW: FraudRules = {
  orders_per_user: { at_least: 3, within_seconds: 30, severity: 'warning' },
  order_value: { times_usual: 3, sigmas: 3, at_least_rupees: 5, within_seconds: 60, severity: 'warning' },
  clicks_per_user: { at_least: 3, within_seconds: 10, severity: 'warning' },
  clicks_per_ad: { at_least: 3, times_usual: 2, within_seconds: 40, severity: 'critical' },
  clicks_per_address: { at_least: 3, within_seconds: 15, severity: 'warning' },
  accounts_per_address: { at_least: 2, within_seconds: 45, severity: 'warning' },
}

interface Happening {
  kind: Sent['kind']
  user: number
  item: number
  address: string | null
  rupees: number
  step: number
  delay: number
  isBot: boolean
}

const happening: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constantFrom('click', 'click', 'click', 'order', 'order', 'impression'),
  user: fc.constantFrom(1, 1, 1, 2, 3),
  item: fc.constantFrom(1, 1, 1, 2),
  address: fc.constantFrom(null, 'a', 'a', 'b'),
  rupees: fc.constantFrom(1, 1, 1.1, 1.2, 2, 3, 10, 500),
  step: fc.constantFrom(0, 0, 1, 300, 999, 1_000, 3_000, 10_000, 15_000, 40_000, 1_000_000),
  delay: fc.constantFrom(0, 0, 0, 1, 500, 4_000, 9_999),
  isBot: fc.constantFrom(false, false, false, false, false, false, true),
})

/** A timeline as records, and as what was sent; heartbeats go along, and at the end time is closed or just moved on. */
function timeline(happenings: readonly Happening[], closedBy: number) {
  const make = recordsAt()
  const records: LogRecord[] = make.heartbeats(START)
  let clock = START + LATENESS_MS
  const sent = happenings.map(({ kind, user, item, address, rupees, step, delay, isBot }, at): Sent => {
    clock += step
    const ad = `ad-${item}`
    const each = {
      kind,
      id: `e-${(at * 7919) % 1000}-${at}`,
      ts: clock - delay,
      user: `u${user}`,
      item,
      address,
      paise: Math.round(rupees * 100),
      isBot,
    }
    const common = { event_id: each.id, ts: each.ts, received_at: '', is_bot: isBot, user_id: each.user, item_id: item }
    const event =
      kind === 'order'
        ? { event_type: 'order', ...common, order_id: `o-${at}`, price: rupees, quantity: 1, order_type: 'placed' }
        : { event_type: kind, ...common, ad_id: ad, ...(address === null ? {} : { ip_address: address }) }
    records.push(make.record(kind === 'order' ? ORDERS : CLICKS, each.user, event, `hash ${at}`))
    if (at % 7 === 0) records.push(...make.heartbeats(clock))
    return { ...each, ad: kind === 'order' ? null : ad, address: kind === 'order' ? null : address }
  })
  const end = clock + closedBy
  return { records: [...records, ...make.heartbeats(end)], sent, watermark: end - LATENESS_MS }
}

function openStream(rules: () => FraudRules = () => LOW) {
  const store = memoryStore()
  const { db, derived } = store
  const make = () => {
    const book = alertBook({ db, derived, clock: () => START, cooldownMs: () => COOLDOWN_MS })
    const fraud = fraudIn({ db, book, rules })
    return streamProcessor({ db, derived, gate: gateIn(db, 'stream', TOPICS), doubleClickMs: 2_000, fraud, logger: silentLogger })
  }
  const fed = feeding(db, 'stream', TIMED_TOPICS, make)
  return {
    ...fed,
    /** In batches of these sizes; a 0 is a restart, a -1 a batch that is lost first. */
    feed(records: readonly LogRecord[], sizes: readonly number[]) {
      for (let at = 0, turn = 0; at < records.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1
        const batch = records.slice(at, at + Math.max(1, size))
        if (size === 0) fed.restart()
        if (size < 0) fed.applyAndRollBack(batch)
        fed.apply(batch)
        at += batch.length
      }
    },
    openings: () =>
      db
        .prepare(
          `select alert_id as id, state, count, value, since, last_seen as lastSeen, resolved_at as resolvedAt from alerts order by alert_id`,
        )
        .all()
        .map((row) => ({ ...row })) as unknown as Opening[],
    attributed: async () =>
      new Set((await valuesIn<AttributedEvent>(derived, ATTRIBUTED)).flatMap((row) => (row.click ? [row.event_id] : []))),
    told: () => valuesIn<Alert>(derived, ALERTS),
    [Symbol.dispose]: () => store[Symbol.dispose](),
  }
}

const byId = (openings: readonly Opening[]) => openings.toSorted((a, b) => (a.id < b.id ? -1 : 1))

test(`signs of fraud equal the naive rules over ${TIMELINES} random timelines, whatever the batches and restarts`, async () => {
  const happenings = fc.array(happening, { minLength: 1, maxLength: 80, size: 'max' })
  const sizes = fc.array(fc.constantFrom(1, 2, 5, 20, 100, 0, -1), { minLength: 1, maxLength: 6 })
  let seen = 0
  await fc.assert(
    fc.asyncProperty(happenings, sizes, fc.constantFrom(1, LATENESS_MS, 30_000, 3_600_000), async (each, batchSizes, closedBy) => {
      const { records, sent, watermark } = timeline(each, closedBy)
      using stream = openStream()
      stream.feed(records, batchSizes)
      const found = stream.openings()
      seen += found.length
      const expected = fraudOracle(sent, { rules: LOW, watermark, cooldownMs: COOLDOWN_MS, attributed: await stream.attributed() })
      assert.deepEqual(byId(found), byId(expected))
      assertTold(await stream.told(), found)
    }),
    { numRuns: TIMELINES },
  )
  assert.ok(seen > TIMELINES, `only ${seen} alerts`)
})

/** The topic has each alert open first, and its last word is what it came to. */
function assertTold(told: readonly Alert[], openings: readonly Opening[]) {
  const states = Map.groupBy(told, ({ alert_id: id }) => id)
  assert.equal(states.size, openings.length)
  for (const { id, state } of openings) {
    const said = (states.get(id) ?? []).map((each) => each.state)
    assert.equal(said[0], 'open')
    if (state === 'resolved') assert.equal(said.at(-1), 'resolved')
    said.forEach((each, at) => assert.notEqual(each, said[at - 1]))
  }
}

const act = (kind: Sent['kind'], step: number, more: Partial<Happening> = {}): Happening => ({
  kind,
  user: 1,
  item: 1,
  address: null,
  rupees: 1,
  step,
  delay: 0,
  isBot: false,
  ...more,
})
const times = (count: number, each: Happening) => Array.from({ length: count }, () => each)

async function toldOf(happenings: readonly Happening[], rules: FraudRules, closedBy = 3_600_000) {
  using stream = openStream(() => rules)
  stream.feed(timeline(happenings, closedBy).records, [50])
  return (await stream.told()).map(({ rule, subject, state, value }) => [rule, subject, state, value])
}

const only = <R extends keyof FraudRules>(rule: R): FraudRules => ({ [rule]: LOW[rule] })

test('three orders within half a minute are a sign; three within thirty seconds and one are none', async () => {
  assert.deepEqual(await toldOf(times(3, act('order', 14_000)), only('orders_per_user')), [
    ['orders_per_user', 'u1', 'open', 3],
    ['orders_per_user', 'u1', 'resolved', 3],
  ])
  assert.deepEqual(await toldOf(times(3, act('order', 15_000)), only('orders_per_user')), [])
})

test('a flood of five hundred orders is one alert, not five hundred', async () => {
  assert.deepEqual(await toldOf(times(500, act('order', 100)), only('orders_per_user')), [
    ['orders_per_user', 'u1', 'open', 3],
    ['orders_per_user', 'u1', 'resolved', 300],
  ])
})

test('a bot that says so floods nothing', async () => {
  assert.deepEqual(await toldOf(times(50, act('click', 10, { isBot: true, address: 'a' })), LOW), [])
})

test('a user, an ad and an address are flooded each by itself', async () => {
  const rules = { clicks_per_user: LOW.clicks_per_user!, clicks_per_ad: LOW.clicks_per_ad!, clicks_per_address: LOW.clicks_per_address! }
  const byMany = [1, 2, 3].map((user) => act('click', 100, { user }))
  assert.deepEqual(
    (await toldOf(byMany, rules)).filter(([, , state]) => state === 'open'),
    [['clicks_per_ad', 'ad-1', 'open', 3]],
  )
  const fromOne = [1, 2, 3].map((user) => act('click', 100, { user, address: 'a', item: user }))
  assert.deepEqual(
    (await toldOf(fromOne, rules)).filter(([, , state]) => state === 'open'),
    [['clicks_per_address', 'a', 'open', 3]],
  )
})

test('an ad that is always clicked much is flooded by more than that alone', async () => {
  const often = times(200, act('click', 4_000))
  const rules: FraudRules = { clicks_per_ad: { at_least: 12, times_usual: 3, within_seconds: 60, severity: 'critical' } }
  const after = (each: Happening[]) => toldOf([...often, ...each], rules)
  const open = async (told: Promise<unknown[][]>) => (await told).filter(([, , state]) => state === 'open').length
  const before = await open(after([]))
  assert.equal(await open(after(times(20, act('click', 1_000)))), before)
  assert.equal(await open(after(times(200, act('click', 100)))), before + 1)
})

test('many accounts on one address count each once', async () => {
  assert.deepEqual(await toldOf(times(9, act('click', 100, { address: 'a' })), only('accounts_per_address')), [])
  assert.deepEqual(
    await toldOf(
      [1, 2, 1, 2].map((user) => act('impression', 100, { address: 'a', user })),
      only('accounts_per_address'),
    ),
    [
      ['accounts_per_address', 'a', 'open', 2],
      ['accounts_per_address', 'a', 'resolved', 2],
    ],
  )
})

test('an order of far more than the item usually brings is a sign; one of an item that is always dear is none', async () => {
  const usual = times(30, act('order', 40_000))
  const dear = times(30, act('order', 40_000, { item: 2, rupees: 500 }))
  assert.deepEqual(await toldOf([...usual, act('order', 40_000, { rupees: 500 })], only('order_value')), [
    ['order_value', 'u1', 'open', 500],
    ['order_value', 'u1', 'resolved', 500],
  ])
  assert.deepEqual(await toldOf([...dear, ...usual, ...usual, act('order', 40_000, { item: 2, rupees: 500 })], only('order_value')), [])
})

test('other thresholds hold from the next batch on: what was over by the old ones is over no more, or is again', async () => {
  let rules = only('orders_per_user')
  using stream = openStream(() => rules)
  const { records } = timeline(times(5, act('order', 100)), LATENESS_MS + 1)
  stream.feed(records, [50])
  const states = async () => (await stream.told()).map(({ state }) => state)
  assert.deepEqual(await states(), ['open'])
  rules = { orders_per_user: { at_least: 100, within_seconds: 30, severity: 'warning' } }
  stream.feed(
    recordsAt()
      .heartbeats(START + 60_000)
      .slice(0, 1),
    [1],
  )
  assert.deepEqual(await states(), ['open', 'resolved'])
})

test('what was open by a rule that is gone when the stream starts again is over', async () => {
  let rules = only('orders_per_user')
  using stream = openStream(() => rules)
  stream.feed(timeline(times(5, act('order', 100)), LATENESS_MS + 1).records, [50])
  rules = {}
  stream.feed(
    recordsAt()
      .heartbeats(START + 60_000)
      .slice(0, 1),
    [0],
  )
  assert.deepEqual(
    (await stream.told()).map(({ state }) => state),
    ['open', 'resolved'],
  )
})
