import { delimiter } from 'node:path'
import { installDriver } from './driver.ts'
import { installFlink, startFlink } from './flink.ts'
import { dataFolders, installKafka, startKafka, TOPIC_COPIES } from './kafka.ts'
import type { Ports } from './ports.ts'
import { installPostgres, POSTGRES_USER, startPostgres } from './postgres.ts'
import { installPrometheus, prometheusConfig, startPrometheus } from './prometheus.ts'
import { installRedis, startRedis } from './redis.ts'
import type { RunFolder } from './run-folder.ts'
import { installS3, S3_BUCKET, S3_KEYS, startS3 } from './s3.ts'
import type { Server } from './server.ts'
import { installSnowflake, installSnowflakeDriver, snowflakeKey, SNOWFLAKE_USER, startSnowflake } from './snowflake.ts'
import { installSpark, sparkHome } from './spark.ts'
import { installToxiproxy, startToxiproxy } from './toxiproxy.ts'

/** In the order of starting. */
export const ENGINE_NAMES = ['postgres', 'redis', 's3', 'prometheus', 'snowflake', 'kafka', 'flink', 'spark', 'toxiproxy'] as const
export type EngineName = (typeof ENGINE_NAMES)[number]

/** Started only where they are named: they take their time, or FlowGuard would do its work elsewhere than where most have it done. */
export const ON_DEMAND: readonly EngineName[] = ['flink', 'spark', 'snowflake']

type Start = (folder: RunFolder, ports: Ports) => Server[] | Promise<Server[]>

/** Installs where it is missing, and gives what starts it. */
const ENGINES: Readonly<Record<EngineName, () => Promise<Start>>> = {
  async postgres() {
    const tools = await installPostgres()
    return (folder, ports) => startPostgres(folder, tools, ports)
  },
  async redis() {
    const tools = await installRedis()
    return (folder, ports) => startRedis(folder, tools, ports)
  },
  async s3() {
    const tools = await installS3()
    return (folder, ports) => startS3(folder, tools, ports)
  },
  async prometheus() {
    const tools = await installPrometheus()
    return (folder, ports) => startPrometheus(folder, tools, ports)
  },
  async snowflake() {
    const tools = await installSnowflake()
    return (folder, ports) => startSnowflake(folder, tools, ports)
  },
  async kafka() {
    const tools = await installKafka()
    return (folder, ports) => startKafka(folder, tools, ports)
  },
  async flink() {
    const tools = await installFlink()
    return (folder, ports) => startFlink(folder, tools, ports)
  },
  async spark() {
    await installSpark()
    return () => []
  },
  async toxiproxy() {
    const tools = await installToxiproxy()
    return (folder, ports) => startToxiproxy(folder, tools, ports)
  },
}

export interface Installed {
  starts: ReadonlyMap<EngineName, Start>
  /** Folders whose `node_modules` have the drivers of what was asked for, as in a PATH; undefined where nothing needs one. */
  drivers: string | undefined
}

/** One after the other: each takes the whole machine where it compiles. */
export async function installEngines(names: readonly EngineName[]): Promise<Installed> {
  const starts = new Map<EngineName, Start>()
  for (const name of ENGINE_NAMES) if (names.includes(name)) starts.set(name, await ENGINES[name]())
  const drivers: string[] = []
  if (names.includes('kafka')) drivers.push(await installDriver())
  if (names.includes('snowflake')) drivers.push(await installSnowflakeDriver())
  return { starts, drivers: drivers.join(delimiter) || undefined }
}

export interface Engines extends AsyncDisposable {
  servers: ReadonlyMap<string, Server>
}

