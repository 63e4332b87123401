import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../../../test/support/machine.ts'
import type { Progress } from '../etl/etl.ts'
import type { Plan } from '../etl/plan.ts'
import type { RunDetail, RunShown } from '../etl/store.ts'
import { openMachine, smallDay } from '../ops/fixture.ts'
import { openDuckdb } from '../warehouse/adapters/duckdb.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { fakeGateway, type Told } from './testing/gateway.ts'
import { holding } from './testing/holder.ts'
import { run, start, temporaryFolder } from './testing/run.ts'

const DAY = '2026-03-01'

/** A folder that no process works on, with a day in bronze. */
async function loadedFolder() {
  const folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await smallDay(machine)
  return Object.assign(folder, { cli: (...args: string[]) => run(['etl', ...args, '--data-dir', folder.path]) })
}

test('where FlowGuard does not run, the command opens the warehouse itself: planned, run, listed, shown', async () => {
  using folder = await loadedFolder()
  const { cli } = folder
  assert.match((await cli('runs')).stderr, /There has been no run/)
  const planned = JSON.parse((await cli('backfill', '--from', DAY, '--to', DAY, '--plan', '--json')).stdout) as Plan
  assert.deepEqual(
    planned.days.map(({ date, why }) => [date, why]),
    [[DAY, 'asked for']],
  )
  assert.match(
    (await cli('backfill', '--from', DAY, '--to', DAY, '--plan')).stdout,
    /^day +why +because +bronze rows\n2026-03-01 +asked for +never made +\d+\n\ntable [^]*gold\.daily_gmv_metrics +2026-03-01 +2026-03-01 +1 +0 +0 +1 +0 +0\n[^]*\d+ rows would change\. Nothing was written/,
  )
  assert.deepEqual(JSON.parse((await cli('runs', '--json')).stdout), [], 'a plan is no run')

  const made = await cli('run', '--date', DAY)
  assert.equal(made.code, 0, made.stdout + made.stderr)
  assert.match(made.stdout, /\n +1 .* done +operator +2026-03-01 /)
  assert.match(made.stdout, /\ngold\.daily_gmv_metrics +2026-03-01 +2026-03-01 /)
  assert.match(made.stdout, /\nrows in: of all tables that one reads, added up/)
  assert.match(made.stdout, /\d+ checks, \d+ passed, 3 no history yet, 1 nothing to refer to\n/)
  const again = await cli('backfill', '--from', DAY, '--to', DAY, '--json')
  const detail = JSON.parse(again.stdout) as RunDetail
  assert.deepEqual([again.code, detail.run_id, detail.state, detail.days_done], [0, 2, 'done', 1])

  assert.deepEqual(
    (JSON.parse((await cli('runs', '--json')).stdout) as RunShown[]).map(({ run_id: id }) => id),
    [2, 1],
  )
  assert.equal((await cli('runs', '--limit', '1')).stdout.trim().split('\n').length, 2)
  assert.equal((JSON.parse((await cli('runs', '2', '--json')).stdout) as RunDetail).steps.length, detail.steps.length)
  assert.match((await cli('runs', '2')).stdout, /^made by warehouse$/m)
  const none = await cli('runs', '9')
  assert.deepEqual([none.code, none.stdout], [1, ''])
  assert.match(none.stderr, /There is no run 9/)
})

test('days before all of bronze, and days that nobody asked for, are named by the plan and the run; with nothing left that is said', async () => {
  using folder = await loadedFolder()
  const { cli } = folder
  const plan = await cli('backfill', '--from', '2026-02-26', '--to', DAY, '--plan')
  assert.match(plan.stdout, /^Nothing of 2026-02-26 to 2026-02-28 is in bronze: 3 days without an event\.\n\nday /)
  const before = await cli('run', '--date', '2026-02-28')
  assert.equal(before.code, 0)
  assert.match(
    before.stdout,
    / 2026-02-28 +1 .*\nNothing of 2026-02-28 is in bronze\.\nMade besides what was asked for: 2026-03-01 \(stale\)\.\nmade by/,
  )
  const some = await cli('backfill', '--from', '2026-02-01', '--to', DAY)
  assert.match(some.stdout, /\nNothing of 2026-02-01 to 2026-02-28 is in bronze: 28 days without an event\.\nmade by/)
  const none = await cli('run', '--date', '2026-02-27')
  assert.match(none.stdout, / 2026-02-27 +0 .*\nNothing of 2026-02-27 is in bronze\.\n/)
  const exact = await cli('run', '--date', DAY)
  assert.doesNotMatch(exact.stdout, /in bronze|besides/)
  const rest = await cli('backfill', '--resume')
  assert.deepEqual([rest.code, rest.stdout], [0, ''])
  assert.match(rest.stderr, /^Run 5: nothing was left to make\.\n/)
  assert.match((await cli('backfill', '--resume', '--plan')).stderr, /^Nothing is left to make\.\n$/)
})

