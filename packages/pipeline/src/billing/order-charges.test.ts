import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayOf } from '@flowguard/contract'
import { fc } from '../kernel/testing/chance.ts'
import type { LogRecord } from '../log/event-log.ts'
import { recordsAt, START } from '../reader/testing/fixture.ts'
import { billing } from './testing/fixture.ts'

const TIMELINES = process.env['FLOWGUARD_SOAK'] ? 10_000 : 150
const DAY = dayOf(START)
const NEXT_DAY = '2026-02-01'
/** Past midnight. */
const LATER = START + 20 * 60_000

test('an order due to a cpa ad is charged, to the thousandth of a paisa; one due to another, or to none, is only counted', () => {
  using bills = billing()
  const log = recordsAt()
  const fates = bills.orders.apply([
    log.attributed({ id: 'o1', ts: START, ad: 'cpa', price: 249.5, quantity: 2 }),
    log.attributed({ id: 'o2', ts: START, ad: 'cpc', price: 0.07, quantity: 3 }),
    log.attributed({ id: 'o3', ts: START, ad: 'of nobody', price: 1 }),
    log.attributed({ id: 'o4', ts: START, price: 10, item: 2 }),
  ])
  assert.deepEqual(fates, ['applied', 'applied', 'applied', 'applied'])
  assert.deepEqual(bills.ledger(), [`o1 cpa ${DAY} 7890000 cpa`])
  assert.deepEqual(bills.allCounted(), {
    [`1 ${DAY}`]: { orders: 3, attributed_orders: 3, revenue_paise: 49_900 + 21 + 100, attributed_paise: 49_900 + 21 + 100 },
    [`2 ${DAY}`]: { orders: 1, revenue_paise: 1_000 },
  })
  assert.deepEqual(bills.countedByAd(), {
    [`cpa ${DAY}`]: { attributed_orders: 1, attributed_paise: 49_900 },
    [`cpc ${DAY}`]: { attributed_orders: 1, attributed_paise: 21 },
    [`of nobody ${DAY}`]: { attributed_orders: 1, attributed_paise: 100 },
  })
})

test("a bot's order earns nothing and counts nowhere", () => {
  using bills = billing()
  const fates = bills.orders.apply([recordsAt().attributed({ id: 'o', ts: START, ad: 'cpa', isBot: true })])
  assert.deepEqual([fates, bills.ledger(), bills.allCounted(), bills.countedByAd()], [['skipped'], [], {}, {}])
})

test('an order that comes again is a duplicate, over a restart too', () => {
  using bills = billing()
  const log = recordsAt()
  const order = () => log.attributed({ id: 'o', ts: START, ad: 'cpa' })
  assert.deepEqual(bills.orders.apply([order(), order()]), ['applied', 'duplicate'])
  bills.orders.restart()
  assert.deepEqual(bills.orders.apply([order()]), ['duplicate'])
  assert.deepEqual([bills.ledger().length, bills.counted(1, DAY)['orders']], [1, 1])
})

test('what is no attributed order is dead', () => {
  using bills = billing()
  const good = recordsAt().attributed({ id: 'o', ts: START })
  for (const value of ['{', 'null', '[]', '{}', good.value.replace('"price":100', '"price":"100"')]) {
    const [fate] = bills.orders.apply([{ ...good, value }])
    assert.equal((fate as { dead: string }).dead, 'invalid_event', value)
  }
})

test('an order is of the day of its event time, an order at midnight of the new one', () => {
  using bills = billing()
  const log = recordsAt()
  const midnight = Date.parse(NEXT_DAY)
  bills.orders.apply([
    log.attributed({ id: 'last', ts: midnight - 1, ad: 'cpa' }),
    log.attributed({ id: 'first', ts: midnight, ad: 'cpa' }),
  ])
  assert.deepEqual(bills.ledger(), [`first cpa ${NEXT_DAY} 7890000 cpa`, `last cpa ${DAY} 7890000 cpa`])
})

const credited = [`cancel cpa ${NEXT_DAY} -7890000 credit`, `o cpa ${DAY} 7890000 cpa`]

test("a cancellation after the charge credits it, on the cancellation's day", () => {
  using bills = billing()
  const log = recordsAt()
  bills.orders.apply([log.attributed({ id: 'o', ts: START, ad: 'cpa' })])
  bills.clicks.apply([log.order({ id: 'cancel', orderId: 'order-of-o', ts: LATER, type: 'cancelled' })])
  assert.deepEqual(bills.ledger(), credited)
})

test('a cancellation that is read before the charge credits it too', () => {
  using bills = billing()
  const log = recordsAt()
  const fates = bills.clicks.apply([log.order({ id: 'cancel', orderId: 'order-of-o', ts: LATER, type: 'cancelled' })])
  assert.deepEqual([fates, bills.ledger()], [['applied'], []])
  bills.orders.restart()
  bills.orders.apply([log.attributed({ id: 'o', ts: START, ad: 'cpa' })])
  assert.deepEqual(bills.ledger(), credited)
})

