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

export type Address =
  | { engine: 'sqlite' }
  | KafkaAddress
  | { engine: 'redis' | 'postgres'; url: string }
  /** `path` is '' where none is given. */
  | { engine: 'file'; path: string }
  | { engine: 's3'; bucket: string; prefix: string }

export type Engine = Address['engine']

const KAFKA = /^kafka:\/\/(?:([^:@/]+):([^@/]*)@)?([^/?]+)(?:\/([\w.-]*))?(\?tls=(?:on|off))?$/
const BROKER = /^([\w.-]+|\[[\da-f:]+\]):\d{1,5}$/i
const S3 = /^s3:\/\/([a-z\d][a-z\d.-]{1,61}[a-z\d])(?:\/(.*))?$/

/** What an address says, or undefined where it is none. */
export function parseAddress(text: string): Address | undefined {
  if (text === 'sqlite:') return { engine: 'sqlite' }
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

/** The address as it may be shown: without its password, which ends at the last @. One that should have been escaped may be in it, and so may a slash: rather too much is hidden. */
export function maskedAddress(text: string): string {
  return text.replace(/^([a-z]+:\/\/[^:/]*):.*@/is, '$1:…@')
}
