import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Report } from 'flowguard/answers'
import { nothingIn } from './nothing.ts'

const titleOf = (name: Report['name'], through: string | null) =>
  nothingIn({ name, fresh: { made_at: '2019-12-01T00:00:00.000Z', loaded_through: through, days_made: 7, behind: null } }).title

test('days of clicks alone have no order; that nothing was loaded is said of no days with events', () => {
  for (const name of ['gmv', 'hours'] as const) assert.equal(titleOf(name, '2019-11-30T23:59:00.000Z'), 'No order in these days')
  assert.match(titleOf('cohorts', '2019-11-30T23:59:00.000Z'), /^Nobody ordered for the first time/)
  for (const name of ['gmv', 'funnel', 'cohorts'] as const) assert.equal(titleOf(name, null), 'Nothing in these days')
})
