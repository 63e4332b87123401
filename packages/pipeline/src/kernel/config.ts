import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { maskedAddress, parseAddress, type Engine } from './addresses.ts'
import { FlowGuardError } from './errors.ts'

/** The checkout: what ships with the product is found from here, whatever folder it is started in. */
export const ROOT = resolve(import.meta.dirname, '../../../..')

export const VERSION = (JSON.parse(readFileSync(join(ROOT, 'packages/pipeline/package.json'), 'utf8')) as { version: string }).version

interface Setting {
  fallback: string
  about: string
  /** What is wrong with the text, or undefined. */
  check: (text: string) => string | undefined
  /** Not to be shown: all of it, or the password in an address. */
  secret?: 'all' | 'password'
}

const any = () => undefined
const port = (text: string) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? undefined : 'must be a port from 0 to 65535')
const whole = (text: string) => (/^\d{1,9}$/.test(text) ? undefined : 'must be a whole number')
const oneOf =
  (...words: string[]) =>
  (text: string) =>
    words.includes(text) ? undefined : `must be one of ${words.join(', ')}`
const FORMS: Readonly<Record<Engine, string>> = {
  sqlite: 'sqlite:',
  kafka: 'kafka://host:port,host:port (and /prefix. for its topics)',
  redis: 'redis://host:port',
  postgres: 'postgres://user:password@host:port/database',
  file: 'file: or file:FOLDER',
  s3: 's3://bucket/prefix',
  duckdb: 'duckdb:',
  snowflake:
    'snowflake://USER@ACCOUNT/DATABASE?warehouse=NAME&role=NAME&private_key_file=PATH (and reader_role=NAME, access_url=URL; no password: that is SNOWFLAKE_PASSWORD)',
}
const address =
  (...engines: Engine[]) =>
  (text: string) => {
    const found = parseAddress(text)
    return found && engines.includes(found.engine) ? undefined : `must be ${engines.map((each) => FORMS[each]).join(', or ')}`
  }
const url = (text: string) => (URL.canParse(text) ? undefined : 'must be an address, http://host:port')

/** How much the loader gathers: each load wakes Snowflake's warehouse for a minute at least. */
const BATCHING = { duckdb: { ageMs: 2_000, rowsMax: 20_000 }, snowflake: { ageMs: 300_000, rowsMax: 50_000 } } as const