test('an order that is cancelled twice, or whose cancellation comes again, is credited once', () => {
  using bills = billing()
  const log = recordsAt()
  const cancel = (id: string) => log.order({ id, orderId: 'order-of-o', ts: LATER, type: 'cancelled' })
  bills.orders.apply([log.attributed({ id: 'o', ts: START, ad: 'cpa' })])
  assert.deepEqual(bills.clicks.apply([cancel('cancel'), cancel('cancel'), cancel('another')]), ['applied', 'duplicate', 'applied'])
  bills.clicks.restart()
  bills.clicks.apply([cancel('a third')])
  assert.deepEqual(bills.ledger(), credited)
})

test('an order that was charged nothing is credited nothing, and no other status credits', () => {
  using bills = billing()
  const log = recordsAt()
  bills.orders.apply([log.attributed({ id: 'free', ts: START, ad: 'cpc' }), log.attributed({ id: 'o', ts: START, ad: 'cpa' })])
  const fates = bills.clicks.apply([
    log.order({ id: 'c1', orderId: 'order-of-free', ts: LATER, type: 'cancelled' }),
    log.order({ id: 'c2', orderId: 'of nobody', ts: LATER, type: 'cancelled' }),
    log.order({ id: 's1', orderId: 'order-of-o', ts: LATER, type: 'confirmed' }),
    log.order({ id: 's2', orderId: 'order-of-o', ts: LATER, type: 'delivered' }),
  ])
  assert.deepEqual(fates, ['applied', 'applied', 'skipped', 'skipped'])
  assert.deepEqual(bills.ledger(), [`o cpa ${DAY} 7890000 cpa`])
})

test('a batch that is rolled back charges nothing, and then once', () => {
  using bills = billing()
  const batch = [recordsAt().attributed({ id: 'o', ts: START, ad: 'cpa' })]
  bills.orders.applyAndRollBack(batch)
  assert.deepEqual([bills.ledger(), bills.allCounted()], [[], {}])
  bills.orders.apply(batch)
  assert.deepEqual([bills.ledger().length, bills.counted(1, DAY)['orders']], [1, 1])
})

test('revenue beyond what a number of paise may be spoils no neighbour: the handler refuses it', () => {
  using bills = billing()
  const log = recordsAt()
  const neighbour = log.attributed({ id: 'neighbour', ts: START, item: 2, ad: 'cpa' })
  assert.throws(() => bills.orders.apply([neighbour, log.attributed({ id: 'absurd', ts: START, price: 1e300 })]))
  assert.deepEqual([bills.ledger(), bills.allCounted()], [[], {}])
  bills.orders.apply([neighbour])
  assert.deepEqual([bills.ledger().length, bills.counted(2, DAY)['orders']], [1, 1])
  bills.orders.apply([log.attributed({ id: 'huge', ts: START, price: 1_000_000, quantity: 100_000 })])
  assert.equal(bills.counted(1, DAY)['revenue_paise'], 10_000_000_000_000)
})

test('a budget that was passed raises no second alert when credits have brought the day below it and more is charged', async () => {
  using bills = billing()
  const log = recordsAt()
  const orders = (from: number, count: number) =>
    Array.from({ length: count }, (_, n) => log.attributed({ id: `${from + n}`, ts: START, ad: 'cpa with a budget' }))
  bills.orders.apply(orders(0, 3))
  assert.deepEqual(await bills.alerts(), [])
  bills.orders.apply(orders(3, 1))
  assert.equal((await bills.alerts()).length, 1)
  bills.clicks.apply([0, 1, 2].map((n) => log.order({ id: `cancel ${n}`, orderId: `order-of-${n}`, ts: START, type: 'cancelled' })))
  bills.orders.apply(orders(4, 5))
  assert.equal(bills.ledger().length, 12)
  assert.equal((await bills.alerts()).length, 1)
})

interface Happening {
  ad: 'cpa' | 'cpc' | 'of nobody' | undefined
  isBot: boolean
  price: number
  quantity: number
  day: number
  again: boolean
  cancelledAfterDays: number | null
}

const happening: fc.Arbitrary<Happening> = fc.record({
  ad: fc.constantFrom('cpa', 'cpa', 'cpa', 'cpc', 'of nobody', undefined),
  isBot: fc.constantFrom(false, false, false, true),
  price: fc.nat(1_000_000).map((paise) => paise / 100),
  quantity: fc.integer({ min: 1, max: 5 }),
  day: fc.nat(2),
  again: fc.boolean(),
  cancelledAfterDays: fc.option(fc.nat(2)),
})
const at = (day: number) => START + day * 86_400_000

