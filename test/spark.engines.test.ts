import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { CLICKS, DAY_MS, dayOf, ORDERS } from '@flowguard/contract'
import { childrenOf, isAlive } from '../engines/processes.ts'
import { sparkEngine, type SparkOptions } from '../packages/pipeline/src/etl/adapters/spark.ts'
import { submitSpark } from '../packages/pipeline/src/etl/adapters/spark-process.ts'
import { FUNCTIONS_ROW, FUNCTIONS_SQL, ITEMS_ROWS, ITEMS_SQL } from '../packages/pipeline/src/etl/dialect.fixture.ts'
import { rendered } from '../packages/pipeline/src/etl/dialect.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { silentLogger } from '../packages/pipeline/src/kernel/logging.ts'
import { openDuckdb } from '../packages/pipeline/src/warehouse/adapters/duckdb.ts'
import { WAREHOUSE } from '../packages/pipeline/src/warehouse/schema.ts'
import { figuresPerDay, invoices, loadedFolder, written, type Written } from './support/batch.ts'
import { sparkHome } from './support/engines.ts'
import { until } from './support/machine.ts'
import { realCase } from './support/real.ts'

const HAS_TIME = process.env['FLOWGUARD_SOAK'] !== undefined
const START_MS_MAX = 120_000
/** Compiled once and lightly: for a minute's work that is the faster way. */
const QUICK = { 'spark.driver.extraJavaOptions': '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC', 'spark.sql.shuffle.partitions': '1' }

const program = () => ({
  python: 'python3',
  script: join(ROOT, 'engines/spark/run.py'),
  env: { ...process.env, SPARK_HOME: sparkHome(), SPARK_LOCAL_IP: '127.0.0.1' },
})

function optionsFor(folder: Awaited<ReturnType<typeof loadedFolder>>, more: Partial<SparkOptions> = {}): SparkOptions {
  return {
    program: program(),
    master: 'local[2]',
    conf: QUICK,
    files: folder.files,
    lake: `file://${join(folder.path, 'lake')}`,
    isRemote: false,
    folder: join(folder.path, WAREHOUSE.temp, WAREHOUSE.load, 'spark'),
    logs: join(folder.path, 'logs/spark'),
    lakeMsMax: 0,
    tableMsMax: 600_000,
    logger: silentLogger,
    ...more,
  }
}

const order = (id: string, at: string, more: object = {}): Written =>
  written({ event_type: 'order', event_id: id, timestamp: at, user_id: 'odd', item_id: 1, price: 100, ...more })
const click = (id: string, at: string, more: object = {}): Written =>
  written({ event_type: 'click', event_id: id, timestamp: at, user_id: 'odd', item_id: 2, ad_id: 'ad-9', ...more })

const changed = (record: Written, more: object): Written => ({ ...record, text: JSON.stringify({ ...JSON.parse(record.text), ...more }) })

/** What only some of all clients send. */
const ODD: readonly Written[] = [
  click('o-click', '2017-12-01T10:00:00.000Z', { campaign: 'x', session_id: 'with \\ud83d and "quotes" and \u0001', page_url: "it's" }),
  click('o-click', '2017-12-01T10:00:00.000Z'),
  { ...click('o-click', '2017-12-01T10:00:01.000Z'), hash: 'another' },
  click('o-bot', '2017-12-01T10:01:00.000Z', { is_bot: true }),
  click('o-noitem', '2017-12-01T10:02:00.000Z', { item_id: undefined }),
  changed(click('o-future', '2017-12-01T10:03:00.000Z'), {
    timestamp: '2017-12-01T11:00:00+00:00',
    received_at: '2017-12-01T10:03:00.000Z',
  }),
  order('o-order', '2017-12-01T10:05:00.000Z', { user_id: 'pair 😀', city: 'Zürich', price: 1.15, quantity: 3 }),
  order('o-order', '2017-12-01T10:05:00.000Z', { user_id: 'pair 😀', city: 'Zürich', price: 1.15, quantity: 3 }),
  order('o-dear', '2017-12-01T23:59:59.999Z', { price: 99.99, order_type: 'delivered' }),
  order('o-late', '2017-12-02T00:00:00.000Z', { price: 0.07, session_id: 5, restaurant_id: { deep: [1, 2] } }),
  { topic: ORDERS, key: 'odd', text: 'no JSON at all' },
  { topic: CLICKS, key: 'odd', text: '{"event_type":"nonsense","user_id":"odd"}' },
  // As a client of the log may write it: twice the same field, numbers otherwise, a time that is not in UTC, half of a pair.
  {
    topic: ORDERS,
    key: 'odd',
    text: '{"event_type":"order","event_id":"o-written","user_id":"twice","user_id":"odd\\ud83d","item_id":1.0,"price":2.50,"price":12.5e1,"quantity":2.0,"ts":1512122400000,"received_at":"2017-12-01T15:30:00.000+05:30","timestamp":"2017-12-01T10:00:00Z","is_bot":false,"order_id":"o-9","order_type":"placed"}',
  },
]

