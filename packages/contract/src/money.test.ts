import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AdId } from './ids.ts'
import {
  chargeOf,
  isWholePaise,
  milliToRupees,
  PRICE_RUPEES_MAX,
  QUANTITY_MAX,
  toPaise,
  toRupees,
  type Ad,
  type MinorUnits,
} from './money.ts'

const paise = fc.integer({ min: 0, max: PRICE_RUPEES_MAX * 100 })

test('every amount of two decimals is whole paise, and comes back as it was written', () => {
  fc.assert(
    fc.property(paise, (count) => {
      const written = `${Math.floor(count / 100)}.${String(count % 100).padStart(2, '0')}`
      const rupees = Number(written)
      assert.ok(isWholePaise(rupees), written)
      assert.equal(toPaise(rupees), count)
      assert.equal(toRupees(count), rupees)
    }),
    { numRuns: 20_000 },
  )
})

test('an amount of three decimals or more is not', () => {
  for (const rupees of [0.001, 0.005, 1.005, 249.999, 0.1 + 0.2, 1e-9, 999_999.991, 100.0000001])
    assert.equal(isWholePaise(rupees), false, String(rupees))
  fc.assert(
    fc.property(paise, fc.integer({ min: 1, max: 9 }), (count, third) => {
      assert.equal(isWholePaise(Number(`${Math.floor(count / 100)}.${String(count % 100).padStart(2, '0')}${third}`)), false)
    }),
    { numRuns: 5_000 },
  )
})

test('amounts that floating point cannot hold are still exact in paise', () => {
  for (const [rupees, count] of [
    [0.29, 29],
    [1.1, 110],
    [4.35, 435],
    [1_000_000, 100_000_000],
    [999_999.99, 99_999_999],
    [0, 0],
  ] as const) {
    assert.equal(toPaise(rupees), count)
  }
})

test('the dearest order there can be is a safe integer of paise', () => {
  assert.ok(Number.isSafeInteger(toPaise(PRICE_RUPEES_MAX) * QUANTITY_MAX))
})

test('a cpm charge is a thousandth of the rate, a cpc or cpa charge all of it, and both are whole', () => {
  const ad = (pricing: Ad['pricing'], rate: number): Ad => ({
    adId: 'ad_1' as AdId,
    itemId: 1,
    campaignId: 'c',
    advertiserId: 'a',
    pricing,
    rate: rate as MinorUnits,
    dailyBudget: 0 as MinorUnits,
  })
  assert.deepEqual(
    (['cpm', 'cpc', 'cpa'] as const).map((pricing) => chargeOf(ad(pricing, 12_345))),
    [12_345, 12_345_000, 12_345_000],
  )
  fc.assert(
    fc.property(paise, fc.constantFrom('cpm', 'cpc', 'cpa'), (rate, pricing) => {
      const charge = chargeOf(ad(pricing, rate))
      assert.ok(Number.isSafeInteger(charge))
      assert.equal(charge * (pricing === 'cpm' ? 1_000 : 1), rate * 1_000)
    }),
  )
  assert.equal(milliToRupees(chargeOf(ad('cpm', 12_345)) * 1_000), 123.45)
  assert.equal(milliToRupees(1), 0.00001)
})