test('rows that fail a check that stops make it exit 1, and are shown, and so is what to do', async () => {
  using folder = await loadedFolder()
  {
    const path = folder.file(WAREHOUSE.file)
    await using warehouse = openDuckdb({ path, tempDir: folder.file(WAREHOUSE.temp), memoryMb: 256, threads: 1 })
    using session = await warehouse.session()
    await session.run(`insert into bronze.orders_raw select * from bronze.orders_raw where event_id = 'order-paid'`)
  }
  const { code, stdout } = await folder.cli('run', '--date', DAY)
  assert.equal(code, 1)
  assert.match(stdout, /✗ stopped +silver\.orders_clean +unique: source_partition, source_offset +\d+ rows\n +\{.*/)
  assert.match(stdout, /2026-03-01 was kept out of silver and gold.*etl backfill --resume/)
  const checks = await folder.cli('checks')
  assert.equal(checks.code, 1)
  assert.match(checks.stdout, /failed +stop +silver\.orders_clean +unique: source_partition, source_offset +2 +1\n/)
  assert.match(checks.stdout, /never run +stop +gold\.daily_gmv_metrics/)
})

test('a day table by table: waited for, made in order, refused out of it, and its checks', async () => {
  using folder = await loadedFolder()
  const { cli } = folder
  const ready = await cli('ready', '--date', DAY, '--json')
  const awaited = ['1 order waits for the watermark']
  assert.deepEqual([ready.code, JSON.parse(ready.stdout)], [1, { date: DAY, is_ready: false, awaited, has_events: null }])
  assert.match((await cli('ready', '--date', DAY)).stdout, /^2026-03-01 is not ready: 1 order waits for the watermark\.\n$/)
  assert.match((await cli('ready', '--date', '2026-02-28')).stdout, /^2026-02-28 is loaded: no event of that day is in bronze\.\n$/)
  const today = await cli('ready', '--date', 'today')
  assert.equal(today.code, 1)
  assert.match(today.stdout, /is not ready: the day is not over, 1 order waits for the watermark\.\n$/)

  const early = await cli('run', '--date', DAY, '--table', 'gold.daily_gmv_metrics')
  assert.equal(early.code, 1)
  assert.match(
    early.stdout,
    /made from silver\.orders_clean, to be made first: npx flowguard etl run --date 2026-03-01 --table silver\.orders_clean\n/,
  )
  const made = await cli('run', '--date', DAY, '--table', 'silver.orders_clean', '--table', 'gold.daily_gmv_metrics', '--json')
  const { state, tables, steps } = JSON.parse(made.stdout) as RunDetail
  assert.deepEqual(
    [made.code, state, tables, steps.map(({ model }) => model)],
    [0, 'done', 'silver.orders_clean, gold.daily_gmv_metrics', ['silver.orders_clean', 'gold.daily_gmv_metrics']],
  )
  assert.match((await cli('runs')).stdout, /\n +2 .* done +operator +2026-03-01 silver\.orders_clean, gold\.daily_gmv_metrics +1 /)
  const planned = JSON.parse((await cli('backfill', '--resume', '--plan', '--json')).stdout) as Plan
  assert.deepEqual(
    planned.days.map(({ date, why }) => [date, why]),
    [[DAY, 'made in part']],
  )

  const checks = await cli('checks', '--date', DAY)
  assert.equal(checks.code, 0, checks.stdout)
  assert.match(checks.stdout, /passed +stop +gold\.daily_gmv_metrics +unique: date/)
  assert.match(checks.stdout, /never run +stop +gold\.ad_attribution/)
  const never = await cli('checks', '--date', '2026-02-01')
  assert.deepEqual([never.code, never.stdout], [0, '2026-02-01 was never made: no check has looked at it.\n'])
  const none = await cli('run', '--date', DAY, '--table', 'gold.nothing')
  assert.equal(none.code, 1)
  assert.match(none.stderr, /there is no gold\.nothing in silver or gold\n.*docs\/MODELS\.md/)
})

test('days that are none, lie ahead or the wrong way round are misuse; no warehouse is a failure', async () => {
  using folder = temporaryFolder()
  const cli = (...args: string[]) => run(['etl', ...args, '--data-dir', folder.path], { clock: () => Date.parse('2026-03-02T12:00:00Z') })
  for (const [args, words] of [
    [['run'], /--date/],
    [['run', '--date', '2026-02-30'], /must be a day/],
    [['run', '--date', '2026-03-03'], /lies in the future/],
    [['backfill', '--from', DAY], /--from and --to are needed/],
    [['backfill', '--from', DAY, '--resume'], /takes no --from/],
    [['backfill', '--from', '2026-03-02', '--to', DAY], /is after/],
    [['runs', '0'], /whole number/],
    [['run', '--date', DAY, '--table', 'orders'], /must be a table, silver\.orders_clean/],
    [['run', '--date', DAY, '--wait', '-1'], /whole number/],
    [['ready'], /--date/],
  ] as const) {
    const { code, stdout, stderr } = await cli(...args)
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, words)
  }
  const { code, stderr } = await cli('run', '--date', DAY)
  assert.equal(code, 1)
  assert.match(stderr, /warehouse\.duckdb is not there/)
})

