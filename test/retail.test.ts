import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { assertBalanced } from './support/answers.ts'
import { REFERENCE } from './support/files.ts'
import { startMachine, type Machine } from './support/machine.ts'

interface Answer {
  accepted: number
  rejected: Record<string, number>
  gmv: string
  per_day: Record<string, object>
}

/** A year of a shop's invoices where the reference data is and there is time for it, else its first days: either with its answer. */
const WHOLE = process.env['FLOWGUARD_SOAK'] === undefined ? undefined : REFERENCE
const STEM = WHOLE === undefined ? join(ROOT, 'data/online-retail-cut') : join(WHOLE, 'online-retail')
const PER_DAY = `select strftime(date, '%Y-%m-%d') as day, order_count as order_lines, total_items_sold, cast(total_revenue as varchar) as total_revenue,
  unique_users, new_users, returning_users from gold.daily_gmv_metrics order by date`

async function told<T>(machine: Machine, ...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await machine.cli(...args, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as T
}

test(`${WHOLE === undefined ? 'days' : 'a year'} of invoices by their mapping, sent, loaded and made into gold: every day to the penny`, async () => {
  const expected = JSON.parse(readFileSync(`${STEM}-expected.json`, 'utf8')) as Answer
  const days = Object.keys(expected.per_day)
  await using machine = await startMachine()
  const map = join(ROOT, 'data/online-retail.sql')
  const sent = await told<{ accepted: number; rejected: number; rejected_by_cause: Record<string, { count: number }> }>(
    machine,
    ...['replay', `${STEM}.csv.gz`, '--map', map, '--speed', 'max', '--drain'],
  )
  assert.equal(sent.accepted, expected.accepted)
  assert.deepEqual(
    Object.fromEntries(Object.entries(sent.rejected_by_cause).map(([cause, { count }]) => [cause, count])),
    expected.rejected,
  )
  const range = ['--from', days[0]!, '--to', days.at(-1)!]
  const run = await told<{ state: string; checks_failed: number }>(machine, 'etl', 'backfill', ...range)
  assert.deepEqual([run.state, run.checks_failed], ['done', 0])
  const rows = await told<{ day: string }[]>(machine, 'sql', PER_DAY, '--limit', '1000')
  assert.deepEqual(Object.fromEntries(rows.map(({ day, ...figures }) => [day, figures])), expected.per_day)
  const [sum] = await told<object[]>(machine, 'sql', 'select cast(sum(total_revenue) as varchar) as gmv from gold.daily_gmv_metrics')
  assert.deepEqual(sum, { gmv: expected.gmv })
  const [flags] = await told<object[]>(
    machine,
    ...['sql', 'select (select count(*) from bronze.orders_raw) - (select count(*) from silver.orders_clean) as dropped'],
  )
  assert.deepEqual(flags, { dropped: 0 })
  assertBalanced(machine.dataDir)
})
