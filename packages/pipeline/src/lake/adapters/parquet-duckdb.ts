import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { MINUTE_MS, ORDERS, type Topic } from '@flowguard/contract'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { FlowGuardError } from '../../kernel/errors.ts'
import { guarded, storeError } from '../../kernel/sqlite.ts'
import type { LogRecord } from '../../log/event-log.ts'
import { stepBehind } from '../../warehouse/load-steps.ts'
import type { LoadStep } from '../../warehouse/warehouse.ts'
import { hourFolder } from '../manifest.ts'
import type { FoundRows, LakeRecord, OwnedRow, Parquet, RewrittenFile, Stage, WrittenFile } from '../parquet.ts'
import { LINE_FIELDS, lineOf, SEPARATOR } from './parquet-lines.ts'

/** What DuckDB may hold; beyond, it goes to the disk. */
const MEMORY_LIMIT = '768MB'
/** A stage as large as this is written down, however few its records. */
const STAGE_BYTES_MAX = 192 * 1024 * 1024
/** And one with so many hours: each is a file, and who sends old events must not make a hundred thousand of them at once. */
const HOURS_COUNT_MAX = 500
/** DuckDB begins second files beyond this many rows (`partitioned_write_flush_threshold`), or open ones. */
const OPEN_FILES_MAX = 10_000
const UTF8_BYTES_MAX = 3
/** Of events, the levels above it and larger dictionaries save no byte, and take half as much time again. */
const ZSTD_LEVEL = 1
const DICTIONARY_COUNT_MAX = 5_000
const BUFFER_BYTES_MIN = 1024 * 1024
const WRITTEN_AS = `format parquet, compression zstd, compression_level ${ZSTD_LEVEL}, dictionary_size_limit ${DICTIONARY_COUNT_MAX}`

/** `folder` is this process's own, for what is on its way; it is emptied now. */
export function duckdbParquet(folder: string): Parquet {
  guarded(folder, () => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
  })
  return {
    stage: (logIdOf) => guarded(folder, () => stageIn(mkdtempSync(join(folder, 'stage-')), logIdOf)),
    inspect: (paths) =>
      asking(folder, async (connection) => {
        const rows = await connection.runAndReadAll(
          `select "partition", count(*), count(distinct "offset"), min("offset"), max("offset") from ${filesSql(paths)} group by 1 order by 1`,
        )
        return rows.getRows().map((row): FoundRows => {
          const [partition = 0, count = 0, offsets = 0, first = 0, last = 0] = row.map(Number)
          return { partition, rows: count, offsets, first, last }
        })
      }),
    read: (paths, signal) => recordsOf(folder, paths, signal),
    rewrite: (paths, texts, change) =>
      asking(folder, async (connection) => {
        const found: RewrittenFile[] = []
        for (const path of paths) {
          const out = `${path}.new`
          const rows = await rewritten(connection, { path, out, texts, change: (row) => change(row, path) })
          if (rows > 0) found.push({ path, out, rows })
        }
        return found
      }),
    addressedOrders: (paths) =>
      asking(folder, async (connection) => {
        const rows = await connection.runAndReadAll(
          // What is no order of ours may be no JSON either: it is not to be looked into.
          `select distinct order_id from ${filesSql(paths)} where topic = '${ORDERS}' and case when order_id is null then false
           else json_extract_string(event, '$.order_type') <> 'placed' and json_extract_string(event, '$.client_order_id') = order_id end`,
        )
        return rows.getRows().map(([id]) => id as string)
      }),
  }
}

interface Group {
  topic: Topic
  day: string
  hour: number
  rows: number
  min_ts: number | null
  max_ts: number | null
  offsets: Map<number, { partition: number; first: number; last: number; rows: number }>
}

