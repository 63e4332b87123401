import assert from 'node:assert/strict'
import { test } from 'node:test'
import { traceIdOf, traceparentOf } from './trace-context.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const MADE = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/

test("a client's traceparent is carried on as it is", () => {
  for (const flags of ['00', '01', 'ff']) assert.equal(traceparentOf(`00-${TRACE}-${PARENT}-${flags}`), `00-${TRACE}-${PARENT}-${flags}`)
})

test('one of a later version is carried on as far as it is known', () => {
  assert.equal(traceparentOf(`cc-${TRACE}-${PARENT}-01`), `00-${TRACE}-${PARENT}-01`)
  assert.equal(traceparentOf(`cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`), `00-${TRACE}-${PARENT}-01`)
})

test('one that is not valid is replaced', () => {
  const bad = [
    undefined,
    '',
    'traceparent',
    `ff-${TRACE}-${PARENT}-01`,
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01-more`,
    `00-${TRACE}-${PARENT}-01.`,
    `cc-${TRACE}-${PARENT}-01.more`,
    `00-${TRACE}-${PARENT}-0`,
    `00-${TRACE}-${PARENT}`,
    `00-${TRACE.slice(1)}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01\n`,
    ` 00-${TRACE}-${PARENT}-01`,
    `0-${TRACE}-${PARENT}-01`,
  ]
  for (const header of bad) {
    const made = traceparentOf(header)
    assert.match(made, MADE, String(header))
    assert.notEqual(traceIdOf(made), TRACE)
  }
})

test('every one that is made is another', () => {
  const made = Array.from({ length: 2_000 }, () => traceparentOf(undefined))
  assert.ok(made.every((each) => MADE.test(each)))
  assert.equal(new Set(made.map(traceIdOf)).size, made.length)
  assert.equal(new Set(made.map((each) => each.slice(36, 52))).size, made.length)
})

test('the trace id is the part that all of an event have in common', () => {
  assert.equal(traceIdOf(`00-${TRACE}-${PARENT}-01`), TRACE)
})
