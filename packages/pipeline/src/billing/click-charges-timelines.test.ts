import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayOf, LATENESS_MS } from '@flowguard/contract'
import { fc } from '../kernel/testing/chance.ts'
import type { LogRecord } from '../log/event-log.ts'
import { recordsAt, START, type SentClick } from '../reader/testing/fixture.ts'
import { ADS, billing, DOUBLE_CLICK_MS } from './testing/fixture.ts'

const TIMELINES = process.env['FLOWGUARD_SOAK'] ? 10_000 : 100

/** One event, when it happened, how much later it arrived, and how often again. */
interface Happening extends Pick<SentClick, 'ad' | 'type' | 'isBot' | 'item'> {
  user: string
  step: number
  jitter: number
  again: number[]
}

const within = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(LATENESS_MS - 1) })
const happening: fc.Arbitrary<Happening> = fc.record({
  user: fc.constantFrom('u1', 'u1', 'u2', 'u3'),
  ad: fc.constantFrom('cpc', 'cpc', 'cpc', 'cpm', 'cpa', 'of nobody', 'cpc with a budget'),
  type: fc.constantFrom('click', 'click', 'click', 'impression'),
  item: fc.constantFrom(1, 1, 2, null),
  isBot: fc.constantFrom(false, false, false, false, true),
  step: fc.constantFrom(0, 0, 1, 500, 1_000, 1_999, 2_000, 2_001, 60_000, 300_000),
  jitter: within,
  again: fc.array(within, { maxLength: 2 }),
})

/** In the order of their arrival: within the bound, so that none is late. */
function arrivalsOf(happenings: readonly Happening[]): { click: SentClick; at: number }[] {
  let ts = START
  return happenings
    .flatMap(({ step, jitter, again, ...more }, n) => {
      ts += step
      // Ids that do not sort as they happen.
      const click = { id: `e-${(n * 7919) % 1000}-${n}`, ts, ...more } as SentClick & { ts: number }
      return [jitter, ...again].map((delay) => ({ click, at: click.ts + delay }))
    })
    .sort((a, b) => a.at - b.at)
}

type Counted = Record<string, Record<string, number>>

/** The rules, word for word, over everything at once. */
function oracle(happenings: readonly Happening[], doubleClickMs: number): { ledger: string[]; counted: Counted; byAd: Counted } {
  const all = new Map(arrivalsOf(happenings).map(({ click }) => [click.id, click]))
  const valid = [...all.values()].filter(({ isBot }) => !isBot).sort((a, b) => a.ts - b.ts || (a.id < b.id ? -1 : 1))
  const counted: Counted = {}
  const byAd: Counted = {}
  const plusOne = (all: Counted, key: string, what: string) => {
    const counts = (all[key] ??= {})
    counts[what] = (counts[what] ?? 0) + 1
  }
  const count = ({ item, ts }: SentClick, what: string) => item !== null && plusOne(counted, `${item} ${dayOf(ts)}`, what)
  const ledger: string[] = []
  valid.forEach((each, at) => {
    const ad = ADS.find(({ adId }) => adId === each.ad)
    const what = each.type === 'click' ? 'clicks' : 'impressions'
    count(each, what)
    if (each.item !== null || ad) plusOne(byAd, `${each.ad} ${dayOf(each.ts)}`, what)
    if (each.type === 'impression' && ad?.pricing === 'cpm') ledger.push(`${each.id} cpm ${dayOf(each.ts)} 123 cpm`)
    if (each.type !== 'click' || ad?.pricing !== 'cpc') return
    const isDouble = valid
      .slice(0, at)
      .some(({ type, user, ad: other, ts }) => type === 'click' && user === each.user && other === each.ad && each.ts - ts < doubleClickMs)
    if (isDouble) count(each, 'double_clicks')
    else ledger.push(`${each.id} ${each.ad} ${dayOf(each.ts)} ${ad.rate * 1_000} cpc`)
  })
  return { ledger: ledger.sort(), counted, byAd }
}

test(`ledger and counters equal the naive rules over ${TIMELINES} timelines, whatever the arrival, the batches and the restarts`, () => {
  // 0 is a restart, -1 a batch that is rolled back first.
  const sizes = fc.array(fc.constantFrom(1, 2, 5, 20, 0, -1), { minLength: 1, maxLength: 6 })
  const doubleClickMs = fc.constantFrom(DOUBLE_CLICK_MS, 0, 500, 60_001)
  fc.assert(
    fc.property(
      fc.array(happening, { minLength: 1, maxLength: 40 }),
      sizes,
      doubleClickMs,
      fc.nat(9),
      (happenings, turns, window, beatEvery) => {
        using bills = billing({ doubleClickMs: window })
        const log = recordsAt()
        const arrivals = arrivalsOf(happenings)
        const records = arrivals.flatMap(({ click }, n): LogRecord[] => {
          // Heartbeats as the gateway sends them: of the highest time accepted.
          const highest = Math.max(...arrivals.slice(0, n + 1).map((each) => each.click.ts))
          return [log.click(click), ...(beatEvery > 0 && n % beatEvery === 0 ? log.heartbeats(highest) : [])]
        })
        records.push(...log.closing(Math.max(...arrivals.map(({ click }) => click.ts))))
        for (let from = 0, turn = 0; from < records.length; turn += 1) {
          const size = turns[turn % turns.length]!
          const batch = records.slice(from, from + Math.max(3, size))
          if (size === 0) bills.clicks.restart()
          if (size === -1) bills.clicks.applyAndRollBack(batch)
          const fates = bills.clicks.apply(batch)
          assert.ok(!fates.includes('late'))
          bills.ledger()
          from += batch.length
        }
        assert.deepEqual({ ledger: bills.ledger(), counted: bills.allCounted(), byAd: bills.countedByAd() }, oracle(happenings, window))
      },
    ),
    { numRuns: TIMELINES },
  )
})
