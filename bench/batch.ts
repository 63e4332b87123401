/**
 * `npm run bench:batch`: silver and gold of the same made-up events by DuckDB and by Spark on this machine, row by row the same, and how fast bronze is loaded.
 *
 *   npm run bench:batch                        ten million events over a month; takes Java 17, Python 3 and half a gigabyte to fetch once
 *   npm run bench:batch -- --events 200000     fewer
 *   npm run bench:batch -- --json FILE         the figures as JSON besides
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { CLICKS } from '@flowguard/contract'
import { installSpark, sparkHome } from '../engines/spark.ts'
import { sparkJob } from '../packages/pipeline/src/etl/adapters/spark-job.ts'
import { submitSpark } from '../packages/pipeline/src/etl/adapters/spark-process.ts'
import { readModels } from '../packages/pipeline/src/etl/model.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import type { LogRecord } from '../packages/pipeline/src/log/event-log.ts'
import { openDuckdb } from '../packages/pipeline/src/warehouse/adapters/duckdb.ts'
import { runApart } from './gold-measures.ts'
import { processors, usedByOthers } from './machine.ts'
import { createReport, type Report } from './report.ts'

const EVENTS = 10_000_000
const DAYS = 30
const RANGE = { from: '2026-03-01', to: '2026-03-30' }
const TIMES_AIM = 10
const MEMORY_MB_AIM = 2_048
const LOAD_SHARE_AIM = 0.5
const LOADED_MAX = 1_000_000
const BATCH_COUNT = 20_000
const MIB = 1024 * 1024
const SPARK_MEMORY = '4g'
const TABLE_MS_MAX = 3_600_000

function note(text: string): void {
  process.stderr.write(`${text} …\n`)
}

/** DuckDB, as the product has it: in a process of its own, with its checks and the commit. Spark: from its start to the last table written, and nothing of what comes behind. */
async function batch(folder: string, events: number, report: Report): Promise<void> {
  const group = `Silver and gold of ${events.toLocaleString('en-US')} events over ${DAYS} days`
  const path = join(folder, 'batch.duckdb')
  note(`${group}: DuckDB`)
  const made = await runApart({ path, count: events, days: DAYS, isKept: true })
  const instance = await DuckDBInstance.create(path, { threads: '2', memory_limit: '1GB', temp_directory: join(folder, 'spill') })
  const connection = await instance.connect()
  try {
    note('the same by Spark')
    const spark = await bySpark(connection, folder)
    const differing = await differences(connection, folder)
    if (differing.length > 0) throw new Error(`Spark does not make what DuckDB makes: ${differing.join(', ')}`)
    report.add(
      {
        group,
        name: 'DuckDB',
        value: made.seconds,
        unit: 's',
        note: `with its checks and the commit; ${made.cpuSeconds.toFixed(1)} s of CPU; ${made.slowest}`,
      },
      { group, name: 'DuckDB: highest memory', value: made.rssMax / MIB, unit: 'MiB', aim: { atMost: MEMORY_MB_AIM } },
      {
        group,
        name: 'Spark, local[2]',
        value: spark.seconds,
        unit: 's',
        note: `of Parquet; ${spark.startSeconds.toFixed(1)} s of it to start; without checks; ${SPARK_MEMORY} of memory`,
      },
      { group, name: 'DuckDB, times as fast', value: spark.seconds / made.seconds, unit: '', aim: { atLeast: TIMES_AIM } },
      {
        group,
        name: 'DuckDB, tables alone',
        value: spark.seconds / made.tableSeconds,
        unit: 'times as fast',
        note: `${made.tableSeconds.toFixed(1)} s: what Spark does, too`,
      },
      { group, name: 'DuckDB, once Spark has started', value: (spark.seconds - spark.startSeconds) / made.seconds, unit: 'times as fast' },
      { group, name: 'rows that differ', value: 0, unit: '', aim: { atMost: 0 }, note: 'all columns of nine tables' },
    )
  } finally {
    connection.disconnectSync()
    instance.closeSync()
  }
}

