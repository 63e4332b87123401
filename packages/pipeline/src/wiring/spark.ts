import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { sparkEngine } from '../etl/adapters/spark.ts'
import type { SparkProgram } from '../etl/adapters/spark-process.ts'
import { inWarehouse, type BatchEngine } from '../etl/engine.ts'
import { parseAddress } from '../kernel/addresses.ts'
import { ROOT, type Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { lakeFilesOf, lakeFolder, s3Endpoint } from './lake.ts'
import type { Machine } from './machine.ts'

/** Beyond twice the lake's interval: for a flush that takes its time. */
const LAKE_MORE_MS = 60_000
const LOOK_MS_MAX = 15_000

/** Who works out silver and gold. `isLive`: the lake is written meanwhile, so that it is worth waiting for. Throws `settings_invalid` where Spark cannot be the one. */
export function batchEngine({ settings, logger, closing }: Machine, isLive: boolean): BatchEngine {
  if (settings.BATCH_ENGINE === 'warehouse') return inWarehouse
  if (settings.WAREHOUSE_URL !== 'duckdb:')
    throw new FlowGuardError(
      'settings_invalid',
      'BATCH_ENGINE is spark, which hands its rows to a warehouse on DuckDB alone: on Snowflake set BATCH_ENGINE=warehouse, it computes at scale by itself',
    )
  const address = parseAddress(settings.LAKE_URL)
  const files = closing.use(lakeFilesOf(settings))
  const isRemote = address?.engine === 's3'
  const lake = isRemote
    ? `s3a://${[address.bucket, address.prefix].filter((part) => part !== '').join('/')}`
    : `file://${resolve(lakeFolder(address?.engine === 'file' ? address.path : '', settings))}`
  return sparkEngine({
    program: programOf(settings),
    master: settings.SPARK_MASTER,
    conf: { ...(isRemote && s3Conf()), ...confIn(settings.SPARK_CONF) },
    files,
    lake,
    isRemote,
    folder: join(settings.DATA_DIR, WAREHOUSE.temp, WAREHOUSE.load, 'spark'),
    logs: join(settings.DATA_DIR, 'logs/spark'),
    lakeMsMax: isLive ? 2 * Number(settings.LAKE_AGE_MS) + LAKE_MORE_MS : 0,
    tableMsMax: Number(settings.SPARK_TABLE_MINUTES) * 60_000,
    logger,
  })
}

function programOf(settings: Settings): SparkProgram {
  return {
    python: process.env['PYSPARK_DRIVER_PYTHON'] ?? process.env['PYSPARK_PYTHON'] ?? 'python3',
    script: join(ROOT, 'engines/spark/run.py'),
    env: environment(settings),
  }
}

/** What a run would start; starts no Spark. Throws `spark_missing`. */
export async function installedSpark(settings: Settings): Promise<{ spark: string; java: string }> {
  const { python, script, env } = programOf(settings)
  const java = env['JAVA_HOME'] ? join(env['JAVA_HOME'], 'bin/java') : 'java'
  const [spark, javaText] = await Promise.all([printed(python, [script, '--version'], env), printed(java, ['-version'], env)])
  return { spark, java: /"([^"]+)"/.exec(javaText)?.[1] ?? javaText }
}

async function printed(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, { env, timeout: LOOK_MS_MAX, killSignal: 'SIGKILL' })
    return (stdout || stderr).trim()
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string }
    const why = stderr?.trim().split('\n').at(-1) || (code === 'ENOENT' ? 'it is not there' : (error as Error).message)
    throw new FlowGuardError('spark_missing', `${program}: ${why}`, error)
  }
}

/** Spark's own settings too (JAVA_HOME, SPARK_CONF_DIR, AWS_…), as whoever starts FlowGuard has them. */
function environment({ SPARK_HOME, SPARK_MASTER }: Settings): NodeJS.ProcessEnv {
  const home = SPARK_HOME === '' ? {} : { SPARK_HOME }
  // Else it looks for a name of this machine that others can reach.
  const local = SPARK_MASTER.startsWith('local') ? { SPARK_LOCAL_IP: '127.0.0.1' } : {}
  return { ...process.env, ...home, ...local, PYTHONDONTWRITEBYTECODE: '1' }
}

/** The keys it takes from the environment by itself, so that they stand in no log. */
function s3Conf(): Record<string, string> {
  const endpoint = s3Endpoint()
  const region = process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION']
  return {
    ...(endpoint !== undefined && {
      'spark.hadoop.fs.s3a.endpoint': endpoint,
      'spark.hadoop.fs.s3a.path.style.access': 'true',
      'spark.hadoop.fs.s3a.connection.ssl.enabled': String(endpoint.startsWith('https:')),
    }),
    ...(region !== undefined && { 'spark.hadoop.fs.s3a.endpoint.region': region }),
  }
}

const confIn = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split(/\s+/)
      .filter((each) => each !== '')
      .map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
  )
