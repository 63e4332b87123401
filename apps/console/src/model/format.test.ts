import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ago, clockInstant, clockText, count, duration, exactMoney, exactMoneyOf, money, sumOfMoney } from './format.ts'

test('an amount is shown to the thousandth of a paisa, and with two decimals at least', () => {
  assert.equal(exactMoney(0.00001), '₹0.00001')
  assert.equal(exactMoney(58.0905), '₹58.0905')
  assert.equal(exactMoney(486), '₹486.00')
  assert.equal(exactMoney(-12.5), '-₹12.50')
})

test('amounts are summed without a rounding', () => {
  assert.equal(sumOfMoney(Array.from({ length: 1_000 }, () => 0.10001)), 100.01)
  assert.equal(sumOfMoney([0.1, 0.2, -0.3]), 0)
  assert.equal(sumOfMoney([]), 0)
})

test('amounts of one column have as many decimals each, and are grouped as counts are', () => {
  const show = exactMoneyOf([2_890.291, 2_971.5, -3])
  assert.deepEqual([2_890.291, 2_971.5, -3].map(show), ['₹2,890.291', '₹2,971.500', '-₹3.000'])
  assert.equal(exactMoneyOf([])(1), '₹1.00')
  assert.equal(exactMoneyOf([0.1 + 0.2])(0.3), '₹0.30')
  assert.deepEqual([money(1_234_567.5), count(1_234_567)], ['₹1,234,567.50', '1,234,567'])
})

test('a duration is rounded first, then its unit is chosen, and what is nothing is left out', () => {
  for (const [ms, text] of [
    [0, '0 ms'],
    [0.04, '0 ms'],
    [2.34, '2.3 ms'],
    [9.97, '10 ms'],
    [999.6, '1.0 s'],
    [9_940, '9.9 s'],
    [9_960, '10 s'],
    [59_600, '1 min'],
    [119_700, '2 min'],
    [90_000, '1 min 30 s'],
    [3_599_800, '1 h'],
    [3_660_000, '1 h 1 min'],
    [7 * 86_400_000, '7 d'],
    [172_799_000, '2 d'],
    [-90_000, '1 min 30 s'],
    [NaN, '–'],
  ] as const)
    assert.equal(duration(ms), text, String(ms))
})

test('how long ago is said in one unit', () => {
  assert.deepEqual(
    [ago(59_999), ago(60_000), ago(47.9 * 3_600_000), ago(48 * 3_600_000)],
    ['just now', '1 min ago', '47 h ago', '2 days ago'],
  )
})

test('a time that is none leaves its field empty, and a field that says none gives none', () => {
  assert.equal(clockText('abc', 'utc'), '')
  assert.equal(clockText('2026-03-01T10:20:30.400Z', 'utc'), '2026-03-01T10:20:30')
  assert.deepEqual([clockInstant('12026-01-01T00:00', 'utc'), clockInstant('', 'local')], ['', ''])
  assert.equal(clockInstant('2026-03-01T10:20', 'utc'), '2026-03-01T10:20:00.000Z')
})
