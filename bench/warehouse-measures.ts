import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CLICKS } from '@flowguard/contract'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { openSqliteLogReader } from '../packages/pipeline/src/log/adapters/sqlite.ts'
import type { LogRecord, Place } from '../packages/pipeline/src/log/event-log.ts'
import { readTopics } from '../packages/pipeline/src/log/topics.ts'
import { openDuckdb } from '../packages/pipeline/src/warehouse/adapters/duckdb.ts'
import { until } from '../test/support/machine.ts'
import type { Sizes } from './gateway-measures.ts'
import type { Watch } from './lag.ts'
import type { Bench } from './processes.ts'
import { partsOf } from './profile.ts'
import { levelled } from './reader-measures.ts'
import type { Report } from './report.ts'

const SHARE_AIM = 0.7
const BATCH_COUNT = 20_000
const LOAD_MS_MAX = 600_000
/** The loader, from the log to its commit, against a plain `read_json` insert of clicks of the same log, in batches of the same size. */
export async function bronze(bench: Bench, watch: Watch, sizes: Sizes, report: Report): Promise<void> {
  const group = 'Into bronze'
  const plain = await plainInsert(bench, sizes.stretch)
  const role = await bench.startRole('loader')
  const readTo = (count: number) =>
    until(`the loader to read ${count}`, async () => (await watch.standing('loader')).read >= count, LOAD_MS_MAX)
  const stand = async () => ({ at: performance.now(), ...(await role.usage()), ...(await watch.standing('loader')) })
  await readTo(sizes.filled * 0.2)
  const before = await stand()
  const profile = await role.profiled(() => readTo(sizes.filled * 0.4))
  report.addTime({
    group,
    name: 'the loader, with DuckDB’s threads spread over its parts',
    parts: partsOf(profile, (await stand()).read - before.read),
  })
  const from = await stand()
  await readTo(from.read + sizes.stretch)
  const to = await stand()
  const read = to.read - from.read
  const perCore = read / (to.cpu - from.cpu)
  const rate = (read * 1_000) / (to.at - from.at)
  report.add(
    {
      group,
      name: 'a plain read_json insert',
      value: plain.perCore,
      unit: 'rows/s',
      note: `per core; ${(plain.rate / 1_000).toFixed(1)}k/s by the clock`,
    },
    { group, name: 'the loader', value: perCore, unit: 'rows/s', note: `per core; ${(rate / 1_000).toFixed(1)}k/s by the clock` },
    { group, name: 'of the plain insert', value: perCore / plain.perCore, unit: '', aim: { atLeast: SHARE_AIM } },
  )
  await levelled('loader', watch)
  await role.stop()
}

/** What DuckDB needs for the same rows, set up as it is for the loader, where they lie ready and nobody checks or keeps a place. Its checkpoint is counted too. */
async function plainInsert({ folder, dataDir }: Bench, count: number): Promise<{ perCore: number; rate: number }> {
  const [path, tempDir] = [join(folder, 'plain.duckdb'), join(folder, 'plain.tmp')]
  await using warehouse = openDuckdb({ path, tempDir, memoryMb: 1_024, threads: 1 })
  using session = await warehouse.session()
  const columns = await session.rows<{ name: string; type: string }>(
    `select column_name as name, data_type as type from duckdb_columns() where schema_name = 'bronze' and table_name = 'clicks_raw'`,
  )
  const typed = columns.map(({ name, type }) => `${name}: '${type}'`).join(', ')
  const files = await clicksOf(dataDir, join(tempDir, 'load'), count)
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()]
  let rows = 0
  for (const file of files) {
    const source = `read_json('${file}', format = 'newline_delimited', maximum_object_size = 262144, columns = {${typed}})`
    rows += await session.run(`insert into bronze.clicks_raw by name select * from ${source}`)
  }
  await session.run('checkpoint')
  const { user, system } = process.cpuUsage(cpu)
  return { perCore: (rows * 1_000_000) / (user + system), rate: (rows * 1_000) / (performance.now() - startedAt) }
}

/** Clicks of the log as bronze has them, in files of a batch each. */
async function clicksOf(dataDir: string, folder: string, count: number): Promise<string[]> {
  const topics = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
  await using log = openSqliteLogReader({ path: join(dataDir, 'raw-log.db'), topics, clock: Date.now })
  const places = Array.from({ length: topics[CLICKS].partitions }, (_, partition): Place => ({ topic: CLICKS, partition, next: 0 }))
  const files: string[] = []
  for (let written = 0; written < count; written += BATCH_COUNT) {
    const records = await log.read(places, { countMax: BATCH_COUNT, waitMs: 0 })
    for (const { partition, offset } of records) (places[partition] as Place).next = offset + 1
    const file = join(folder, `plain-${files.length}.ndjson`)
    writeFileSync(file, records.map((record) => JSON.stringify(rowOf(record, log.id))).join('\n'))
    files.push(file)
  }
  return files
}

function rowOf({ topic, partition, offset, value, headers, appendedAt }: LogRecord, logId: string): object {
  const { ts = appendedAt, timestamp, ...event } = JSON.parse(value) as { ts?: number; timestamp?: string }
  const time = (ms: number) => new Date(ms).toISOString()
  return {
    ...event,
    client_timestamp: timestamp,
    event_timestamp: time(ts),
    content_hash: headers['content_hash'],
    raw_event: value,
    schema_version: '1',
    source_topic: topic,
    producer_service: 'events-gateway',
    source_partition: partition,
    source_offset: offset,
    ingestion_id: `${logId}/${topic}-${partition}-${offset}`,
    ingestion_timestamp: time(appendedAt),
    appended_at: time(appendedAt),
    partition_date: time(ts).slice(0, 10),
  }
}
