import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { openMachine, smallDay } from '../ops/fixture.ts'
import { openDuckdb } from '../warehouse/adapters/duckdb.ts'
import type { Exported } from '../warehouse/export.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { fakeGateway } from './testing/gateway.ts'
import { holding } from './testing/holder.ts'
import { run, temporaryFolder } from './testing/run.ts'

const DAY = '2026-03-01'
const TABLES = [
  'gold.ad_attribution',
  'gold.daily_gmv_metrics',
  'gold.food_item_performance',
  'gold.hourly_order_patterns',
  'gold.user_cohort_metrics',
  'gold.user_funnel_metrics',
  'billing.charges_daily',
  'etl.days',
]

async function loadedFolder() {
  const folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await smallDay(machine)
  const cli = (...args: string[]) => run([...args, '--data-dir', folder.path])
  return Object.assign(folder, { cli, copy: folder.file(WAREHOUSE.copy) })
}

async function inCopy<T>(file: string, tempDir: string, sql: string): Promise<T[]> {
  await using copy = openDuckdb({ path: file, tempDir, memoryMb: 256, threads: 1, readOnly: true })
  using session = await copy.session()
  return await session.rows<T>(sql)
}

test('where FlowGuard does not run, the command makes the copy itself: gold with the charges of the ledger, and nobody by their id', async () => {
  using folder = await loadedFolder()
  const empty = await folder.cli('warehouse', 'export')
  assert.equal(empty.code, 0, empty.stderr)
  assert.match(
    empty.stdout,
    /^table +rows\n[^]*gold\.daily_gmv_metrics +0\n[^]*reports\.duckdb: [\d.]+ [KM]iB \(.*charges of 1 day brought up to date\)/,
  )
  assert.doesNotMatch(empty.stderr, /Nothing is in it/, 'the ledger is')

  assert.equal((await folder.cli('etl', 'run', '--date', DAY)).code, 0)
  const { stdout } = await folder.cli('warehouse', 'export', '--json')
  const made = JSON.parse(stdout) as Exported
  assert.deepEqual([made.file, made.charged_days], [folder.copy, 0])
  assert.deepEqual(
    made.tables.map(({ name }) => name),
    TABLES,
  )
  const ask = <T>(sql: string) => inCopy<T>(folder.copy, folder.file('look.tmp'), sql)
  const revenue = 'select total_revenue, order_count from gold.daily_gmv_metrics'
  assert.deepEqual(await ask(revenue), JSON.parse((await folder.cli('sql', revenue, '--json')).stdout))
  const users = JSON.parse((await folder.cli('sql', 'select user_id from gold.user_cohort_metrics', '--json')).stdout) as object[]
  assert.ok(users.length > 0)
  assert.deepEqual(
    await ask('select user_id from gold.user_cohort_metrics order by user_id'),
    users.map((_row, at) => ({ user_id: String(at + 1) })),
  )
  const [columns] = await ask<{ names: string }>(
    `select string_agg(distinct column_name, ' ') as names from information_schema.columns where column_name like '%user%' or column_name like '%session%'`,
  )
  assert.match(columns!.names, /user_id/)
  assert.doesNotMatch(columns!.names, /session_id|user_agent/)
})

test('each ETL run is followed by an export, unless the setting says otherwise', async () => {
  using folder = await loadedFolder()
  const command = ['etl', 'run', '--date', DAY, '--data-dir', folder.path]
  assert.equal((await run(command, { env: { WAREHOUSE_EXPORT: 'off' } })).code, 0)
  assert.equal(existsSync(folder.copy), false)
  assert.equal((await run(command)).code, 0)
  assert.deepEqual(await inCopy(folder.copy, folder.file('look.tmp'), 'select count(*) as n from gold.daily_gmv_metrics'), [{ n: 1 }])
})

test('without a warehouse there is nothing to export', async () => {
  using folder = temporaryFolder()
  const { code, stderr } = await run(['warehouse', 'export', '--data-dir', folder.path])
  assert.equal(code, 1)
  assert.match(stderr, /warehouse\.duckdb is not there\n.*start FlowGuard/)
})

test('where another process has the warehouse it is asked, and what it says is said; where it does not answer, that', async () => {
  using folder = await loadedFolder()
  const holder = await holding(folder.path)
  await using ops = await fakeGateway()
  const command = ['warehouse', 'export', '--data-dir', folder.path, '--ops-url', ops.url]
  const env = { WRITE_KEY: 'fg_key', NO_COLOR: '1' }
  try {
    ops.told = () => ({
      body: {
        file: '/there/reports.duckdb',
        bytes: 1_048_576,
        tables: [{ name: 'gold.x', rows: 0 }],
        charged_days: 2,
        seconds: 0.5,
      } satisfies Exported,
    })
    const done = await run(command, { env })
    assert.equal(done.code, 0, done.stderr)
    assert.match(done.stdout, /gold\.x +0\n\n\/there\/reports\.duckdb: 1(\.0)? MiB \(500 ms, charges of 2 days brought up to date\)/)
    assert.match(done.stderr, /Nothing is in it yet/)
    const [asked] = ops.requests
    assert.deepEqual([asked?.method, asked?.url, asked?.headers.authorization], ['POST', '/api/warehouse/export', 'Bearer fg_key'])

    ops.told = () => ({ body: { file: null, bytes: 0, tables: [], charged_days: 0, seconds: 0.5 } satisfies Exported })
    assert.match((await run(command, { env })).stdout, /Nothing is copied: other programs ask this warehouse itself\./)

    // As where a scheduler runs: no data folder, an address.
    const elsewhere = ['warehouse', 'export', '--data-dir', folder.file('none'), '--ops-url', ops.url]
    assert.match((await run(elsewhere, { env })).stdout, /Nothing is copied/)

    ops.told = () => ({ status: 503, body: { detail: 'the disk is full: nothing was taken; try again later' } })
    const full = await run(command, { env })
    assert.equal(full.code, 1)
    assert.match(full.stderr, /503: the disk is full/)
    ops.told = () => ({ status: 503, body: { code: 'warehouse_corrupt', detail: 'the warehouse cannot be asked just now' } })
    for (const asking of [command, ['reconcile', '--date', '2026-01-01', ...command.slice(2)]])
      assert.match((await run(asking, { env })).stderr, /cannot be asked just now\n.*warehouse rebuild --force/)

    const away = await run([...command.slice(0, -1), 'http://127.0.0.1:1'], { env })
    assert.equal(away.code, 1)
    assert.match(away.stderr, /127\.0\.0\.1:1 does not answer/)
  } finally {
    holder.kill('SIGKILL')
  }
})
