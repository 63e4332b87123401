/** Where Kafka is: the brokers to begin with, and what is put before the names of its topics. */
export interface KafkaAddress {
  engine: 'kafka'
  /** `host:port`, at least one. */
  brokers: readonly string[]
  prefix: string
  /** Of `kafka://user:password@…`: SASL. */
  user: string | undefined
  password: string | undefined
  /** `?tls=on` */
  isTls: boolean
}

/** Where Snowflake is, and as whom. What is secret is not in it: the key is a file, passwords are settings of their own. */
export interface SnowflakeAddress {
  engine: 'snowflake'
  /** `orgname-account` */
  account: string
  user: string
  database: string
  warehouse: string | undefined
  role: string | undefined
  /** What people type is asked as this role; `role` where there is none. */
  readerRole: string | undefined
  /** Of the private key, as PEM. */
  keyFile: string | undefined
  /** Where it is asked instead of the account's own host: a private link, or a stand-in. */
  accessUrl: string | undefined
}

export type Address =
  | { engine: 'sqlite' | 'duckdb' }
  | SnowflakeAddress
  | KafkaAddress
  | { engine: 'redis' | 'postgres'; url: string }
  /** `path` is '' where none is given. */
  | { engine: 'file'; path: string }
  | { engine: 's3'; bucket: string; prefix: string }

export type Engine = Address['engine']

const KAFKA = /^kafka:\/\/(?:([^:@/]+):([^@/]*)@)?([^/?]+)(?:\/([\w.-]*))?(\?tls=(?:on|off))?$/
const BROKER = /^([\w.-]+|\[[\da-f:]+\]):\d{1,5}$/i
const S3 = /^s3:\/\/([a-z\d][a-z\d.-]{1,61}[a-z\d])(?:\/(.*))?$/

const SNOWFLAKE_PARAMS = ['warehouse', 'role', 'reader_role', 'private_key_file', 'access_url'] as const
/** A name that needs no quotes. */
const SNOWFLAKE_NAME = /^[a-z_][\w$]*$/i

/** What an address says, or undefined where it is none. */
export function parseAddress(text: string): Address | undefined {
  try {
    return addressIn(text)
  } catch (error) {
    // A % that escapes nothing.
    if (error instanceof URIError) return undefined
    throw error
  }
}

function addressIn(text: string): Address | undefined {
  if (text === 'sqlite:') return { engine: 'sqlite' }
  if (text === 'duckdb:') return { engine: 'duckdb' }
  if (text.startsWith('snowflake://')) return snowflakeAddress(text)
  if (text.startsWith('file:')) return { engine: 'file', path: text.slice('file:'.length).replace(/^\/\/(?=\/)/, '') }
  const kafka = KAFKA.exec(text)
  if (kafka) {
    const [, user, password, hosts = '', prefix = '', tls] = kafka
    const brokers = hosts.split(',')
    const decoded = (part: string | undefined) => (part === undefined ? undefined : decodeURIComponent(part))
    if (!brokers.every((each) => BROKER.test(each))) return undefined
    return { engine: 'kafka', brokers, prefix, user: decoded(user), password: decoded(password), isTls: tls === '?tls=on' }
  }
  const s3 = S3.exec(text)
  if (s3) return { engine: 's3', bucket: s3[1] as string, prefix: (s3[2] ?? '').replace(/\/+$/, '') }
  if (/^rediss?:\/\//.test(text) && URL.canParse(text)) return { engine: 'redis', url: text }
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) return { engine: 'postgres', url: text }
  return undefined
}

function snowflakeAddress(text: string): SnowflakeAddress | undefined {
  if (!URL.canParse(text)) return undefined
  const { username, password, hostname, port, pathname, searchParams, hash } = new URL(text)
  const [, database = '', ...rest] = pathname.split('/')
  // A password has no place here, where it would be shown.
  if (!username || password || !/^[\w.-]+$/.test(hostname) || port || hash || rest.length > 0 || !SNOWFLAKE_NAME.test(database))
    return undefined
  const isKnown = [...searchParams.keys()].every((name) => (SNOWFLAKE_PARAMS as readonly string[]).includes(name))
  const param = (name: (typeof SNOWFLAKE_PARAMS)[number]) => searchParams.get(name) ?? undefined
  const [warehouse, role, readerRole] = [param('warehouse'), param('role'), param('reader_role')]
  const accessUrl = param('access_url')
  if (!isKnown || [warehouse, role, readerRole].some((name) => name !== undefined && !SNOWFLAKE_NAME.test(name))) return undefined
  if (accessUrl !== undefined && !/^https?:\/\/[^/]/.test(accessUrl)) return undefined
  const user = decodeURIComponent(username)
  return {
    engine: 'snowflake',
    account: hostname,
    user,
    database,
    warehouse,
    role,
    readerRole,
    keyFile: param('private_key_file'),
    accessUrl,
  }
}

/** The address as it may be shown: without its password, which ends at the last @. One that should have been escaped may be in it, and so may a slash: rather too much is hidden. */
export function maskedAddress(text: string): string {
  return text.replace(/^([a-z]+:\/\/[^:/]*):.*@/is, '$1:…@')
}
