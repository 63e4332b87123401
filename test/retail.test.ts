import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RunDetail } from '../packages/pipeline/src/etl/store.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { assertBalanced } from './support/answers.ts'
import { REFERENCE } from './support/files.ts'
import { startMachine, until, type Machine } from './support/machine.ts'

interface Answer {
  accepted: number
  rejected: Record<string, number>
  gmv: string
  per_day: Record<string, object>
}

/** A year of a shop's invoices where the reference data is and there is time for it, else its first days: either with its answer. */
const HAS_TIME = process.env['FLOWGUARD_SOAK'] !== undefined
const WHOLE = HAS_TIME && REFERENCE !== undefined && existsSync(join(REFERENCE, 'online-retail.csv.gz')) ? REFERENCE : undefined
const STEM = WHOLE === undefined ? join(ROOT, 'data/online-retail-cut') : join(WHOLE, 'online-retail')
const ETL_MS_MAX = 150_000
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
    'replay',
    `${STEM}.csv.gz`,
    '--map',
    map,
    '--speed',
    'max',
    '--drain',
  )
  assert.equal(sent.accepted, expected.accepted)
  assert.deepEqual(
    Object.fromEntries(Object.entries(sent.rejected_by_cause).map(([cause, { count }]) => [cause, count])),
    expected.rejected,
  )
  const range = ['--from', days[0]!, '--to', days.at(-1)!]
  // The schedule makes up for missed days by itself, and may be at it: two at once are refused.
  let run: Partial<RunDetail> = {}
  const asked = async () => {
    const { code, stdout, stderr } = await machine.cli('etl', 'backfill', ...range, '--json')
    if (stderr.includes('is at work')) return false
    assert.equal(code, 0, stderr)
    run = JSON.parse(stdout) as typeof run
    return true
  }
  await until('the days asked for are made', asked, ETL_MS_MAX)
  assert.equal(run.state, 'done')
  // Its items are not those of the catalogue, and its days are as uneven as they were: both only warn.
  const failed = (run.checks ?? []).filter(({ state, name }) => state === 'failed' && !/^(references|volume): /.test(name))
  assert.deepEqual(failed, [])
  const rows = await told<{ day: string }[]>(machine, 'sql', PER_DAY, '--limit', '1000')
  assert.deepEqual(Object.fromEntries(rows.map(({ day, ...figures }) => [day, figures])), expected.per_day)
  const [sum] = await told<object[]>(machine, 'sql', 'select cast(sum(total_revenue) as varchar) as gmv from gold.daily_gmv_metrics')
  assert.deepEqual(sum, { gmv: expected.gmv })
  const dropped = 'select (select count(*) from bronze.orders_raw) - (select count(*) from silver.orders_clean) as dropped'
  const [flags] = await told<object[]>(machine, 'sql', dropped)
  assert.deepEqual(flags, { dropped: 0 })
  await assertBalanced(machine.dataDir)
})
