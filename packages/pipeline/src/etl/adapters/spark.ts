import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FlowGuardError } from '../../kernel/errors.ts'
import { pause } from '../../kernel/lifecycle.ts'
import type { Logger } from '../../kernel/logging.ts'
import type { LakeFiles } from '../../lake/files.ts'
import { countEntries, readEntries, readEntry, type Entry } from '../../lake/manifest.ts'
import type { LoadedTopic } from '../../warehouse/schema.ts'
import type { LoadPlace, Session } from '../../warehouse/warehouse.ts'
import { CHUNK_DAYS_MAX } from '../days.ts'
import { literal } from '../dialect.ts'
import type { Batch, BatchEngine, BatchRows } from '../engine.ts'
import type { Model } from '../model.ts'
import { bronzeTopics, type Held } from './spark-bronze.ts'
import { givenFile, madeFolder, sparkJob, wanted, type InLake, type SparkJob } from './spark-job.ts'
import { submitSpark, type SparkProgram } from './spark-process.ts'

export interface SparkOptions {
  program: SparkProgram
  master: string
  conf: Readonly<Record<string, string>>
  files: LakeFiles
  /** The lake's root as Spark reaches it, without a slash at its end. */
  lake: string
  /** Where the lake is no folder of this machine, what warehouse and Spark hand each other goes by way of it. */
  isRemote: boolean
  /** Of this machine; the warehouse may write and read files in it. */
  folder: string
  logs: string
  /** How long a run waits for the lake to have what the warehouse has. */
  lakeMsMax: number
  /** How long Spark may be at one table. */
  tableMsMax: number
  logger: Logger
}

/** Readers of the lake pass over it. */
const EXCHANGE = '_spark/'
const LAKE_POLL_MS = 1_000
const WAITING_FOR_LAKE = 'waiting for the lake'

/** Silver and gold by Spark SQL over the lake's files, handed to the warehouse as Parquet. One run at a time, whose leftovers the next one removes. */
export function sparkEngine(options: SparkOptions): BatchEngine {
  const { files, folder, isRemote, logger } = options

  /** Whatever came of the run, this changes nothing of it: what cannot be removed now, the next run removes. */
  async function forget(): Promise<void> {
    try {
      rmSync(folder, { recursive: true, force: true })
      if (isRemote) await forgetExchanged(files)
    } catch (error) {
      logger.warn({ err: error }, 'what warehouse and Spark handed each other cannot be removed: the next run tries again')
    }
  }

  return {
    name: 'spark',
    // To start it takes longer than a week's rows.
    chunkDaysFirst: CHUNK_DAYS_MAX,
    async begin(batch): Promise<BatchRows> {
      const { session, runId, tables, onStep, signal } = batch
      if (tables.length === 0) return { select: () => '', [Symbol.asyncDispose]: () => Promise.resolve() }
      await forget()
      const tag = randomUUID()
      const here = join(folder, tag)
      try {
        const lake = await inLake(options, batch)
        mkdirSync(join(here, 'in'), { recursive: true })
        for (const [table, select] of wanted(tables)) {
          signal.throwIfAborted()
          await session.run(`copy (${select}) to ${literal(join(here, givenFile(table)), 'duckdb')} (format parquet)`)
        }
        if (isRemote) await sent(files, here, `${EXCHANGE}${tag}/`)
        const at = { lake: options.lake, exchange: isRemote ? `${options.lake}/${EXCHANGE}${tag}` : `file://${here}` }
        const scratch = join(here, 'scratch')
        const conf = { ...confOf(options, scratch), ...options.conf }
        const job: SparkJob = sparkJob({ name: `flowguard etl run ${runId}`, master: options.master, conf, tables, lake, at })
        const log = join(options.logs, `run-${runId}-${tag.slice(0, 8)}.log`)
        onStep('starting Spark')
        const onTable = (name: string) => onStep(`${name} on Spark`)
        await submitSpark(options.program, { job, scratch, log, tableMsMax: options.tableMsMax, onTable, signal })
        if (isRemote) await fetched(files, here, `${EXCHANGE}${tag}/`)
        const columns = new Map<string, string>()
        for (const { model } of tables) columns.set(model.name, await columnsOf(session, model))
        return {
          select: (model, stretch) => selectMade(model, columns.get(model.name) ?? '', join(here, madeFolder(model, stretch))),
          [Symbol.asyncDispose]: forget,
        }
      } catch (error) {
        await forget()
        throw error
      }
    },
  }
}

/** Whatever a run has left in the lake that died. */
export async function forgetExchanged(files: LakeFiles): Promise<void> {
  for await (const { name } of files.list(EXCHANGE)) await files.remove(name)
}