/** Starts them side by side. Where one does not start, none is left running. */
export async function startEngines({ starts }: Installed, folder: RunFolder, ports: Ports): Promise<Engines> {
  const made = await Promise.all([...starts.values()].map(async (start) => start(folder, ports)))
  const servers = made.flat()
  // The last to start are the first to stop: a proxy before what it leads to.
  const stop = () => Promise.all(servers.toReversed().map((server) => server.stop()))
  const results = await Promise.allSettled(servers.map((server) => server.start()))
  const failure = results.find((result) => result.status === 'rejected')
  if (failure) {
    await stop()
    throw failure.reason
  }
  return {
    servers: new Map(servers.map((server) => [server.name, server])),
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}

const local = (port: number) => `127.0.0.1:${port}`
const postgresUrl = (port: number) => `postgres://${POSTGRES_USER}@${local(port)}/postgres`
const brokers = (ports: Ports, end: '' | '-proxy') => ([1, 2, 3] as const).map((id) => local(ports[`kafka-${id}${end}`])).join(',')

/** Where the engines' files are. */
type Where = Pick<RunFolder, 'path'>

function snowflakeUrl(folder: Where, port: number): string {
  const { account, name, role } = SNOWFLAKE_USER
  const key = encodeURIComponent(snowflakeKey(folder))
  return `snowflake://${name}@${account}/FLOWGUARD?role=${role}&private_key_file=${key}&access_url=http://${local(port)}`
}

/** What test/support/engines.ts reads; with `-proxy` by way of Toxiproxy. */
export function testEnvironment(
  names: readonly EngineName[],
  folder: RunFolder,
  ports: Ports,
  drivers: string | undefined,
): Record<string, string> {
  const all: Readonly<Record<EngineName, Record<string, string>>> = {
    postgres: { FLOWGUARD_TEST_POSTGRES: postgresUrl(ports.postgres) },
    redis: { FLOWGUARD_TEST_REDIS: `redis://${local(ports.redis)}` },
    s3: {
      FLOWGUARD_TEST_S3: `http://${local(ports.s3)}`,
      FLOWGUARD_TEST_S3_KEY: S3_KEYS.access,
      FLOWGUARD_TEST_S3_SECRET: S3_KEYS.secret,
    },
    prometheus: {
      FLOWGUARD_TEST_PROMETHEUS: `http://${local(ports.prometheus)}`,
      FLOWGUARD_TEST_PROMETHEUS_CONFIG: prometheusConfig(folder),
    },
    snowflake: { FLOWGUARD_TEST_SNOWFLAKE: snowflakeUrl(folder, ports.snowflake) },
    flink: {
      FLOWGUARD_TEST_FLINK_SQL: `http://${local(ports['flink-sql'])}`,
      FLOWGUARD_TEST_FLINK_JOBS: `http://${local(ports['flink-jobs'])}`,
    },
    spark: { FLOWGUARD_TEST_SPARK: sparkHome() },
    kafka: { FLOWGUARD_TEST_KAFKA: brokers(ports, ''), FLOWGUARD_TEST_KAFKA_DATA: dataFolders(folder).join(',') },
    toxiproxy: {
      FLOWGUARD_TEST_TOXIPROXY: `http://${local(ports.toxiproxy)}`,
      FLOWGUARD_TEST_KAFKA_PROXY: brokers(ports, '-proxy'),
      FLOWGUARD_TEST_POSTGRES_PROXY: postgresUrl(ports['postgres-proxy']),
      FLOWGUARD_TEST_REDIS_PROXY: `redis://${local(ports['redis-proxy'])}`,
      FLOWGUARD_TEST_S3_PROXY: `http://${local(ports['s3-proxy'])}`,
      FLOWGUARD_TEST_SNOWFLAKE_PROXY: snowflakeUrl(folder, ports['snowflake-proxy']),
    },
  }
  return Object.assign({}, ...names.map((name) => all[name]), drivers === undefined ? {} : { FLOWGUARD_DRIVERS: drivers }) as Record<
    string,
    string
  >
}

/** The settings of FlowGuard on these engines; of what is not there it keeps its own. */
export function productEnvironment(
  names: readonly EngineName[],
  ports: Ports,
  drivers: string | undefined,
  folder: Where,
): Record<string, string> {
  const all: Readonly<Record<EngineName, Record<string, string>>> = {
    postgres: { DATABASE_URL: postgresUrl(ports.postgres) },
    redis: { EVENTS_LOG_URL: `redis://${local(ports.redis)}/0`, COUNTERS_URL: `redis://${local(ports.redis)}/1` },
    s3: {
      LAKE_URL: `s3://${S3_BUCKET}/lake`,
      AWS_ENDPOINT_URL_S3: `http://${local(ports.s3)}`,
      AWS_ACCESS_KEY_ID: S3_KEYS.access,
      AWS_SECRET_ACCESS_KEY: S3_KEYS.secret,
      AWS_REGION: S3_KEYS.region,
    },
    prometheus: {},
    snowflake: { WAREHOUSE_URL: snowflakeUrl(folder, ports.snowflake) },
    kafka: { LOG_URL: `kafka://${brokers(ports, '')}`, LOG_COPIES: String(TOPIC_COPIES) },
    flink: {
      STREAM_ENGINE: 'flink',
      FLINK_GATEWAY_URL: `http://${local(ports['flink-sql'])}`,
      FLINK_JOBS_URL: `http://${local(ports['flink-jobs'])}`,
    },
    spark: { BATCH_ENGINE: 'spark', SPARK_HOME: sparkHome() },
    toxiproxy: {},
  }
  return Object.assign({}, ...names.map((name) => all[name]), drivers === undefined ? {} : { FLOWGUARD_DRIVERS: drivers }) as Record<
    string,
    string
  >
}
