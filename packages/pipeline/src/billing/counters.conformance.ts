import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { ATTRIBUTED, CHARGE_KINDS, dayOf, DAY_MS, isoOf, LATENESS_MS, type StatementLine, type Topic } from '@flowguard/contract'
import { fc } from '../kernel/testing/chance.ts'
import { START } from '../reader/testing/fixture.ts'
import { LINES_COUNT_MAX, type BillingView } from './billing-view.ts'
import type { Charge, ItemCounts } from './tables.ts'
import { ADS } from './testing/fixture.ts'
import { charge, other } from './testing/view.ts'

/** A pipeline's store, and a view of what it counts. What is written is told the view before it resolves. */
export interface CountersAt extends AsyncDisposable {
  view: BillingView
  charge(...charges: Charge[]): Promise<void>
  count(item: number, day: string, counts: Partial<ItemCounts>): Promise<void>
  /** A reader has seen this time. */
  stand(reader: string, timeMs: number, topic?: Topic, at?: { partition?: number; next?: number }): Promise<void>
  /** So many orders were answered. */
  answer(partition: number, count: number): Promise<void>
}

type Open = () => Promise<CountersAt>

/** What bills and figures hold to, wherever the counters lie. */
export function countersConformance(name: string, open: Open): void {
  billsConformance(name, open)
  figuresConformance(name, open)
  asOfConformance(name, open)
}

const url = (ad: string, day: string, kind: string) => `/api/v1/billing/ads/${ad}/events?date=${day}&kind=${kind}`
const WATERMARK = isoOf(START + 40_000)

/** All readers have read this far, and nothing waits to be charged. */
async function standing(at: CountersAt): Promise<void> {
  await at.stand('billing', START + 60_000)
  await at.stand('stream', START + 40_000 + LATENESS_MS)
  for (const partition of [0, 1]) await at.stand('billing-orders', -1, ATTRIBUTED, { partition })
}

async function linesOf({ view }: CountersAt, from: string, to: string): Promise<StatementLine[]> {
  const lines: StatementLine[] = []
  for await (const some of (await view.lines('advertiser', from, to)) ?? []) lines.push(...some)
  return lines
}

