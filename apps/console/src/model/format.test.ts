import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exactMoney, sumOfMoney } from './format.ts'

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
