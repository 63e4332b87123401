import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Alert, Compile, dayOf, LATENESS_MS, type Ad } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import { recordsAt, START } from '../reader/testing/fixture.ts'
import { ADS, billing } from './testing/fixture.ts'

const DAY = dayOf(START)

test('an impression of a cpm ad, and a click on a cpc ad, are charged to the thousandth of a paisa', () => {
  using bills = billing()
  const log = recordsAt()
  bills.clicks.apply([
    log.click({ id: 'i1', ad: 'cpm', ts: START, type: 'impression' }),
    log.click({ id: 'i2', ad: 'cpc', ts: START, type: 'impression' }),
    log.click({ id: 'c1', ad: 'cpc', ts: START }),
    log.click({ id: 'c2', ad: 'cpm', ts: START }),
    log.click({ id: 'c3', ad: 'cpa', ts: START }),
    log.click({ id: 'c4', ad: 'of nobody', ts: START }),
    ...log.closing(START),
  ])
  // ₹1.23 for 1,000 is 0.123 paise each; ₹4.56 is 456 paise.
  assert.deepEqual(bills.ledger(), [`c1 cpc ${DAY} 456000 cpc`, `i1 cpm ${DAY} 123 cpm`])
  assert.deepEqual(bills.counted(1, DAY), { clicks: 4, impressions: 2 })
  assert.deepEqual(bills.countedByAd(), {
    [`cpa ${DAY}`]: { clicks: 1 },
    [`cpc ${DAY}`]: { impressions: 1, clicks: 1 },
    [`cpm ${DAY}`]: { impressions: 1, clicks: 1 },
    [`of nobody ${DAY}`]: { clicks: 1 },
  })
})

test('a click that leads to no dish counts for its ad, and for nobody where the ad is none of ours', () => {
  using bills = billing()
  const log = recordsAt()
  const fates = bills.clicks.apply([
    log.click({ id: 'c1', ad: 'cpa', ts: START, item: null }),
    log.click({ id: 'c2', ad: 'of nobody', ts: START, item: null }),
  ])
  assert.deepEqual([fates, bills.allCounted(), bills.countedByAd()], [['applied', 'skipped'], {}, { [`cpa ${DAY}`]: { clicks: 1 } }])
})

test('a hover is counted as an impression and not charged; whatever else an impression says of itself, it is', () => {
  using bills = billing()
  const log = recordsAt()
  const shown = (id: string, metadata?: unknown) => log.click({ id, ad: 'cpm', ts: START, type: 'impression', metadata })
  const fates = bills.clicks.apply([
    shown('hovered', { impression: 'hover' }),
    shown('viewed', { impression: 'viewable' }),
    shown('silent'),
    shown('odd', 'hover'),
    ...log.closing(START),
  ])
  assert.deepEqual(fates.slice(0, 4), ['applied', 'applied', 'applied', 'applied'])
  assert.deepEqual(
    bills.ledger().map((row) => row.split(' ')[0]),
    ['odd', 'silent', 'viewed'],
  )
  assert.deepEqual(bills.counted(1, DAY), { impressions: 4 })
})

test('bots earn nothing and count nowhere', () => {
  using bills = billing()
  const log = recordsAt()
  const fates = bills.clicks.apply([
    log.click({ id: 'i', ad: 'cpm', ts: START, type: 'impression', isBot: true }),
    log.click({ id: 'c', ad: 'cpc', ts: START, isBot: true }),
    ...log.closing(START),
  ])
  assert.deepEqual([fates.slice(0, 2), bills.ledger(), bills.allCounted(), bills.countedByAd()], [['skipped', 'skipped'], [], {}, {}])
})

test("a bot's click makes nobody's a double click", () => {
  using bills = billing()
  const log = recordsAt()
  bills.clicks.apply([
    log.click({ id: 'bot', ad: 'cpc', ts: START, isBot: true }),
    log.click({ id: 'c', ad: 'cpc', ts: START + 1 }),
    ...log.closing(START + 1),
  ])
  assert.deepEqual(bills.ledger(), [`c cpc ${DAY} 456000 cpc`])
})

test('what is late is neither charged nor counted, whatever it is', () => {
  using bills = billing()
  const log = recordsAt()
  bills.clicks.apply(log.heartbeats(START))
  const late = START - LATENESS_MS - 1
  const fates = bills.clicks.apply([
    log.click({ id: 'i', ad: 'cpm', ts: late, type: 'impression' }),
    log.click({ id: 'c', ad: 'cpc', ts: late }),
    log.click({ id: 'in time', ad: 'cpc', ts: late + 1 }),
    ...log.closing(START),
  ])
  assert.deepEqual(fates.slice(0, 3), ['late', 'late', 'applied'])
  assert.deepEqual([bills.ledger(), bills.counted(1, DAY)], [[`in time cpc ${DAY} 456000 cpc`], { clicks: 1 }])
})

test('a repeat is a duplicate, with another content too: its dead letter is for the stream to write', () => {
  using bills = billing()
  const log = recordsAt()
  const fates = bills.clicks.apply([
    log.click({ id: 'c', ad: 'cpc', ts: START }),
    log.click({ id: 'c', ad: 'cpc', ts: START }),
    log.click({ id: 'c', ad: 'cpc', ts: START + 5_000, hash: 'other' }),
    log.click({ id: 'c', ad: 'cpc', ts: START, user: 'u2' }),
    ...log.closing(START + 5_000),
  ])
  assert.deepEqual(fates.slice(0, 4), ['applied', 'duplicate', 'duplicate', 'applied'])
  assert.deepEqual([bills.ledger().length, bills.counted(1, DAY)], [2, { clicks: 2 }])
})