const MODELS = readModels(join(ROOT, 'packages/pipeline/models'))
const TABLES = MODELS.map((model) => ({ model, stretches: [RANGE] }))

/** Bronze lies there as it is, typed, so that Spark need not take JSON apart as it does over the lake. */
async function bySpark(connection: DuckDBConnection, folder: string): Promise<{ seconds: number; startSeconds: number }> {
  const here = join(folder, 'spark')
  mkdirSync(join(here, 'in'), { recursive: true })
  const job = sparkJob({
    name: 'bench:batch',
    master: 'local[2]',
    conf: {
      'spark.driver.memory': SPARK_MEMORY,
      'spark.sql.session.timeZone': 'UTC',
      'spark.sql.timestampType': 'TIMESTAMP_NTZ',
      'spark.sql.shuffle.partitions': '4',
      'spark.ui.enabled': 'false',
      'spark.ui.showConsoleProgress': 'false',
      'spark.local.dir': join(here, 'scratch'),
    },
    tables: TABLES,
    lake: new Map(),
    at: { lake: here, exchange: here },
  })
  const tables = [...new Set(MODELS.flatMap(({ reads }) => reads))]
  for (const table of tables) {
    const isMade = MODELS.some(({ name }) => name === table)
    await connection.run(`copy (from ${table}${isMade ? ' limit 0' : ''}) to '${join(here, `in/${table}.parquet`)}' (format parquet)`)
  }
  const given = job.given.map(({ view }) => ({ view, paths: [join(here, `in/${view.replace('_', '.')}.parquet`)] }))
  const program = {
    python: 'python3',
    script: join(ROOT, 'engines/spark/run.py'),
    env: { ...process.env, SPARK_HOME: sparkHome(), SPARK_LOCAL_IP: '127.0.0.1' },
  }
  let readyAt: number | undefined
  const startedAt = performance.now()
  await submitSpark(program, {
    job: { ...job, given },
    scratch: join(here, 'scratch'),
    log: join(here, 'logs/spark.log'),
    tableMsMax: TABLE_MS_MAX,
    onTable: () => (readyAt ??= performance.now()),
    signal: new AbortController().signal,
  })
  return { seconds: (performance.now() - startedAt) / 1_000, startSeconds: ((readyAt ?? startedAt) - startedAt) / 1_000 }
}

/** Row by row, all columns. */
async function differences(connection: DuckDBConnection, folder: string): Promise<string[]> {
  const found: string[] = []
  for (const { name } of MODELS) {
    const described = await connection.runAndReadAll(`select column_name, column_type from (describe ${name})`)
    const columns = described.getRows().map(([column, type]) => `cast(${String(column)} as ${String(type)}) as ${String(column)}`)
    const spark = `select ${columns.join(', ')} from read_parquet('${join(folder, 'spark/out', name)}/*/*.parquet')`
    // Without sorting or holding all of both: a sum of hashes, of as many rows.
    const sum = (rows: string) => `(select (count(*), sum(cast(hash(r) as hugeint))) from (${rows}) as r)`
    const same = await connection.runAndReadAll(`select ${sum(`select * from ${name}`)} = ${sum(spark)} as same`)
    if (same.getRows()[0]?.[0] !== true) found.push(name)
  }
  return found
}