/** What of it the settings say otherwise is otherwise. */
function confOf({ master }: SparkOptions, scratch: string): Record<string, string> {
  const isLocal = master.startsWith('local')
  return {
    'spark.sql.session.timeZone': 'UTC',
    'spark.sql.timestampType': 'TIMESTAMP_NTZ',
    'spark.sql.ansi.enabled': 'true',
    'spark.sql.parquet.outputTimestampType': 'TIMESTAMP_MICROS',
    'spark.sql.parquet.compression.codec': 'zstd',
    // A Parquet file is brought here as a whole.
    'spark.sql.files.maxRecordsPerFile': '2000000',
    'spark.ui.enabled': 'false',
    // Its log is read as a file.
    'spark.ui.showConsoleProgress': 'false',
    'spark.sql.warehouse.dir': join(scratch, 'warehouse'),
    // The lake's hours are many small files: asked about here, and many of them to a task.
    'spark.sql.sources.parallelPartitionDiscovery.threshold': '1000000',
    'spark.sql.files.openCostInBytes': '65536',
    ...(isLocal && {
      'spark.local.dir': scratch,
      'spark.driver.bindAddress': '127.0.0.1',
      'spark.driver.host': '127.0.0.1',
      // Of each exchange, on one machine.
      'spark.sql.shuffle.partitions': '4',
    }),
  }
}

async function columnsOf(session: Session, { name }: Model): Promise<string> {
  const found = await session.rows<{ column_name: string }>(`select column_name from (describe ${name})`)
  return found.map(({ column_name: column }) => column).join(', ')
}

/** Spark writes a file also where there are no rows: where there is none, it was lost on the way. */
function selectMade({ name }: Model, columns: string, folder: string): string {
  const parts = existsSync(folder) ? readdirSync(folder).filter((each) => each.endsWith('.parquet')) : []
  if (parts.length === 0) throw new FlowGuardError('spark_failed', `Spark made ${name}, and nothing of it is in ${folder}`)
  return `select ${columns} from read_parquet([${parts.map((each) => literal(join(folder, each), 'duckdb')).join(', ')}])`
}

/** Up to the very records that bronze has, as this transaction sees it: what the lake has beyond is left out, and what it has yet to write is waited for. */
async function inLake(options: SparkOptions, { session, onStep, signal }: Batch): Promise<Map<LoadedTopic, InLake>> {
  const { files, lakeMsMax } = options
  const held = await heldBy(session)
  const places = await session.rows<LoadPlace>('select topic, "partition", log_id as "logId", began, expired from bronze.places')
  const until = performance.now() + lakeMsMax
  for (;;) {
    const number = await countEntries(files)
    const behind = number === 0 ? 'it is empty' : lackOf(files.where, await readEntry(files, number), held, places)
    if (behind === undefined) break
    if (performance.now() >= until)
      throw new FlowGuardError('lake_behind', `${files.where} does not have what the warehouse has: ${behind}`)
    onStep(WAITING_FOR_LAKE)
    await pause(LAKE_POLL_MS, signal)
    signal.throwIfAborted()
  }
  const found = new Map([...held].map(([topic, own]): [LoadedTopic, InLake & { files: string[] }] => [topic, { held: own, files: [] }]))
  for await (const entry of readEntries(files)) {
    for (const { topic, name, offsets } of entry.files) {
      const own = found.get(topic as LoadedTopic)
      const isHeld = offsets.some(({ partition, first }) => own?.held.some((each) => each.partition === partition && first <= each.last))
      if (own && isHeld) own.files.push(name)
    }
  }
  return found
}

async function heldBy(session: Session): Promise<Map<LoadedTopic, Held[]>> {
  const found = new Map<LoadedTopic, Held[]>()
  for (const [topic, table] of bronzeTopics) {
    const rows = await session.rows<Held>(
      `select source_partition as "partition", min(source_offset) as first, max(source_offset) as last from ${table} group by 1 order by 1`,
    )
    found.set(topic, rows)
  }
  return found
}

/** What the lake has yet to write of it. Throws where it never will. */
function lackOf(
  where: string,
  { places }: Entry,
  held: ReadonlyMap<LoadedTopic, readonly Held[]>,
  loaded: readonly LoadPlace[],
): string | undefined {
  for (const [topic, own] of held) {
    for (const { partition, first, last } of own) {
      const isOf = (each: LoadPlace) => each.topic === topic && each.partition === partition
      const place = places.find(isOf)
      if (!place) return `nothing of ${topic}-${partition}`
      const bronze = loaded.find(isOf)
      const never =
        bronze && bronze.logId !== place.logId
          ? 'it is of another log'
          : place.began > first
            ? `it begins at ${topic}-${partition} ${place.began}, the warehouse at ${first}`
            : place.expired !== (bronze?.expired ?? 0)
              ? `of ${topic}-${partition} it lost ${place.expired} records unread, the warehouse ${bronze?.expired ?? 0}`
              : undefined
      if (never !== undefined) throw new FlowGuardError('lake_lacking', `${where} does not have all that the warehouse has: ${never}`)
      if (place.next <= last) return `it ends before ${topic}-${partition} ${place.next}, the warehouse has ${last}`
    }
  }
  return undefined
}

async function sent(files: LakeFiles, folder: string, prefix: string): Promise<void> {
  for (const name of readdirSync(join(folder, 'in'))) await files.put(`${prefix}in/${name}`, await readFile(join(folder, 'in', name)))
}

async function fetched(files: LakeFiles, folder: string, prefix: string): Promise<void> {
  for await (const { name } of files.list(`${prefix}out/`)) {
    if (!name.endsWith('.parquet')) continue
    const bytes = await files.get(name)
    if (!bytes) throw new FlowGuardError('lake_unavailable', `${files.where}${name} was there a moment ago`)
    const path = join(folder, name.slice(prefix.length))
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, bytes)
  }
}