test('a double click is counted and not charged, and the earlier one is charged even if it arrived later', () => {
  using bills = billing()
  const log = recordsAt()
  bills.clicks.apply([log.click({ id: 'later', ad: 'cpc', ts: START + 1_999 })])
  bills.clicks.restart()
  bills.clicks.apply([log.click({ id: 'earlier', ad: 'cpc', ts: START }), log.click({ id: 'free', ad: 'cpc', ts: START + 3_999 })])
  assert.deepEqual(bills.ledger(), [], 'nothing is decided before the watermark')
  bills.clicks.apply(log.closing(START + 3_999))
  assert.deepEqual(bills.ledger(), [`earlier cpc ${DAY} 456000 cpc`, `free cpc ${DAY} 456000 cpc`])
  assert.deepEqual(bills.counted(1, DAY), { clicks: 3, double_clicks: 1 })
})

test('a click decided long ago doubles the next, over a restart', () => {
  using bills = billing()
  const log = recordsAt()
  bills.clicks.apply([log.click({ id: 'first', ad: 'cpc', ts: START }), ...log.closing(START)])
  assert.equal(bills.ledger().length, 1)
  bills.clicks.restart()
  bills.clicks.apply([log.click({ id: 'second', ad: 'cpc', ts: START + 1_999 }), ...log.closing(START + 1_999)])
  assert.deepEqual([bills.ledger().length, bills.counted(1, DAY)], [1, { clicks: 2, double_clicks: 1 }])
})

test('a click is charged by the rate that held when it was read', () => {
  const ads = [...ADS]
  using bills = billing({ ads })
  const log = recordsAt()
  bills.clicks.apply([log.click({ id: 'c', ad: 'cpc', ts: START })])
  ads[1] = { ...ads[1]!, pricing: 'cpm', rate: 1 as Ad['rate'] }
  bills.clicks.restart()
  bills.clicks.apply(log.closing(START))
  assert.deepEqual(bills.ledger(), [`c cpc ${DAY} 456000 cpc`])
})

test('a day that passes its budget raises one alert, and one that meets it exactly none', async () => {
  using bills = billing()
  const log = recordsAt()
  // A minute apart, ₹1 each, with a budget of ₹3 a day.
  const click = (n: number) => [
    log.click({ id: `${n}`, ad: 'cpc with a budget', ts: START + n * 60_000 }),
    ...log.closing(START + n * 60_000),
  ]
  for (let n = 0; n < 3; n += 1) bills.clicks.apply(click(n))
  assert.deepEqual(await bills.alerts(), [])
  bills.clicks.apply(click(3))
  for (let n = 4; n < 9; n += 1) bills.clicks.apply(click(n))
  const passed = async () => (await bills.alerts()).map(({ alert_id, spent }) => [alert_id, spent])
  assert.deepEqual(await passed(), [[`budget/cpc with a budget/${DAY}`, 4]])
  const [alert] = await bills.alerts()
  assert.ok(Compile(Alert).Check(alert))
  assert.deepEqual([alert.kind, alert.severity, alert.ad_id, alert.daily_budget], ['budget_passed', 'warning', 'cpc with a budget', 3])
  // Midnight: ten more at once.
  bills.clicks.apply(Array.from({ length: 10 }, (_, n) => click(20 + n)).flat())
  assert.deepEqual((await passed())[1], ['budget/cpc with a budget/2026-02-01', 10])
  assert.equal((await passed()).length, 2)
})

test('a batch that is rolled back charges nothing, and then once', () => {
  using bills = billing()
  const log = recordsAt()
  const batch = [
    log.click({ id: 'i', ad: 'cpm', ts: START, type: 'impression' }),
    log.click({ id: 'c', ad: 'cpc', ts: START }),
    ...log.closing(START),
  ]
  bills.clicks.applyAndRollBack(batch)
  assert.deepEqual([bills.ledger(), bills.allCounted()], [[], {}])
  bills.clicks.apply(batch)
  assert.deepEqual([bills.ledger().length, bills.counted(1, DAY)], [2, { impressions: 1, clicks: 1 }])
})

test('what was counted before a record failed its batch is counted once', () => {
  using bills = billing()
  const log = recordsAt()
  const shown = log.click({ id: 'i', ad: 'cpm', ts: START, type: 'impression' })
  const broken = { ...log.click({ id: 'c', ad: 'cpc', ts: START }), headers: undefined } as unknown as LogRecord
  assert.throws(() => bills.clicks.apply([shown, broken]))
  bills.clicks.apply([shown, ...log.closing(START)])
  assert.deepEqual([bills.ledger(), bills.counted(1, DAY)], [[`i cpm ${DAY} 123 cpm`], { impressions: 1 }])
})

test('a click that waits is not lost with those that were read with it and are decided', () => {
  using bills = billing()
  const log = recordsAt()
  const click = (id: string, ts: number) => log.click({ id, ad: 'cpc', ts })
  const charged = () => bills.ledger().map((row) => row.split(' ')[0])
  bills.clicks.apply([
    click('early', START),
    click('waiting', START + 60_000),
    click('waiting-too', START + 55_000),
    ...log.heartbeats(START + 30_000),
  ])
  assert.deepEqual(charged(), ['early'])
  bills.clicks.restart()
  bills.clicks.apply(log.closing(START + 60_000))
  assert.deepEqual(charged(), ['early', 'waiting', 'waiting-too'])
})