function billsConformance(name: string, open: Open): void {
  test(`${name}: an ad's bill has a line a day and kind, and its total is their exact sum`, async () => {
    await using at = await open()
    await at.charge(charge('a', '2026-01-30'), charge('b', '2026-01-31'), charge('c', '2026-01-31'))
    await at.charge(charge('x', '2026-01-31', { amount: -123, kind: 'credit' }), charge('d', '2026-02-01'))
    await at.charge(charge('e', '2026-01-31', { adId: 'cpa', kind: 'cpa' }))
    assert.deepEqual(await at.view.adBill('cpc', '2026-01-31', '2026-02-01'), {
      ad_id: 'cpc',
      item_id: 1,
      campaign_id: 'campaign',
      advertiser_id: 'advertiser',
      pricing: 'cpc',
      rate: 4.56,
      from: '2026-01-31',
      to: '2026-02-01',
      total: 13.67877,
      lines: [
        { ad_id: 'cpc', date: '2026-01-31', kind: 'cpc', count: 2, amount: 9.12, events_url: url('cpc', '2026-01-31', 'cpc') },
        { ad_id: 'cpc', date: '2026-01-31', kind: 'credit', count: 1, amount: -0.00123, events_url: url('cpc', '2026-01-31', 'credit') },
        { ad_id: 'cpc', date: '2026-02-01', kind: 'cpc', count: 1, amount: 4.56, events_url: url('cpc', '2026-02-01', 'cpc') },
      ],
    })
  })

  test(`${name}: both ends of the days are in, and outside of them nothing is`, async () => {
    await using at = await open()
    const days = ['2025-12-31', '2026-01-01', '2026-01-02', '2026-01-03']
    for (const day of days) await at.charge(charge(day, day))
    const billed = async (from: string, to: string) => (await at.view.adBill('cpc', from, to))?.lines.map(({ date }) => date)
    assert.deepEqual(await billed('2026-01-01', '2026-01-02'), days.slice(1, 3))
    assert.deepEqual(await billed('2026-01-02', '2026-01-02'), days.slice(2, 3))
    assert.deepEqual(await billed('2026-01-02', '2026-01-01'), [])
    assert.deepEqual(await billed('0000-01-01', '9999-12-31'), days)
  })

  test(`${name}: a statement has the lines of all ads of its advertiser, and of no other`, async () => {
    await using at = await open()
    await at.charge(charge('a', '2026-01-31'), charge('b', '2026-01-31', { adId: 'cpm', amount: 123, kind: 'cpm' }))
    await at.charge(
      charge('c', '2026-01-31', { adId: other.adId, amount: 1, kind: 'cpm' }),
      charge('d', '2026-01-31', { adId: 'in no ads table' }),
    )
    const statement = await at.view.statement('advertiser', '2026-01-31', '2026-01-31')
    assert.deepEqual([statement?.total, statement?.lines.map(({ ad_id }) => ad_id)], [4.56123, ['cpm', 'cpc']])
    const theirs = await at.view.statement('another', '2026-01-31', '2026-01-31')
    assert.deepEqual(
      theirs?.lines.map(({ amount, events_url }) => [amount, events_url]),
      [[0.00001, url('of%20another%2Fad%3F', '2026-01-31', 'cpm')]],
    )
  })

  test(`${name}: an advertiser without charges has an empty statement; whoever has no ads, none`, async () => {
    await using at = await open()
    const { ads: own, ...empty } = (await at.view.statement('advertiser', 'f', 't'))!
    assert.deepEqual(empty, {
      advertiser_id: 'advertiser',
      from: 'f',
      to: 't',
      as_of: null,
      total: 0,
      credits: 0,
      lines_total: 0,
      lines: [],
    })
    assert.ok(own.length === ADS.length && own.every(({ last_day: last, total }) => last === null && total === 0))
    assert.ok(isDeepStrictEqual((await at.view.adBill('cpa', 'f', 't'))?.lines, []))
    assert.equal(await at.view.statement('nobody', 'f', 't'), undefined)
    assert.equal(await at.view.adBill('nothing', 'f', 't'), undefined)
  })

  test(`${name}: a thousand lines of fractions are summed without a rounding`, async () => {
    await using at = await open()
    await at.charge(...Array.from({ length: 1_000 }, (_, n) => charge(`${n}`, `day ${String(n).padStart(4, '0')}`, { amount: 10_001 })))
    assert.equal((await at.view.adBill('cpc', 'day', 'day 9999'))?.total, 100.01)
  })

  test(`${name}: an ad's spending stands beside its daily budget: credits aside, and over it only where it passed it`, async () => {
    await using at = await open()
    const ad = 'cpc with a budget'
    const days = { '2026-01-29': 300_000, '2026-01-30': 300_001, '2026-01-31': 250_000 }
    for (const [day, amount] of Object.entries(days)) await at.charge(charge(day, day, { adId: ad, amount }))
    await at.charge(charge('x', '2026-01-31', { adId: ad, amount: -250_000, kind: 'credit' }))
    const statement = await at.view.statement('advertiser', '2026-01-01', '2026-01-31')
    assert.deepEqual(
      statement?.ads.find(({ ad_id }) => ad_id === ad),
      {
        ad_id: ad,
        item_id: 1,
        campaign_id: 'campaign',
        pricing: 'cpc',
        rate: 1,
        daily_budget: 3,
        last_day: { date: '2026-01-31', spent: 2.5 },
        days_over: 1,
        total: 6.00001,
      },
    )
    assert.equal(statement.ads.find(({ ad_id }) => ad_id === 'cpc')?.daily_budget, null)
  })

  test(`${name}: every advertiser is listed, the greatest total first, and what nobody owns apart`, async () => {
    await using at = await open()
    await at.charge(charge('a', '2026-01-31'), charge('b', '2026-01-31', { adId: 'cpm', amount: 123, kind: 'cpm' }))
    await at.charge(charge('x', '2026-01-31', { amount: -1, kind: 'credit' }), charge('old', '2026-01-30'))
    await at.charge(
      charge('c', '2026-01-31', { adId: other.adId, amount: 456_123 }),
      charge('d', '2026-01-31', { adId: 'in no ads table' }),
    )
    const none = { count: 0, amount: 0 }
    assert.deepEqual(await at.view.advertisers('2026-01-31', '2026-01-31'), {
      from: '2026-01-31',
      to: '2026-01-31',
      as_of: null,
      total: 9.12245,
      unassigned: 4.56,
      advertisers: [
        { advertiser_id: 'another', ads: 1, cpm: none, cpc: { count: 1, amount: 4.56123 }, cpa: none, credit: none, total: 4.56123 },
        {
          advertiser_id: 'advertiser',
          ads: ADS.length,
          cpm: { count: 1, amount: 0.00123 },
          cpc: { count: 1, amount: 4.56 },
          cpa: none,
          credit: { count: 1, amount: -0.00001 },
          total: 4.56122,
        },
      ],
    })
    const empty = await at.view.advertisers('2026-03-01', '2026-03-31')
    assert.deepEqual(
      [empty.total, empty.unassigned, empty.advertisers.map(({ advertiser_id: id }) => id)],
      [0, 0, ['advertiser', 'another']],
    )
  })

  test(`${name}: the events behind a line come in pages, the last of which says so even where it is full`, async () => {
    await using at = await open()
    const line = { adId: 'cpc', day: '2026-01-31', kind: 'cpc' as const }
    for (let n = 0; n < 7; n += 1) {
      await at.charge(
        charge(`e${n}`, line.day),
        charge(`x${n}`, '2026-02-01'),
        charge(`y${n}`, line.day, { kind: 'credit' }),
        charge(`z${n}`, line.day, { adId: 'cpm' }),
      )
    }
    const pages = async (limit: number) => {
      const found: string[][] = []
      for (let after: number | null = 0; after !== null;) {
        const page = await at.view.events({ ...line, after, limit })
        assert.deepEqual([page.ad_id, page.date, page.kind, page.total], ['cpc', line.day, 'cpc', 7])
        found.push(page.events.map(({ event_id, amount }) => `${event_id} ${amount}`))
        after = page.next_after
      }
      return found
    }
    const all = Array.from({ length: 7 }, (_, n) => `e${n} 4.56`)
    assert.deepEqual(await pages(3), [all.slice(0, 3), all.slice(3, 6), all.slice(6)])
    assert.deepEqual(await pages(7), [all])
    assert.deepEqual(await pages(100), [all])
    assert.deepEqual(
      await pages(1),
      all.map((each) => [each]),
    )
    assert.deepEqual(await at.view.events({ ...line, day: '2026-03-01', after: 0, limit: 5 }), {
      ad_id: 'cpc',
      date: '2026-03-01',
      kind: 'cpc',
      total: 0,
      next_after: null,
      events: [],
    })
  })

  test(`${name}: whatever was charged, a statement's total is the sum of its lines, of its ads, and the advertiser's in the list, to the thousandth of a paisa`, async () => {
    const some = fc.record({
      adId: fc.constantFrom(...ADS.map(({ adId }) => adId as string)),
      day: fc.constantFrom('2026-01-29', '2026-01-30', '2026-01-31'),
      kind: fc.constantFrom(...CHARGE_KINDS),
      amount: fc.oneof(fc.constantFrom(1, 123, 456_000, 7_890_001), fc.integer({ min: 1, max: 100_000_000_000 })),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(some, { maxLength: 60 }), async (charged) => {
        await using at = await open()
        const signed = charged.map(({ amount, ...each }) => ({ ...each, amount: each.kind === 'credit' ? -amount : amount }))
        await at.charge(...signed.map((each, n) => ({ eventId: `e${n}`, ...each })))
        const milli = (rupees: number) => Math.round(rupees * 100_000)
        const sum = (amounts: number[]) => amounts.reduce((all, each) => all + each, 0)
        const exact = sum(signed.map(({ amount }) => amount))
        const [from, to] = ['2026-01-01', '2026-01-31']
        const { total, credits, lines, ads: own } = (await at.view.statement('advertiser', from, to))!
        const listed = await at.view.advertisers(from, to)
        assert.equal(total, exact / 100_000)
        assert.equal(milli(credits), sum(signed.filter(({ kind }) => kind === 'credit').map(({ amount }) => amount)))
        assert.equal(sum(lines.map(({ amount }) => milli(amount))), exact)
        assert.equal(sum(own.map((each) => milli(each.total))), exact)
        assert.equal(listed.advertisers.find(({ advertiser_id: id }) => id === 'advertiser')?.total, exact / 100_000)
        assert.equal(milli(listed.total), exact)
      }),
      { numRuns: 30 },
    )
  })

  test(`${name}: a statement tells its first lines and how many there are; its sums are of all, and its file has all`, async () => {
    await using at = await open()
    const perAd = LINES_COUNT_MAX / 2
    const days = Array.from({ length: perAd }, (_, n) => dayOf(START + n * DAY_MS))
    const of = (adId: string, day: string, amount: number) =>
      charge(`${adId} ${day}`, day, { adId, amount, kind: amount < 0 ? 'credit' : 'cpc' })
    await at.charge(...days.map((day) => of('cpm', day, 1)), ...days.map((day) => of('cpc', day, 1)))
    const [from, to] = ['2026-01-01', '2099-12-31']
    const whole = (await at.view.statement('advertiser', from, to))!
    assert.deepEqual([whole.lines.length, whole.lines_total], [LINES_COUNT_MAX, LINES_COUNT_MAX])
    await at.charge(of('cpa', days[0]!, -3))
    const cut = (await at.view.statement('advertiser', from, to))!
    assert.deepEqual(cut.lines, whole.lines)
    assert.deepEqual([cut.lines_total, cut.total, cut.credits], [LINES_COUNT_MAX + 1, (LINES_COUNT_MAX - 3) / 100_000, -0.00003])
    assert.equal(cut.ads.find(({ ad_id: ad }) => ad === 'cpa')?.total, -0.00003)
    const all = await linesOf(at, from, to)
    assert.deepEqual([all.length, all.at(-1)?.amount], [LINES_COUNT_MAX + 1, -0.00003])
    assert.equal(await at.view.lines('nobody', from, to), undefined)
  })
}