/** Every setting: the one schema. Flag, then environment, then `.env`, then the default here. */
export const SETTINGS = {
  DATA_DIR: { fallback: 'data', about: 'folder of the embedded stores and the logs', check: any },
  HOST: { fallback: '127.0.0.1', about: 'address to listen on; beyond loopback needs write keys', check: any },
  GATEWAY_PORT: { fallback: '8000', about: 'events gateway', check: port },
  CATALOG_PORT: { fallback: '8001', about: 'food catalogue', check: port },
  STORE_PORT: { fallback: '3000', about: 'the store; its origin may call both APIs', check: port },
  OPS_PORT: { fallback: '8080', about: 'operations console and API', check: port },
  METRICS_PORT: {
    fallback: '',
    about: 'livez, readyz and metrics of a part that is run alone and serves nothing else; none where empty or 0',
    check: (text) => (text ? port(text) : undefined),
  },
  GATEWAY_URL: {
    fallback: '',
    about: 'gateway for clients; from HOST and GATEWAY_PORT where empty',
    check: (text) => (text ? url(text) : undefined),
  },
  OPS_URL: {
    fallback: '',
    about: 'operations API for clients; from HOST and OPS_PORT where empty',
    check: (text) => (text ? url(text) : undefined),
  },
  LOG_URL: { fallback: 'sqlite:', about: 'engine of the log', check: address('sqlite', 'kafka'), secret: 'password' },
  LOG_COPIES: {
    fallback: '0',
    about: 'copies of every topic on Kafka; 0: as TOPICS_FILE declares',
    check: (text) => (/^([0-9]|1[0-5])$/.test(text) ? undefined : 'must be a whole number from 0 to 15'),
  },
  EVENTS_LOG_URL: {
    fallback: '',
    about: 'engine of the log of general events alone; LOG_URL where empty',
    check: (text) => (text ? address('sqlite', 'kafka', 'redis')(text) : undefined),
    secret: 'password',
  },
  DATABASE_URL: {
    fallback: 'sqlite:',
    about: 'engine of the operational tables',
    check: address('sqlite', 'postgres'),
    secret: 'password',
  },
  COUNTERS_URL: { fallback: 'sqlite:', about: 'engine of the billing counters', check: address('sqlite', 'redis'), secret: 'password' },
  LAKE_URL: {
    fallback: 'file:',
    about: 'engine of the lake; file: is the folder lake of DATA_DIR, off is none',
    check: (text) => (text === 'off' ? undefined : address('file', 's3')(text)),
  },
  WRITE_KEYS: {
    fallback: 'auto',
    about: 'auto: needed beyond loopback; on: needed everywhere; off: never',
    check: oneOf('auto', 'on', 'off'),
  },
  WRITE_KEY: { fallback: '', about: 'the key that the commands of this machine send', check: any, secret: 'all' },
  PUBLIC_GATEWAY_URL: {
    fallback: '',
    about: 'gateway as the browsers of the store reach it; GATEWAY_URL where empty',
    check: (text) => (text ? url(text) : undefined),
  },
  PUBLIC_WRITE_KEY: {
    fallback: '',
    about: 'the key that the pages of the store send events with: everybody can read it there',
    check: any,
  },
  CORS_ORIGINS: { fallback: '', about: 'comma-separated origins; the store and the console on this machine where empty', check: any },
  RATE_LIMIT: { fallback: '0', about: 'requests a minute and client; 0 is none', check: whole },
  DOUBLE_CLICK_MS: {
    fallback: '2000',
    about: 'a click sooner than this after another of the same user and ad is not charged',
    check: whole,
  },
  BILLING_CLOSE_DAYS: {
    fallback: '3',
    about: 'so many days after a UTC month is over, what was billed for it changes by credits only',
    check: (text) => (/^\d{1,3}$/.test(text) ? undefined : 'must be a whole number from 0 to 999'),
  },
  WORKERS: {
    fallback: '2',
    about: 'workers of the general lane in one process',
    check: (text) => (/^([1-9]|[1-5]\d|6[0-4])$/.test(text) ? undefined : 'must be a whole number from 1 to 64'),
  },
  STREAM_ENGINE: {
    fallback: 'embedded',
    about: 'who attributes and tells windows and sessions: embedded: the reader stream; flink: the job of `stream flink deploy`',
    check: oneOf('embedded', 'flink'),
  },
  FLINK_GATEWAY_URL: { fallback: 'http://127.0.0.1:18083', about: "Flink's SQL Gateway, for `stream flink`", check: url },
  FLINK_JOBS_URL: { fallback: 'http://127.0.0.1:18081', about: "Flink's JobManager (rest.port)", check: url },
  FLINK_BROKERS: { fallback: '', about: 'Kafka as Flink reaches it, host:port,host:port; as LOG_URL where empty', check: any },
  FLINK_PARALLELISM: {
    fallback: '1',
    about: 'tasks of each kind of its job',
    check: (text) => (/^[1-9]\d{0,2}$/.test(text) ? undefined : 'must be a whole number from 1 to 999'),
  },
  WAREHOUSE_URL: {
    fallback: 'duckdb:',
    about: 'engine of the warehouse',
    check: address('duckdb', 'snowflake'),
    secret: 'password',
  },
  SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: {
    fallback: '',
    about: 'of the private key that WAREHOUSE_URL names, where it has one',
    check: any,
    secret: 'all',
  },
  SNOWFLAKE_PASSWORD: { fallback: '', about: 'signs in to Snowflake where WAREHOUSE_URL names no key', check: any, secret: 'all' },
  WAREHOUSE_MEMORY_MB: {
    fallback: '1024',
    about: 'memory that the warehouse may take; what needs more goes over the disk',
    check: (text) => (/^\d{3,6}$/.test(text) && Number(text) >= 128 ? undefined : 'must be a whole number from 128'),
  },
  BATCH_ENGINE: {
    fallback: 'warehouse',
    about: 'who works out silver and gold: warehouse: its own SQL; spark: Spark SQL over the lake',
    check: oneOf('warehouse', 'spark'),
  },
  SPARK_HOME: { fallback: '', about: "Spark's folder; where empty, pyspark as python3 finds it", check: any },
  SPARK_MASTER: {
    fallback: 'local[2]',
    about: 'where it runs: local[processors], spark://host:port, yarn, k8s://…',
    check: (text) => (/^(local|yarn|spark:|k8s:)/.test(text) ? undefined : 'must be local[2], spark://host:port, yarn or k8s://…'),
  },
  SPARK_CONF: {
    fallback: '',
    about: 'what it is to be told besides: spark.driver.memory=4g spark.jars.packages=…',
    check: (text) => (/^(spark\.[\w.-]+=\S+(\s+|$))*$/.test(text) ? undefined : 'must be spark.name=value, with spaces between'),
    // A store's keys may be among it.
    secret: 'all',
  },
  SPARK_TABLE_MINUTES: {
    fallback: '360',
    about: 'how long it may be at one table of a run; then it is ended, and the run fails',
    check: (text) => (/^[1-9]\d{0,3}$/.test(text) ? undefined : 'must be a whole number from 1 to 9999'),
  },
  WAREHOUSE_EXPORT: {
    fallback: 'on',
    about: 'on: each ETL run is followed by `warehouse export`, for Superset and others; off: only when asked',
    check: oneOf('on', 'off'),
  },
  ETL: { fallback: 'on', about: 'on: silver and gold are made once a day; off: only when asked', check: oneOf('on', 'off') },
  ETL_AT: {
    fallback: '01:00',
    about: 'when, in UTC',
    check: (text) => (/^([01]\d|2[0-3]):[0-5]\d$/.test(text) ? undefined : 'must be a time of the day, 01:00'),
  },
  OPENLINEAGE_URL: {
    fallback: '',
    about: 'who is told of every ETL run, as OpenLineage events; nobody where empty',
    check: (text) => (text ? url(text) : undefined),
    secret: 'password',
  },
  OPENLINEAGE_API_KEY: {
    fallback: '',
    about: 'the key that it wants, where it wants one',
    check: (text) => (/[\r\n]/.test(text) ? 'must be one line' : undefined),
    secret: 'all',
  },
  OPENLINEAGE_NAMESPACE: {
    fallback: 'flowguard',
    about: 'what its jobs and tables are told under',
    check: (text) => (text === '' ? 'must not be empty' : undefined),
  },
  LOADER_AGE_MS: {
    fallback: '',
    about: `the loader loads what came in at the latest after so long; where empty ${BATCHING.duckdb.ageMs}, and into Snowflake, which is paid by the minute, ${BATCHING.snowflake.ageMs}`,
    check: (text) => (text ? whole(text) : undefined),
  },
  LOADER_ROWS: {
    fallback: '',
    about: `or once it is so many records; where empty ${BATCHING.duckdb.rowsMax}, and into Snowflake ${BATCHING.snowflake.rowsMax}`,
    check: (text) => (text === '' || /^[1-9]\d{0,5}$/.test(text) ? undefined : 'must be a whole number from 1 to 999999'),
  },
  LAKE_AGE_MS: { fallback: '60000', about: 'the lake writes down what came in at the latest after so long', check: whole },
  LAKE_ROWS: {
    fallback: '100000',
    about: 'or once it is so many records',
    check: (text) => (/^[1-9]\d{0,5}$/.test(text) && Number(text) <= 500_000 ? undefined : 'must be a whole number from 1 to 500000'),
  },
  LOG_LEVEL: { fallback: 'info', about: 'how much the parts log', check: oneOf('trace', 'debug', 'info', 'warn', 'error') },
  ENVIRONMENT: { fallback: 'development', about: 'named in health and metrics', check: any },
  FOODS_FILE: { fallback: join(ROOT, 'data/food_items.json'), about: 'dishes of the catalogue', check: any },
  ADS_FILE: { fallback: join(ROOT, 'data/ads.json'), about: 'ads and their rates', check: any },
  TOPICS_FILE: { fallback: join(ROOT, 'config/kafka/topics.yaml'), about: 'topics, partitions, retention', check: any },
  ALERTS_FILE: {
    fallback: join(ROOT, 'config/alerts.yaml'),
    about: 'what is alerted, when, and to whom; read again when it changes',
    check: any,
  },
} as const satisfies Record<string, Setting>

