import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserEnvironment } from './environment.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

test('ids are UUIDs, also on a page that is neither https nor localhost and has no randomUUID', (t) => {
  const { newId } = browserEnvironment()
  assert.match(newId(), UUID)
  const whole = crypto
  t.mock.getter(
    globalThis,
    'crypto',
    () => ({ getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => whole.getRandomValues(bytes) }) as Crypto,
  )
  const ids = Array.from({ length: 100 }, newId)
  assert.ok(ids.every((id) => UUID.test(id)))
  assert.equal(new Set(ids).size, 100)
})
