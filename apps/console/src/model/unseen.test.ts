import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lastSeen, seenIn, unseenCount } from './unseen.ts'

const alerts = { total: 5, newest: 11, log: 'a' }

test('what came after the last one seen is unseen, and all that is kept where none was', () => {
  assert.equal(unseenCount(alerts, { log: 'a', offset: 9 }), 2)
  assert.equal(unseenCount(alerts, { log: 'a', offset: 11 }), 0)
  assert.equal(unseenCount(alerts, { log: 'a', offset: 2 }), 5)
  assert.equal(unseenCount(alerts, undefined), 5)
})

test('what was seen of another log says nothing of this one', () => {
  assert.equal(unseenCount(alerts, { log: 'b', offset: 11 }), 5)
  assert.equal(lastSeen('a', { log: 'b', offset: 11 }), -1)
})

test('where there are no alerts, or nothing is known yet, none is unseen', () => {
  assert.equal(unseenCount({ total: 0, newest: null, log: 'a' }, undefined), 0)
  assert.equal(unseenCount(undefined, undefined), 0)
})

test('what was kept in another form is as if nothing had been', () => {
  assert.deepEqual(seenIn('{"log":"a","offset":3}'), { log: 'a', offset: 3 })
  for (const text of [null, '', '7', 'null', '{"log":1,"offset":3}', '{"log":"a"}']) assert.equal(seenIn(text), undefined, String(text))
})