const daysBefore = (day: string, count: number) => dayOf(Date.parse(day) - count * DAY_MS)

test('silver and gold by Spark are those of DuckDB, row by row, over days that DuckDB has made; where it fails they stay', async () => {
  const { events } = realCase(1)
  await using folder = await loadedFolder([...events.map(written), ...ODD])
  const [first, last] = await folder.days()
  const made = await folder.run(undefined, first, last)
  assert.equal(made.state, 'done', made.error ?? '')
  await folder.keep()

  const unknown = await folder.run(sparkEngine(optionsFor(folder, { master: 'local[nonsense]' })), last, last)
  assert.equal(unknown.state, 'failed')
  assert.match(unknown.error ?? '', /^Spark failed before its first table: .*Could not parse Master URL.* \(its log: /)
  await folder.assertAsKept()

  const from = HAS_TIME ? first : daysBefore(last, 5)
  const again = await folder.run(sparkEngine(optionsFor(folder)), from, last)
  assert.equal(again.state, 'done', again.error ?? '')
  const rows = await folder.assertAsKept()
  const empty = Object.entries(rows).filter(([, count]) => count === 0)
  assert.deepEqual(empty, [])
  assert.ok(again.rows_out > rows['silver.clicks_clean']! / 2, 'Spark has made them')
})

test('the functions of the models mean the same on Spark', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-spark-'))
  try {
    await using warehouse = openDuckdb({ path: join(folder, 'w.duckdb'), tempDir: join(folder, 'tmp'), memoryMb: 256, threads: 1 })
    using session = await warehouse.session()
    // Elsewhere the warehouse reads nothing.
    const out = (name: string) => join(folder, 'tmp', WAREHOUSE.load, name)
    const partOf = (name: string, sql: string) => ({ name, parts: [{ sql: rendered(sql, 'spark'), out: `file://${out(name)}` }] })
    const conf = { ...QUICK, 'spark.sql.session.timeZone': 'UTC', 'spark.sql.timestampType': 'TIMESTAMP_NTZ', 'spark.ui.enabled': 'false' }
    const models = [partOf('functions', FUNCTIONS_SQL), partOf('items', ITEMS_SQL)]
    await submitSpark(program(), {
      job: { name: 'functions', master: 'local[1]', conf: { ...conf, 'spark.local.dir': folder }, given: [], models },
      scratch: join(folder, 'scratch'),
      log: join(folder, 'spark.log'),
      tableMsMax: START_MS_MAX,
      onTable: () => undefined,
      signal: new AbortController().signal,
    })
    const rowsOf = (name: string) => session.rows(`select * from read_parquet('${out(name)}/*.parquet')`)
    assert.deepEqual(await rowsOf('functions'), [FUNCTIONS_ROW])
    assert.deepEqual(await rowsOf('items'), ITEMS_ROWS)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a Spark whose FlowGuard has died ends by itself, its Java too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-spark-'))
  const { python, script, env } = program()
  const child = spawn(python, [script], { cwd: folder, env, stdio: ['pipe', 'pipe', 'ignore'] })
  try {
    const long = { name: 'gold.long', parts: [{ sql: 'select sum(id) as date from range(100000000000000)', out: `file://${folder}/out` }] }
    const job = { name: 'a long one', master: 'local[1]', conf: QUICK, given: [], models: [long] }
    child.stdin.write(`${JSON.stringify(job)}\n`)
    const lines: string[] = []
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
    await until('it is at work', () => lines.some((line) => line.includes('gold.long')), START_MS_MAX)
    const pids = descendants(child.pid as number)
    assert.ok(pids.length > 0, 'Java is another process')
    // What the system does for a process that is gone.
    child.stdin.end()
    await until('all of it is gone', () => pids.every((pid) => !isAlive(pid)), START_MS_MAX)
    assert.notEqual(child.exitCode, 0)
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})

const descendants = (pid: number): number[] => childrenOf(pid).flatMap((each) => [each, ...descendants(each)])

if (HAS_TIME)
  test('invoices by Spark alone: every day to the penny, and all of silver and gold as DuckDB makes them', async () => {
    const { records, perDay } = await invoices(true)
    await using folder = await loadedFolder(records)
    const [first, last] = await folder.days()
    const run = await folder.run(sparkEngine(optionsFor(folder, { conf: { 'spark.driver.memory': '2g' } })), first, last)
    assert.equal(run.state, 'done', run.error ?? '')
    assert.deepEqual(await figuresPerDay(folder.machine.warehouse), perDay)
    await folder.keep()
    const again = await folder.run(undefined, first, last)
    assert.equal(again.state, 'done', again.error ?? '')
    await folder.assertAsKept()
  })
