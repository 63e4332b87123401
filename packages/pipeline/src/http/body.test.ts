import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEPTH_MAX } from '@flowguard/contract'
import { isDeeperThan, linesOf, parseJson } from './body.ts'
import { fc } from '../kernel/testing/chance.ts'

const ONE = { bytesMax: 1024, wrappers: 0 }
const nested = (levels: number) => Buffer.from('['.repeat(levels) + ']'.repeat(levels))

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

test('32 levels pass, 33 do not; a batch may wrap one more', () => {
  assert.ok('value' in parseJson(nested(DEPTH_MAX), ONE))
  const fault = parseJson(nested(DEPTH_MAX + 1), ONE)
  assert.ok(!('value' in fault) && fault.status === 400 && fault.code === 'too_deep')
  assert.ok('value' in parseJson(nested(DEPTH_MAX + 1), { ...ONE, wrappers: 1 }))
})

test('depth is told before parsing, however much there is of it', () => {
  const fault = parseJson(Buffer.from('['.repeat(1_000_000)), ONE)
  assert.ok(!('value' in fault) && fault.code === 'too_deep')
})

test('brackets in text are no depth, escaped quotes and all', () => {
  const text = JSON.stringify({ a: '[[[[{{{{"[[[[\\', '[[["': ['\\"[['] })
  assert.equal(isDeeperThan(Buffer.from(text), 2), false)
  assert.equal(isDeeperThan(Buffer.from(text), 1), true)
  assert.equal(isDeeperThan(Buffer.from('"unended [[['), 0), false)
})

test('the depth of any JSON is what walking it gives', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const bytes = Buffer.from(JSON.stringify(value))
      const depth = depthOf(value)
      return !isDeeperThan(bytes, depth) && (depth === 0 || isDeeperThan(bytes, depth - 1))
    }),
  )
})

for (const [name, bytes, code] of [
  ['nothing', undefined, 'malformed_json'],
  ['no bytes', Buffer.alloc(0), 'malformed_json'],
  ['bytes that are no UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 'malformed_json'],
  ['a trailing comma', Buffer.from('{"a":1,}'), 'malformed_json'],
  ['NaN', Buffer.from('{"a":NaN}'), 'malformed_json'],
  ['over the limit', Buffer.from(`"${'x'.repeat(1024)}"`), 'event_too_large'],
] as const) {
  test(`refuses ${name}`, () => {
    const fault = parseJson(bytes, ONE)
    assert.ok(!('value' in fault))
    assert.equal(fault.code, code)
  })
}

test('a byte order mark is passed over', () => {
  assert.deepEqual(parseJson(Buffer.from('\ufeff{"a":1}'), ONE), { value: { a: 1 } })
})

test('lines are split at line feeds, blank ones left out', () => {
  const lines = linesOf(Buffer.from('{"a":1}\r\n\n  \t\r\n{bad\n{"b":"ü"}'))
  assert.deepEqual(lines.map(String), ['{"a":1}\r', '{bad', '{"b":"ü"}'])
  assert.deepEqual(linesOf(Buffer.alloc(0)), [])
})