test('Ctrl-C cuts off a run of its own, and the next makes what it left', async () => {
  using folder = await loadedFolder()
  const command = ['etl', 'run', '--date', DAY, '--data-dir', folder.path]
  const running = start(command, { isTTY: true, env: { NO_COLOR: '1' } })
  await until('the run to be under way', () => running.text.stderr.includes('run 1:'))
  running.interrupt()
  const { code, stderr } = await running.done
  assert.equal(code, 130)
  assert.match(stderr, /run 1 is cut off/)
  assert.equal((JSON.parse((await folder.cli('runs', '1', '--json')).stdout) as RunDetail).state, 'interrupted')
  const planned = JSON.parse(
    (await folder.cli('backfill', '--from', '2026-02-01', '--to', '2026-02-01', '--plan', '--json')).stdout,
  ) as Plan
  assert.deepEqual(
    planned.days.map(({ date, why }) => [date, why]),
    [[DAY, 'interrupted']],
  )
})

const RUN: RunDetail = {
  run_id: 7,
  state: 'done',
  asked_by: 'operator',
  started_at: '2026-03-02T10:00:00.000Z',
  ended_at: '2026-03-02T10:00:01.000Z',
  from_date: DAY,
  to_date: DAY,
  tables: null,
  engine: 'warehouse',
  is_level: true,
  days: 1,
  days_done: 1,
  days_kept_out: 0,
  rows_in: 10,
  rows_out: 10,
  seconds: 1,
  checks_failed: 0,
  error: null,
  due: [{ why: 'asked for', days: 1, from_date: DAY, to_date: DAY }],
  steps: [],
  checks: [],
  failed_rows: [],
  kept_out: [],
}
const WAITING: Progress = { run_id: 7, days: 1, days_done: 0, chunk: 0, chunks: 0, from: null, to: null, at: 'waiting for the loader' }

