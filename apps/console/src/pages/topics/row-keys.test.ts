import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowAfter } from './row-keys.ts'

const TEN = { count: 10, page: 4 }

test('the arrows go by one row, Page by what is seen, Home and End to the ends, and none past them', () => {
  const led = ['ArrowDown', 'ArrowUp', 'PageDown', 'PageUp', 'Home', 'End'].map((key) => [5, 0, 9].map((at) => rowAfter(key, at, TEN)))
  assert.deepEqual(led, [
    [6, 1, 9],
    [4, 0, 8],
    [9, 4, 9],
    [1, 0, 5],
    [0, 0, 0],
    [9, 9, 9],
  ])
})

test('another key leads nowhere', () => assert.equal(rowAfter('Enter', 5, TEN), undefined))
