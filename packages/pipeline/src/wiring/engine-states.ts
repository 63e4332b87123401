import { randomUUID } from 'node:crypto'
import { maskedAddress, type KafkaAddress } from '../kernel/addresses.ts'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError, hasCode, type ErrorCode } from '../kernel/errors.ts'
import { addressesOf } from '../stores.ts'
import { flinkStatus } from '../stream/flink/status.ts'
import type { SnowflakeAccess } from '../warehouse/adapters/snowflake-connection.ts'
import { flinkSettings } from './flink.ts'
import { plannedTopics } from './kafka-topics.ts'
import { installedSpark } from './spark.ts'
import { snowflakeOf } from './warehouse.ts'

/** The driver of S3 waits for minutes where a network swallows everything; the others have limits of their own. */
const LAKE_MS_MAX = 15_000
const POSTGRES_MAJOR_MIN = 15
const REDIS_MAJOR_MIN = 7
const SPARK_MAJOR_MIN = 4
const JAVA_MAJOR_MIN = 17

export type EngineSetting =
  | 'LOG_URL'
  | 'EVENTS_LOG_URL'
  | 'DATABASE_URL'
  | 'COUNTERS_URL'
  | 'LAKE_URL'
  | 'FLINK_JOBS_URL'
  | 'WAREHOUSE_URL'
  | 'BATCH_ENGINE'

/** What is not as it should be with an engine that answers. */
export interface EngineFault {
  /** Nothing works until it is mended; else something may be lost, or get slow. */
  isFatal: boolean
  detail: string
  advice: string
}

export interface EngineState {
  /** What it is, and what there is of ours. */
  detail: string
  faults: readonly EngineFault[]
}

export interface EngineLook {
  setting: EngineSetting
  /** Its address without a password. */
  at: string
  /** Asks it, and leaves nothing there. Rejects with what keeps FlowGuard from using it. */
  look: () => Promise<EngineState>
}

/** The engines that the settings name; none where everything lies in the data folder. */
export function engineLooks(settings: Settings): EngineLook[] {
  const { log, events, database, counters } = addressesOf(settings)
  const snowflake = snowflakeOf(settings)
  const named = (setting: EngineSetting, look: () => Promise<EngineState>): EngineLook => ({
    setting,
    at: maskedAddress(settings[setting]),
    look,
  })
  return [
    ...(log.engine === 'kafka' ? [named('LOG_URL', () => kafkaState(settings, 'LOG_URL', log))] : []),
    ...(events?.engine === 'kafka' ? [named('EVENTS_LOG_URL', () => kafkaState(settings, 'EVENTS_LOG_URL', events))] : []),
    ...(events?.engine === 'redis' ? [named('EVENTS_LOG_URL', () => redisState(events.url))] : []),
    ...(database.engine === 'postgres' ? [named('DATABASE_URL', () => postgresState(database.url))] : []),
    ...(counters ? [named('COUNTERS_URL', () => countersState(counters.url))] : []),
    ...(['off', 'file:'].includes(settings.LAKE_URL) ? [] : [named('LAKE_URL', () => lakeState(settings))]),
    ...(snowflake ? [named('WAREHOUSE_URL', () => snowflakeState(snowflake))] : []),
    ...(settings.STREAM_ENGINE === 'flink' ? [named('FLINK_JOBS_URL', () => flinkState(settings))] : []),
    ...(settings.BATCH_ENGINE === 'spark' ? [named('BATCH_ENGINE', () => sparkState(settings))] : []),
  ]
}

async function kafkaState(settings: Settings, setting: EngineSetting, address: KafkaAddress): Promise<EngineState> {
  const [{ brokersOf }, { kafkaDriver }] = await Promise.all([
    import('../log/adapters/kafka-topics.ts'),
    import('../log/adapters/kafka-driver.ts'),
  ])
  // Without it Kafka can be asked, and nothing be written there.
  const { librdkafkaVersion } = kafkaDriver()
  const brokers = await brokersOf(address)
  const plan = (await plannedTopics(settings)).find((each) => each.setting === setting)
  const differences = (plan?.differences ?? []).filter(({ what }) => what !== 'unknown')
  const faults: EngineFault[] = []
  const copies = Math.max(...(plan?.copies ?? [0]))
  if (copies > brokers) {
    const detail = `topics are declared with ${copies} copies, and there are ${brokers} brokers`
    faults.push({ isFatal: true, detail, advice: 'Start the others, or set LOG_COPIES to as many as there are.' })
  }
  const missing = differences.filter(({ what }) => what === 'missing')
  const others = differences.filter(({ what }) => what !== 'missing')
  if (others.length > 0) {
    const detail = `not as declared: ${others.map(({ topic, what, from, to }) => `${topic} has ${what} ${from}, and not ${to}`).join('; ')}`
    const isFatal = others.some(({ what }) => what === 'partitions')
    faults.push({ isFatal, detail, advice: '`npx flowguard topics plan` says what can be done, `topics apply` does it.' })
  }
  const made = missing.length === 0 ? 'all topics are there' : `${missing.length} topics have yet to be made, at the first start`
  return { detail: `Kafka, ${brokers} brokers; driver with librdkafka ${librdkafkaVersion}; ${made}`, faults }
}

