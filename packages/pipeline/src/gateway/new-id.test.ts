import assert from 'node:assert/strict'
import { test } from 'node:test'
import { validate, version } from 'uuid'
import { createIdSource } from './new-id.ts'

test('ids are UUIDv7s of the clock, all different, and rise even where the clock does not', () => {
  const now = { ms: Date.parse('2026-03-01T12:00:00Z') }
  const newId = createIdSource(() => now.ms)
  const ids: string[] = []
  for (let made = 0; made < 5_000; made += 1) {
    if (made % 1_000 === 999) now.ms += made % 2_000 === 999 ? 1 : -5
    ids.push(newId())
  }
  assert.ok(ids.every((id) => validate(id) && version(id) === 7))
  assert.equal(new Set(ids).size, ids.length)
  assert.deepEqual(ids, [...ids].sort())
  assert.equal(Number.parseInt((ids[0] as string).replaceAll('-', '').slice(0, 12), 16), Date.parse('2026-03-01T12:00:00Z'))
})