/** The rules, word for word. */
function oracle(happenings: readonly Happening[]) {
  const ledger: string[] = []
  const byAd: Record<string, Record<string, number>> = {}
  let [orders, paise] = [0, 0]
  happenings.forEach(({ ad, isBot, price, quantity, day, cancelledAfterDays }, n) => {
    if (isBot) return
    orders += 1
    const worth = Math.round(price * 100) * quantity
    paise += worth
    if (ad !== undefined) {
      const { attributed_orders: before = 0, attributed_paise: paiseBefore = 0 } = byAd[`${ad} ${dayOf(at(day))}`] ?? {}
      byAd[`${ad} ${dayOf(at(day))}`] = {
        attributed_orders: before + 1,
        ...(paiseBefore + worth > 0 && { attributed_paise: paiseBefore + worth }),
      }
    }
    if (ad !== 'cpa') return
    ledger.push(`o${n} cpa ${dayOf(at(day))} 7890000 cpa`)
    if (cancelledAfterDays !== null) ledger.push(`c${n} cpa ${dayOf(at(day + cancelledAfterDays))} -7890000 credit`)
  })
  return { ledger: ledger.sort(), orders, paise, byAd }
}

test(`charges and credits equal the naive rules over ${TIMELINES} timelines, whichever reader is ahead and whatever the batches`, () => {
  // Each turn is of a reader; 0 is its restart, -1 a batch that is rolled back first.
  const turn = fc.record({ reader: fc.constantFrom('orders', 'clicks'), size: fc.constantFrom(0, -1, 1, 2, 5, 20) })
  fc.assert(
    fc.property(fc.array(happening, { minLength: 1, maxLength: 30 }), fc.array(turn, { maxLength: 40 }), (happenings, turns) => {
      using bills = billing()
      const log = recordsAt()
      const waiting: Record<'orders' | 'clicks', LogRecord[]> = { orders: [], clicks: [] }
      happenings.forEach(({ ad, day, again, cancelledAfterDays, ...more }, n) => {
        const order = () => log.attributed({ id: `o${n}`, user: `u${n % 3}`, ts: at(day), ...more, ...(ad === undefined ? {} : { ad }) })
        waiting.orders.push(order())
        if (again) waiting.orders.push(order())
        if (cancelledAfterDays === null) return
        // A user of its own each, so that none is late.
        const cancel = {
          id: `c${n}`,
          user: `u${n}`,
          orderId: `order-of-o${n}`,
          ts: at(day + cancelledAfterDays),
          type: 'cancelled' as const,
        }
        waiting.clicks.push(log.order(cancel))
        if (again) waiting.clicks.push(log.order(cancel))
      })
      waiting.clicks.sort((a, b) => (JSON.parse(a.value) as { ts: number }).ts - (JSON.parse(b.value) as { ts: number }).ts)
      for (const { reader, size } of [...turns, { reader: 'clicks', size: 1_000 }, { reader: 'orders', size: 1_000 }] as const) {
        const batch = waiting[reader].splice(0, Math.max(1, size))
        if (size === 0) bills[reader].restart()
        if (size === -1) bills[reader].applyAndRollBack(batch)
        if (batch.length > 0) bills[reader].apply(batch)
        bills.ledger()
      }
      const counts = Object.values(bills.allCounted())
      const sum = (what: string) => counts.reduce((total, each) => total + (each[what] ?? 0), 0)
      assert.deepEqual(
        { ledger: bills.ledger(), orders: sum('orders'), paise: sum('revenue_paise'), byAd: bills.countedByAd() },
        oracle(happenings),
      )
    }),
    { numRuns: TIMELINES },
  )
})

test('it keeps up to when it has charged, in each partition, over a restart and what was rolled back', () => {
  using bills = billing()
  const log = recordsAt()
  const times = () =>
    bills.db
      .prepare("select time_ms from places where reader = 'billing-orders' order by partition")
      .all()
      .map((row) => row['time_ms'])
  const at = (id: string, ts: number, user: string) => log.attributed({ id, ts, user, ad: 'cpa' })
  const [first, other] = [at('o1', START + 5, 'u1'), at('o2', START + 3, 'u2')]
  assert.notEqual(first.partition, other.partition)
  bills.orders.apply([first, other])
  const expected = [-1, -1, -1]
  expected[first.partition] = START + 5
  expected[other.partition] = START + 3
  assert.deepEqual(times(), expected)
  bills.orders.applyAndRollBack([at('lost', START + 60_000, 'u1')])
  bills.orders.restart()
  // A bot's order counts as charged, and a repeat too.
  bills.orders.apply([first, log.attributed({ id: 'o3', ts: START + 9, user: 'u2', isBot: true })])
  expected[other.partition] = START + 9
  assert.deepEqual(times(), expected)
})