async function redisState(url: string): Promise<EngineState> {
  const [{ openRedis, redisError }, { durabilityOf }] = await Promise.all([
    import('../kernel/redis.ts'),
    import('../log/adapters/redis-settings.ts'),
  ])
  const redis = await openRedis(url)
  try {
    const { version, unsafe } = await durabilityOf(redis)
    const faults = unsafe.map(({ what, lost, advice }): EngineFault => ({ isFatal: false, detail: `Redis ${what}: ${lost}`, advice }))
    return {
      detail: `Redis ${version}${unsafe.length === 0 ? ', set safely' : ''}`,
      faults: [...tooOld('Redis', version, REDIS_MAJOR_MIN), ...faults],
    }
  } catch (error) {
    throw redisError(url, error)
  } finally {
    redis.disconnect()
  }
}

/** What is lost there is made anew from the ledger: only whether it answers counts. */
async function countersState(url: string): Promise<EngineState> {
  try {
    const { detail, faults } = await redisState(url)
    return { detail: detail.replace(', set safely', ''), faults: faults.filter(({ isFatal }) => isFatal) }
  } catch (error) {
    if (!hasCode(error, 'log_unavailable')) throw error
    throw new FlowGuardError('counters_unavailable', (error as Error).message, error)
  }
}

interface Server {
  version: string
  flushes: string
  may_make: boolean
}

async function postgresState(url: string): Promise<EngineState> {
  const [{ openPostgres, requirePostgresSchema }, { DATABASE_LIST, POSTGRES_DATABASE_MIGRATIONS }] = await Promise.all([
    import('../kernel/postgres.ts'),
    import('../database/adapters/postgres-schema.ts'),
  ])
  await using postgres = openPostgres({ url, connectionsMax: 1, onlyReads: true })
  const [server] = (await postgres.rows<Server>(SERVER)) as [Server]
  const isMade = await requirePostgresSchema(postgres, DATABASE_LIST, POSTGRES_DATABASE_MIGRATIONS).then(
    () => true,
    (error: unknown) => {
      if (!hasCode(error, 'store_missing')) throw error
      return false
    },
  )
  const faults = tooOld('PostgreSQL', server.version, POSTGRES_MAJOR_MIN)
  if (server.flushes === 'off') {
    const detail = 'PostgreSQL has fsync off: accepted orders are lost when its machine fails'
    faults.push({ isFatal: false, detail, advice: 'Set fsync on.' })
  }
  if (!isMade && !server.may_make) {
    const detail = 'this user may not make tables there, and there are none yet'
    faults.push({ isFatal: true, detail, advice: 'Make the user the owner of the database, or grant CREATE on its schema.' })
  }
  return {
    detail: `PostgreSQL ${server.version}, ${isMade ? 'tables are there' : 'tables have yet to be made, at the first start'}`,
    faults,
  }
}

const SERVER = `
  select current_setting('server_version') as version, current_setting('fsync') as flushes,
    coalesce(has_schema_privilege(current_schema(), 'create'), false) as may_make`

function tooOld(engine: string, version: string, majorMin: number): EngineFault[] {
  if (Number.parseInt(version) >= majorMin) return []
  return [{ isFatal: true, detail: `${engine} ${version} is too old`, advice: `FlowGuard needs ${engine} ${majorMin} or newer.` }]
}

async function flinkState(settings: Settings): Promise<EngineState> {
  const { name, state, task_managers: managers, watermark } = await flinkStatus(flinkSettings(settings))
  const faults: EngineFault[] = []
  if (state !== 'RUNNING') {
    const detail = `the job ${name} ${state === 'NONE' ? 'is not there' : `is ${state.toLowerCase()}`}: orders wait to be answered`
    faults.push({ isFatal: false, detail, advice: '`npx flowguard stream flink deploy` starts it.' })
  }
  return { detail: `Flink, ${managers} TaskManagers${watermark === null ? '' : `, answered up to ${watermark}`}`, faults }
}

/** Whether a run could start it: that takes too long to try. */
async function sparkState(settings: Settings): Promise<EngineState> {
  const { spark, java } = await installedSpark(settings)
  return {
    detail: `Spark ${spark}, Java ${java}`,
    faults: [...tooOld('Spark', spark, SPARK_MAJOR_MIN), ...tooOld('Java', java, JAVA_MAJOR_MIN)],
  }
}

/** Starts no warehouse there: what it asks needs none. */
async function snowflakeState(access: SnowflakeAccess): Promise<EngineState> {
  const { lookAtSnowflake } = await import('../warehouse/adapters/snowflake.ts')
  const { version, missing } = await inTime(lookAtSnowflake(access), 'warehouse_failed')
  const faults = missing.map((detail): EngineFault => ({ isFatal: true, detail, advice: '`npx flowguard warehouse init` makes it.' }))
  return { detail: `Snowflake ${version}${missing.length === 0 ? ', bronze is there' : ''}`, faults }
}

/** Writes a file, tries to write it once more, which must be refused, and removes it: where that fails, a file of no meaning stays. */
async function lakeState(settings: Settings): Promise<EngineState> {
  const [{ lakeFilesOf }, { proveFence }] = await Promise.all([import('./lake.ts'), import('../lake/upkeep.ts')])
  const files = lakeFilesOf(settings)
  const name = `_doctor-${randomUUID()}.json`
  try {
    await inTime(proveFence(files, name))
    await inTime(files.remove(name))
    return { detail: `${files.where} can be written, and refuses to write over what is there`, faults: [] }
  } finally {
    // What is given up is cut off, so that nobody waits for it.
    await files[Symbol.asyncDispose]()
  }
}

async function inTime<T>(work: Promise<T>, otherwise: ErrorCode = 'lake_unavailable'): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new FlowGuardError(otherwise, `no answer within ${LAKE_MS_MAX / 1_000} s`)), LAKE_MS_MAX)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