test('where another process has the warehouse, it does the work: begun, followed, left to go on, or refused', async () => {
  using folder = temporaryFolder()
  const holder = await holding(folder.path)
  await using ops = await fakeGateway()
  let looks = 0
  let shown: Partial<RunDetail> = {}
  const usual = (url: string): Told | undefined => {
    if (url === '/api/etl/runs') return { status: 202, body: { run_id: 7 } }
    if (url === '/api/etl/runs?limit=1') return { body: { running: (looks += 1) < 3 ? WAITING : null, runs: [] } }
    if (url === '/api/etl/runs/7') return { body: { ...RUN, ...shown } }
    return undefined
  }
  ops.told = usual
  const args = ['etl', 'run', '--date', DAY, '--data-dir', folder.path, '--ops-url', ops.url]
  const env = { WRITE_KEY: 'fg_key', NO_COLOR: '1' }
  try {
    const done = await run([...args, '--json'], { env, isTTY: true })
    assert.equal(done.code, 0, done.stderr)
    assert.deepEqual(JSON.parse(done.stdout), RUN)
    assert.match(done.stderr, /run 7: waiting for the loader/)
    const [begun] = ops.requests
    assert.deepEqual(
      [begun?.method, begun?.headers.authorization, JSON.parse(begun?.body ?? '')],
      ['POST', 'Bearer fg_key', { from: DAY, to: DAY }],
    )

    shown = { is_level: false }
    assert.match((await run(args, { env })).stderr, /Not everything was loaded, or not every order answered/)
    shown = { state: 'failed', error: 'out of disk' }
    const failed = await run(args, { env })
    assert.equal(failed.code, 1)
    assert.match(failed.stdout, /out of disk/)

    looks = -Infinity
    const left = start(args, { env, isTTY: true })
    await until('it to follow', () => left.text.stderr.includes('waiting'))
    left.interrupt()
    assert.equal((await left.done).code, 130)
    assert.match(left.text.stderr, /Run 7 goes on; npx flowguard etl runs 7 shows it/)

    const busy: Told = { status: 409, body: { code: 'etl_running', detail: 'run 6 is at work' } }
    ops.told = () => busy
    const refused = await run(args, { env })
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /run 6 is at work\n.*One run at a time/)
    const held: Told = { status: 503, body: { code: 'warehouse_held', detail: 'the warehouse cannot be asked just now' } }
    const before = [busy, held]
    ops.told = (url) => (url === '/api/etl/runs' ? (before.shift() ?? usual(url)) : usual(url))
    looks = 3
    shown = {}
    const inTurn = await run([...args, '--table', 'silver.orders_clean', '--wait', '20'], { env, isTTY: true })
    assert.equal(inTurn.code, 0, inTurn.stderr)
    assert.match(inTurn.stderr, /waiting for its turn: run 6 is at work/)
    assert.match(inTurn.stderr, /waiting for its turn: .* the warehouse cannot be asked just now/)
    assert.equal(before.length, 0)
    assert.deepEqual(JSON.parse(ops.requests.findLast(({ method }) => method === 'POST')?.body ?? ''), {
      from: DAY,
      to: DAY,
      tables: ['silver.orders_clean'],
    })
    const readiness = ['etl', 'ready', ...args.slice(2)]
    const notYet: Told = { body: { awaited: ['the loader has yet to read 3 records of raw.clicks.v1/0'] } }
    const answers: Told[] = [notYet, { reset: true }, notYet, { body: { awaited: [], has_events: true } }]
    ops.told = (url) => (url === `/api/etl/ready?date=${DAY}` ? answers.shift() : undefined)
    const ready = await run([...readiness, '--wait', '20'], { env, isTTY: true })
    assert.deepEqual([ready.code, ready.stdout, answers], [0, `${DAY} is loaded.\n`, []])
    assert.match(ready.stderr, /2026-03-01: the loader has yet to read 3 records/)
    assert.match(ready.stderr, /2026-03-01: http:.* does not answer/)
    ops.told = () => notYet
    const late = await run([...readiness, '--wait', '1'], { env })
    assert.deepEqual([late.code, late.stdout], [1, `${DAY} is not ready: the loader has yet to read 3 records of raw.clicks.v1/0.\n`])
    ops.told = () => ({ reset: true })
    const unheard = await run(readiness, { env })
    assert.equal(unheard.code, 1)
    assert.match(unheard.stderr, /does not answer/)

    ops.told = () => ({ status: 409, body: { code: 'warehouse_unsupported', detail: 'not on Snowflake' } })
    assert.match((await run(args, { env })).stderr, /error: not on Snowflake\n.*in DuckDB alone/)
    ops.told = () => ({ status: 401, body: { detail: 'no such key' } })
    assert.equal((await run(['etl', 'runs', ...args.slice(4)], { env })).code, 1)
    // There is no data folder where a scheduler runs: an address is enough.
    ops.told = usual
    const elsewhere = await run(['etl', 'runs', '7', '--json', '--data-dir', folder.file('none'), '--ops-url', ops.url], { env })
    assert.equal((JSON.parse(elsewhere.stdout) as RunDetail).run_id, 7)
  } finally {
    holder.kill('SIGKILL')
  }
})