function figuresConformance(name: string, open: Open): void {
  test(`${name}: an item's day has its counts, its revenue in rupees and its rates`, async () => {
    await using at = await open()
    const counts = { impressions: 8, clicks: 4, doubleClicks: 1, orders: 3, attributedOrders: 1, revenuePaise: 12_345, attributedPaise: 5 }
    await at.count(7, '2026-01-31', counts)
    await at.count(7, '2026-02-01', { impressions: 99 })
    assert.deepEqual(await at.view.itemDay(7, '2026-01-31'), {
      item_id: 7,
      date: '2026-01-31',
      impressions: 8,
      clicks: 4,
      orders: 3,
      attributed_orders: 1,
      revenue: 123.45,
      attributed_revenue: 0.05,
      ctr: 0.5,
      cvr: 0.25,
    })
  })

  test(`${name}: a rate is 0 where its divisor is 0, and an item that nobody saw has zeros`, async () => {
    await using at = await open()
    await at.count(7, '2026-01-31', { clicks: 4 })
    await at.count(8, '2026-01-31', { orders: 3, attributedOrders: 1 })
    const rates = async (item: number) => {
      const { ctr, cvr } = await at.view.itemDay(item, '2026-01-31')
      return [ctr, cvr]
    }
    assert.deepEqual(
      [await rates(7), await rates(8), await rates(9)],
      [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    )
    const { item_id: _item, date: _date, ...zeros } = await at.view.itemDay(9, '2026-01-31')
    assert.deepEqual(new Set(Object.values(zeros)), new Set([0]))
  })

  test(`${name}: revenue of more paise than a number holds exactly is answered, nearly`, async () => {
    await using at = await open()
    const largest = 10_000_000_000_000 * 500
    for (let n = 0; n < 20; n += 1) await at.count(7, '2026-01-31', { orders: 500, revenuePaise: largest, attributedPaise: 1 })
    const { revenue, attributed_revenue, orders } = await at.view.itemDay(7, '2026-01-31')
    assert.deepEqual({ revenue, attributed_revenue, orders }, { revenue: 1e15, attributed_revenue: 0.2, orders: 10_000 })
  })
}

function asOfConformance(name: string, open: Open): void {
  test(`${name}: a bill says up to when all has been charged: what both readers of events have passed`, async () => {
    await using at = await open()
    await standing(at)
    assert.equal((await at.view.statement('advertiser', 'f', 't'))?.as_of, WATERMARK)
    assert.equal((await at.view.advertisers('f', 't')).as_of, WATERMARK)
    await at.stand('billing', START + 30_000)
    assert.equal((await at.view.advertisers('f', 't')).as_of, isoOf(START + 20_000))
    for (const reader of ['billing', 'stream']) {
      await standing(at)
      await at.stand(reader, -1)
      assert.equal((await at.view.advertisers('f', 't')).as_of, null, reader)
    }
  })

  test(`${name}: while attributed orders wait to be charged, a bill is only as of the last that was`, async () => {
    await using at = await open()
    const asOf = async () => (await at.view.advertisers('f', 't')).as_of
    await standing(at)
    await at.answer(1, 5)
    assert.equal(await asOf(), null, 'none of them was charged')
    await at.stand('billing-orders', START + 7_000, ATTRIBUTED, { partition: 1, next: 4 })
    assert.equal(await asOf(), isoOf(START + 7_000))
    await at.answer(0, 1)
    assert.equal(await asOf(), null, 'those of one partition')
    await at.stand('billing-orders', START + 6_000, ATTRIBUTED, { partition: 0, next: 1 })
    assert.equal(await asOf(), isoOf(START + 7_000), 'who has caught up holds nothing back')
    await at.stand('billing-orders', START + 7_000, ATTRIBUTED, { partition: 1, next: 5 })
    assert.equal(await asOf(), WATERMARK)
    await at.stand('billing-orders', START + 7_000, ATTRIBUTED, { partition: 1, next: 0 })
    assert.equal(await asOf(), null, 'back at its start')
  })

  test(`${name}: before the reader of attributed orders has begun, nothing is said`, async () => {
    await using at = await open()
    await at.stand('billing', START)
    await at.stand('stream', START)
    assert.equal((await at.view.advertisers('f', 't')).as_of, null)
  })
}