export type SettingName = keyof typeof SETTINGS
export type Source = 'flag' | 'environment' | '.env' | 'default'
export type Settings = Readonly<Record<SettingName, string>> & { readonly sources: Readonly<Record<SettingName, Source>> }

/** The environment with what `.env` says besides: where secrets are that a file of ours names. */
export function readEnvironment(env: NodeJS.ProcessEnv, folder: string): NodeJS.Dict<string> {
  const path = join(folder, '.env')
  return { ...(existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {}), ...env }
}

/** Reads all settings. Throws `settings_invalid` that names every bad one and where it came from. */
export function readSettings(flags: Partial<Record<SettingName, string>>, env: NodeJS.ProcessEnv, folder: string): Settings {
  const dotEnv = readEnvironment({}, folder)
  const values: Partial<Record<SettingName, string>> = {}
  const sources: Partial<Record<SettingName, Source>> = {}
  const faults: string[] = []
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const found: [Source, string | undefined][] = [
      ['flag', flags[name]],
      ['environment', env[name]],
      ['.env', dotEnv[name]],
    ]
    const [source, text] = found.find(([, value]) => value !== undefined) ?? ['default', SETTINGS[name].fallback]
    const fault = SETTINGS[name].check(text ?? '')
    if (fault) faults.push(`${name}=${shown(name, text ?? '')} (${source}) ${fault}`)
    values[name] = text ?? ''
    sources[name] = source
  }
  if (faults.length > 0) throw new FlowGuardError('settings_invalid', faults.join('; '))
  const read = values as Record<SettingName, string>
  const reachable = ['0.0.0.0', '::'].includes(read.HOST) ? '127.0.0.1' : read.HOST
  const host = reachable.includes(':') ? `[${reachable}]` : reachable
  const batching = BATCHING[read.WAREHOUSE_URL === 'duckdb:' ? 'duckdb' : 'snowflake']
  return {
    ...read,
    LOADER_AGE_MS: read.LOADER_AGE_MS || String(batching.ageMs),
    LOADER_ROWS: read.LOADER_ROWS || String(batching.rowsMax),
    DATA_DIR: resolve(folder, read.DATA_DIR),
    GATEWAY_URL: read.GATEWAY_URL || `http://${host}:${read.GATEWAY_PORT}`,
    OPS_URL: read.OPS_URL || `http://${host}:${read.OPS_PORT}`,
    CORS_ORIGINS: read.CORS_ORIGINS || localOrigins(read.STORE_PORT, read.OPS_PORT),
    sources: sources as Record<SettingName, Source>,
  }
}

/** A setting's value as it may be shown. What is no address has none to hide, and one that is wrongly written may yet hold a password. */
export function shown(name: SettingName, text: string): string {
  const { secret }: Setting = SETTINGS[name]
  if (secret === 'all') return text === '' ? '' : '********'
  return maskedAddress(text)
}

function localOrigins(...ports: string[]): string {
  return ports.flatMap((each) => [`http://localhost:${each}`, `http://127.0.0.1:${each}`]).join(',')
}

/** By the address itself: a name that only looks like one (`127.example.org`) may be anywhere. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
