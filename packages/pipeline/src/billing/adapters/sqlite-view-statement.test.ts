import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ATTRIBUTED, CHARGE_KINDS, dayOf, DAY_MS, isoOf, LATENESS_MS, type StatementLine } from '@flowguard/contract'
import fc from 'fast-check'
import { START } from '../../reader/testing/fixture.ts'
import { LINES_COUNT_MAX } from '../billing-view.ts'
import { ADS } from '../testing/fixture.ts'
import { charge, openedView as opened } from '../testing/view.ts'

test("whatever was charged, a statement's total is the sum of its lines, of its ads, and the advertiser's in the list, to the thousandth of a paisa", async () => {
  const some = fc.record({
    adId: fc.constantFrom(...ADS.map(({ adId }) => adId as string)),
    day: fc.constantFrom('2026-01-29', '2026-01-30', '2026-01-31'),
    kind: fc.constantFrom(...CHARGE_KINDS),
    amount: fc.oneof(fc.constantFrom(1, 123, 456_000, 7_890_001), fc.integer({ min: 1, max: 100_000_000_000 })),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(some, { maxLength: 60 }), async (charged) => {
      using at = opened()
      const signed = charged.map(({ amount, ...each }) => ({ ...each, amount: each.kind === 'credit' ? -amount : amount }))
      at.charge(...signed.map((each, n) => ({ eventId: `e${n}`, ...each })))
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

const WATERMARK = isoOf(START + 40_000)

/** All readers have read this far, and nothing waits to be charged. */
function standing(at: ReturnType<typeof opened>) {
  at.stand('billing', START + 60_000)
  at.stand('stream', START + 40_000 + LATENESS_MS)
  for (const partition of [0, 1]) at.stand('billing-orders', -1, ATTRIBUTED, { partition })
}

test('a bill says up to when all has been charged: what both readers of events have passed', async () => {
  using at = opened()
  standing(at)
  assert.equal((await at.view.statement('advertiser', 'f', 't'))?.as_of, WATERMARK)
  assert.equal((await at.view.advertisers('f', 't')).as_of, WATERMARK)
  at.stand('billing', START + 30_000)
  assert.equal((await at.view.advertisers('f', 't')).as_of, isoOf(START + 20_000))
  for (const reader of ['billing', 'stream']) {
    standing(at)
    at.stand(reader, -1)
    assert.equal((await at.view.advertisers('f', 't')).as_of, null, reader)
  }
})

test('while attributed orders wait to be charged, a bill is only as of the last that was', async () => {
  using at = opened()
  const asOf = async () => (await at.view.advertisers('f', 't')).as_of
  standing(at)
  await at.answer(1, 5)
  assert.equal(await asOf(), null, 'none of them was charged')
  at.stand('billing-orders', START + 7_000, ATTRIBUTED, { partition: 1, next: 4 })
  assert.equal(await asOf(), isoOf(START + 7_000))
  await at.answer(0, 1)
  assert.equal(await asOf(), null, 'those of one partition')
  at.stand('billing-orders', START + 6_000, ATTRIBUTED, { partition: 0, next: 1 })
  assert.equal(await asOf(), isoOf(START + 7_000), 'who has caught up holds nothing back')
  at.stand('billing-orders', START + 7_000, ATTRIBUTED, { partition: 1, next: 5 })
  assert.equal(await asOf(), WATERMARK)
  at.stand('billing-orders', START + 7_000, ATTRIBUTED, { partition: 1, next: 0 })
  assert.equal(await asOf(), null, 'back at its start')
})

test('before the reader of attributed orders has begun, nothing is said', async () => {
  using at = opened()
  at.stand('billing', START)
  at.stand('stream', START)
  assert.equal((await at.view.advertisers('f', 't')).as_of, null)
})

const many = Array.from({ length: 301 }, (_, n) => ({ ...ADS[1]!, adId: `ad ${n}` as (typeof ADS)[number]['adId'] }))

/** A millisecond an asking, and an ad's charge each. */
function openedOfMany() {
  let ms = 0
  const at = opened(
    () => (ms += 1),
    async () => many,
  )
  at.charge(...many.map(({ adId }) => charge(adId, '2026-01-31', { adId, amount: 1 })))
  return at
}

/** How often others had their turn meanwhile. */
async function turnsDuring<T>(work: Promise<T>): Promise<[T, number]> {
  let [turns, isOver] = [0, false]
  const counting = (async () => {
    for (; !isOver; turns += 1) await setImmediate()
  })()
  const found = await work.finally(() => (isOver = true))
  await counting
  return [found, turns]
}

test('while the bills of many ads are summed up, others have their turn every few milliseconds', async () => {
  using at = openedOfMany()
  const [{ advertisers, total }, turns] = await turnsDuring(at.view.advertisers('2026-01-31', '2026-01-31'))
  assert.deepEqual([advertisers.length, advertisers[0]?.cpc.count, total], [1, 301, 0.00301])
  assert.ok(turns >= 301 / 10, `${turns} turns`)
})

test('and while a statement is, or its file', async () => {
  using at = openedOfMany()
  const [statement, turns] = await turnsDuring(at.view.statement('advertiser', '2026-01-31', '2026-01-31'))
  assert.deepEqual([statement?.lines.length, statement?.ads.length, statement?.total], [301, 301, 0.00301])
  assert.ok(turns >= 301 / 10, `${turns} turns`)
  const [lines, more] = await turnsDuring(linesOf(at, '2026-01-31', '2026-01-31'))
  assert.deepEqual(lines, statement?.lines)
  assert.ok(more >= 301 / 10, `${more} turns`)
})

async function linesOf({ view }: ReturnType<typeof opened>, from: string, to: string): Promise<StatementLine[]> {
  const lines: StatementLine[] = []
  for await (const some of (await view.lines('advertiser', from, to)) ?? []) lines.push(...some)
  return lines
}

test('a statement tells its first lines and how many there are; its sums are of all, and its file has all', async () => {
  using at = opened()
  const perAd = LINES_COUNT_MAX / 2
  const days = Array.from({ length: perAd }, (_, n) => dayOf(START + n * DAY_MS))
  const of = (adId: string, day: string, amount: number) =>
    charge(`${adId} ${day}`, day, { adId, amount, kind: amount < 0 ? 'credit' : 'cpc' })
  at.charge(...days.map((day) => of('cpm', day, 1)), ...days.map((day) => of('cpc', day, 1)))
  const [from, to] = ['2026-01-01', '2099-12-31']
  const whole = (await at.view.statement('advertiser', from, to))!
  assert.deepEqual([whole.lines.length, whole.lines_total], [LINES_COUNT_MAX, LINES_COUNT_MAX])
  at.charge(of('cpa', days[0]!, -3))
  const cut = (await at.view.statement('advertiser', from, to))!
  assert.deepEqual(cut.lines, whole.lines)
  assert.deepEqual([cut.lines_total, cut.total, cut.credits], [LINES_COUNT_MAX + 1, (LINES_COUNT_MAX - 3) / 100_000, -0.00003])
  assert.equal(cut.ads.find(({ ad_id: ad }) => ad === 'cpa')?.total, -0.00003)
  const all = await linesOf(at, from, to)
  assert.deepEqual([all.length, all.at(-1)?.amount], [LINES_COUNT_MAX + 1, -0.00003])
  assert.equal(await at.view.lines('nobody', from, to), undefined)
})