function stageIn(folder: string, logIdOf: (topic: Topic) => string): Stage {
  const path = join(folder, 'lines')
  const fd = openSync(path, 'w')
  const steps = new Map<string, LoadStep>()
  const groups = new Map<string, Group>()
  let [count, bytes, lineBytes, isOpen] = [0, 0, 0, true]

  function add(records: readonly LogRecord[]): void {
    const lines: string[] = []
    for (const record of records) {
      const step = stepBehind(steps, record)
      const line = lineOf(record, logIdOf(record.topic))
      if (!line) {
        step.skipped += 1
        continue
      }
      step.applied += 1
      lines.push(line.text)
      lineBytes = Math.max(lineBytes, line.text.length * UTF8_BYTES_MAX)
      note(groups, record, line)
    }
    const text = Buffer.from(lines.join(''))
    for (let at = 0; at < text.length;) at += writeSync(fd, text, at)
    bytes += text.length
    count += records.length
  }

  function close(): void {
    if (isOpen) closeSync(fd)
    isOpen = false
  }

  return {
    add: (records) => guarded(folder, () => add(records)),
    get count() {
      return count
    },
    get isFull() {
      return bytes >= STAGE_BYTES_MAX || groups.size >= HOURS_COUNT_MAX
    },
    get steps() {
      return [...steps.values()]
    },
    async write() {
      close()
      if (groups.size === 0) return []
      const out = join(folder, 'out')
      await asking(folder, (connection) => connection.run(copySql(path, out, lineBytes)))
      return [...groups.values()].map((group) => writtenFile(out, group))
    },
    [Symbol.dispose]() {
      close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function note(groups: Map<string, Group>, { topic, partition, offset }: LogRecord, line: NonNullable<ReturnType<typeof lineOf>>): void {
  const { day, hour, hours, ts } = line
  const key = `${topic}/${hours}`
  let group = groups.get(key)
  if (!group) groups.set(key, (group = { topic, day, hour, rows: 0, min_ts: null, max_ts: null, offsets: new Map() }))
  group.rows += 1
  if (ts !== undefined) {
    group.min_ts = Math.min(group.min_ts ?? ts, ts)
    group.max_ts = Math.max(group.max_ts ?? ts, ts)
  }
  const known = group.offsets.get(partition)
  if (known) Object.assign(known, { last: offset, rows: known.rows + 1 })
  else group.offsets.set(partition, { partition, first: offset, last: offset, rows: 1 })
}

function writtenFile(out: string, { offsets, ...group }: Group): WrittenFile {
  const folder = join(out, hourFolder(group.topic, group.day, group.hour))
  const names = readdirSync(folder)
  if (names.length !== 1) throw new Error(`${folder}: ${names.length} files where one was to be written`)
  return { ...group, offsets: [...offsets.values()], path: join(folder, names[0] as string) }
}

/**
 * The columns of the lake, each for somebody. `partition`, `offset`, `log_id`: which record it was, so that none counts twice. `ts` (event time) and `appended_at`,
 * instants in UTC, as Spark, Trino and DuckDB read them; `event_type`, `event_id`, `user_id`, `item_id`, `order_id`: what analysts filter and join by without
 * taking JSON apart, null where the record is no event of ours. `key` and `headers` (JSON): the record can be written to a log again as it was. `event`: the whole of
 * it as JSON text; `bytes` in its stead where it is no text. Topic, day and hour are in the path, and not in the file: nobody can make them differ.
 */
function copySql(path: string, out: string, lineBytes: number): string {
  // A field without anything in it is null to DuckDB.
  const text = (name: string) => `case when is_encoded = '1' then decode(from_base64(${name})) else ${name} end`
  const instant = (name: string) => `epoch_ms(${name}::bigint)::timestamptz`
  const columns = [
    '"partition"::integer as "partition"',
    '"offset"::bigint as "offset"',
    'log_id',
    `${instant('ts')} as ts`,
    `${instant('appended_at')} as appended_at`,
    ...['event_type', 'event_id', 'user_id', 'order_id'].map((name) => `${text(name)} as ${name}`),
    'item_id::bigint as item_id',
    `(${text('key')})[2:] as "key"`,
    `${text('headers')} as headers`,
    `case when bytes is null then coalesce(${text('event')}, '') end as event`,
    'from_base64(bytes[2:]) as bytes',
    'topic',
    `strftime(epoch_ms(hours::bigint * ${60 * MINUTE_MS}), '%Y-%m-%d') as "day"`,
    `strftime(epoch_ms(hours::bigint * ${60 * MINUTE_MS}), '%H') as "hour"`,
  ]
  const fields = LINE_FIELDS.map((name) => `'${name}': 'VARCHAR'`).join(', ')
  return `copy (select ${columns.join(', ')} from read_csv(${quoted(path)}, delim = '${SEPARATOR}', quote = '', escape = '', header = false,
      auto_detect = false, new_line = '\\n', parallel = false, max_line_size = ${lineBytes},
      buffer_size = ${Math.max(BUFFER_BYTES_MIN, 2 * lineBytes)}, columns = {${fields}}))
    to ${quoted(out)} (${WRITTEN_AS}, partition_by (topic, "day", "hour"))`
}

interface Rewriting {
  path: string
  out: string
  texts: readonly string[]
  change: (row: OwnedRow) => OwnedRow
}

async function rewritten(connection: DuckDBConnection, { path, out, texts, change }: Rewriting): Promise<number> {
  const file = `read_parquet(${quoted(path)}, hive_partitioning = false, file_row_number = true)`
  const isNamed = texts
    .flatMap((each) => [`"key" = ${quoted(each)}`, `user_id = ${quoted(each)}`, `contains(event, ${quoted(each)})`])
    .join(' or ')
  const named = await connection.runAndReadAll(`select file_row_number, "key", user_id, event from ${file} where ${isNamed}`)
  await connection.run('create temp table changed (at_row bigint, "key" varchar, user_id varchar, event varchar)')
  const appender = await connection.createAppender('changed')
  let rows = 0
  for (const [at, key, userId, event] of named.getRows() as [bigint, string | null, string | null, string | null][]) {
    const before = { key, userId, text: event }
    const after = change(before)
    if (after === before) continue
    rows += 1
    appender.appendBigInt(at)
    for (const each of [after.key, after.userId, after.text]) {
      if (each === null) appender.appendNull()
      else appender.appendVarchar(each)
    }
    appender.endRow()
  }
  appender.closeSync()
  if (rows > 0) {
    const now = (name: string, of = name) => `case when c.at_row is null then f."${name}" else c."${of}" end as "${name}"`
    await connection.run(
      `copy (select f.* exclude (file_row_number) replace (${now('key')}, ${now('user_id')}, ${now('event')},
          case when c.at_row is null then f.bytes end as bytes)
        from ${file} f left join changed c on c.at_row = f.file_row_number order by f.file_row_number)
       to ${quoted(out)} (${WRITTEN_AS})`,
    )
  }
  await connection.run('drop table changed')
  return rows
}

async function* recordsOf(folder: string, paths: readonly string[], signal: AbortSignal): AsyncGenerator<LakeRecord[]> {
  if (paths.length === 0) return
  await using opened = await open(folder)
  const { connection } = opened
  const sql = `select topic, event, json_extract_string(headers, '$.content_hash') from ${filesSql(paths)} order by ts nulls first, topic, "partition", "offset"`
  const result = await parquetOf(folder, () => connection.stream(sql))
  while (!signal.aborted) {
    const chunk = await parquetOf(folder, () => result.fetchChunk())
    if (!chunk || chunk.rowCount === 0) return
    yield chunk.getRows().map(([topic, text, hash]) => ({
      topic: topic as Topic,
      text: (text ?? undefined) as string | undefined,
      contentHash: (hash ?? undefined) as string | undefined,
    }))
  }
}

/** Day and hour are text: as numbers and dates nobody here wants them. */
function filesSql(paths: readonly string[]): string {
  return `read_parquet([${paths.map(quoted).join(', ')}], hive_partitioning = true, hive_types_autocast = false)`
}

async function asking<T>(folder: string, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  await using opened = await open(folder)
  return await parquetOf(folder, () => work(opened.connection))
}

/** In memory, on one processor, and gone after the work: nothing of it is kept between two. */
async function open(folder: string): Promise<AsyncDisposable & { connection: DuckDBConnection }> {
  // Loaded by who has a lake: it is large.
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance: DuckDBInstance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: MEMORY_LIMIT,
    temp_directory: join(folder, 'spilled'),
    autoinstall_known_extensions: 'false',
  })
  const connection = await instance.connect()
  await connection.run(`set TimeZone = 'UTC'; set partitioned_write_max_open_files = ${OPEN_FILES_MAX}`)
  return {
    connection,
    async [Symbol.asyncDispose]() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

async function parquetOf<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const failure = storeError(folder, error)
    if (failure instanceof FlowGuardError || !(failure instanceof Error)) throw failure
    const { message } = failure
    if (/no space left|disk quota|not enough space/i.test(message)) throw new FlowGuardError('disk_full', `${folder}: ${message}`, error)
    if (/parquet|magic bytes|snappy|zstd/i.test(message) && /invalid|corrupt|too small|no magic|not a parquet|failed/i.test(message))
      throw new FlowGuardError('store_corrupt', message, error)
    throw failure
  }
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`
