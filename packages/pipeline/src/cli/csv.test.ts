import assert from 'node:assert/strict'
import test from 'node:test'
import { csvFields, eventOfRow, isQuoteOpen } from './csv.ts'

test('a record is split at its commas, and quotes hold commas, quotes and line ends', () => {
  assert.deepEqual(csvFields('a,b,,d'), ['a', 'b', '', 'd'])
  assert.deepEqual(csvFields('"a,b","c ""d""","e\nf",g'), ['a,b', 'c "d"', 'e\nf', 'g'])
  assert.deepEqual(csvFields('"",""'), ['', ''])
  assert.deepEqual(csvFields('"a",'), ['a', ''])
  assert.deepEqual(csvFields('a,"b"'), ['a', 'b'])
})

test('a quote in the wrong place is a fault', () => {
  assert.equal(csvFields('a"b,c'), undefined)
  assert.equal(csvFields('"a"b,c'), undefined)
  assert.equal(csvFields('"a'), undefined)
})

test('a record goes on while a quote is open', () => {
  assert.equal(isQuoteOpen('a,"b'), true)
  assert.equal(isQuoteOpen('a,"b""'), true)
  assert.equal(isQuoteOpen('a,"b"""'), false)
  assert.equal(isQuoteOpen('a,b'), false)
})

test('cells become what the contract wants of their column; empty ones are absent', () => {
  const header = ['event_type', 'user_id', 'item_id', 'price', 'quantity', 'is_click', 'metadata', 'timestamp', 'campaign', 'city']
  const row = ['order', '007', '12', '99.50', ' 2 ', 'FALSE', '{"a":1}', '2026-01-01T00:00:00Z', '5', '']
  assert.deepEqual(eventOfRow(header, row), {
    event_type: 'order',
    user_id: '007',
    item_id: 12,
    price: 99.5,
    quantity: 2,
    is_click: false,
    metadata: { a: 1 },
    timestamp: '2026-01-01T00:00:00Z',
    campaign: '5',
  })
})

test('what is no number stays text, for the gateway to refuse', () => {
  assert.deepEqual(eventOfRow(['item_id', 'price', 'is_click', 'metadata'], ['0x10', 'free', 'maybe', '{oops']), {
    item_id: '0x10',
    price: 'free',
    is_click: 'maybe',
    metadata: '{oops',
  })
})

test('a column named __proto__ is a column', () => {
  assert.deepEqual(Object.keys(eventOfRow(['__proto__'], ['x'])), ['__proto__'])
})