/** The loader's way into bronze, from records as the log gives them, and DuckDB's own COPY of the same rows from files that lie ready. */
async function bronze(folder: string, count: number, report: Report): Promise<void> {
  const group = `Bronze: ${count.toLocaleString('en-US')} clicks, in batches of ${BATCH_COUNT.toLocaleString('en-US')}`
  note(group)
  const records = Array.from({ length: count }, (_, at) => clickAt(at))
  const timed = async (work: () => Promise<void>) => {
    const [startedAt, cpu] = [performance.now(), process.cpuUsage()]
    await work()
    const { user, system } = process.cpuUsage(cpu)
    return { rate: (count * 1_000) / (performance.now() - startedAt), perCore: (count * 1_000_000) / (user + system) }
  }
  await using loaded = openDuckdb({ path: join(folder, 'loaded.duckdb'), tempDir: join(folder, 'loaded.tmp'), memoryMb: 1_024, threads: 1 })
  await loaded.bronze.begin([{ topic: CLICKS, partition: 0, next: 0, logId: 'log' }])
  const loader = await timed(async () => {
    for (let from = 0; from < count; from += BATCH_COUNT) {
      using batch = await loaded.bronze.batch(() => 'log')
      batch.add(records.slice(from, from + BATCH_COUNT))
      await loaded.bronze.load(batch, Date.now())
    }
    using session = await loaded.session()
    await session.run('checkpoint')
  })
  using rows = await loaded.session()
  const ready = join(folder, 'loaded.tmp', 'load', 'ready')
  mkdirSync(ready)
  for (let from = 0; from < count; from += BATCH_COUNT)
    await rows.run(
      `copy (from bronze.clicks_raw where source_offset >= ${from} and source_offset < ${from + BATCH_COUNT}) to '${join(ready, `${from}.json`)}' (format json)`,
    )
  await rows.run('create table bronze.plain as from bronze.clicks_raw limit 0')
  const plain = await timed(async () => {
    for (let from = 0; from < count; from += BATCH_COUNT)
      await rows.run(`copy bronze.plain from '${join(ready, `${from}.json`)}' (format json)`)
    await rows.run('checkpoint')
  })
  const [same] = await rows.rows<{ n: number }>('select count(*) as n from (from bronze.clicks_raw except all from bronze.plain)')
  if (same?.n !== 0) throw new Error(`${same?.n} rows differ between the loader's and COPY's`)
  const byClock = ({ rate }: typeof plain) => `per core; ${(rate / 1_000).toFixed(1)}k/s by the clock`
  report.add(
    { group, name: 'DuckDB’s COPY', value: plain.perCore, unit: 'rows/s', note: byClock(plain) },
    {
      group,
      name: 'the loader',
      value: loader.perCore,
      unit: 'rows/s',
      note: `${byClock(loader)}; it checks each record, parses it, and keeps its place`,
    },
    { group, name: 'of COPY', value: loader.rate / plain.rate, unit: '', aim: { atLeast: LOAD_SHARE_AIM } },
  )
}

const T0 = Date.parse(RANGE.from)

function clickAt(offset: number): LogRecord {
  const ts = T0 + offset
  const user = `user-${(offset * 7_919) % 20_000}`
  const event = {
    event_type: offset % 5 < 3 ? 'impression' : 'click',
    event_id: crypto.randomUUID(),
    user_id: user,
    item_id: 1 + (offset % 100),
    ad_id: `ad-${offset % 300}`,
    ad_campaign_id: `campaign-${offset % 30}`,
    device_type: 'mobile',
    city: 'Mumbai',
    ts,
    timestamp: new Date(ts).toISOString(),
    received_at: new Date(ts + 60).toISOString(),
    is_bot: false,
  }
  const headers = { content_hash: crypto.randomUUID().replaceAll('-', '').repeat(2) }
  return {
    topic: CLICKS,
    partition: 0,
    offset,
    key: user,
    value: JSON.stringify(event),
    headers,
    appendedAt: ts + 70,
    memo: null,
  }
}

const { values } = parseArgs({ options: { events: { type: 'string', default: String(EVENTS) }, json: { type: 'string' } } })
const events = Number(values.events)
if (!Number.isSafeInteger(events) || events < 1_000) throw new Error('--events must be a whole number from 1000')
await installSpark()
const folder = mkdtempSync(join(tmpdir(), 'flowguard-bench-batch-'))
try {
  const report = createReport({ Node: process.versions.node, processors: processors(), 'used by others before': await usedByOthers() })
  await batch(folder, events, report)
  await bronze(folder, Math.min(events, LOADED_MAX), report)
  report.print((text) => process.stdout.write(text))
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report.json(), null, 2)}\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
