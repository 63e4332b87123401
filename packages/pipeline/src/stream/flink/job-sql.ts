import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DAY_MS, MINUTE_MS, TIMED_TOPICS } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import type { TopicSpecs } from '../../log/topics.ts'

/** In the order in which each may name what those before it made. */
const FILES = ['raw.sql', 'attribution.sql', 'windows.sql', 'sessions.sql'] as const
/** Below the brokers' own limit of 15 minutes. What is written and not committed when a job is away for longer is lost: then it starts from its savepoint too late. */
const TRANSACTION_MS_MAX = 10 * MINUTE_MS
const CHECKPOINT_MS = 2_000
const SINGLE_QUOTE = /'/g

export interface JobOptions {
  /** Where the SQL files are. */
  folder: string
  address: KafkaAddress
  /** The brokers as Flink reaches them. */
  brokers: string
  topics: TopicSpecs
  doubleClickMs: number
  parallelism: number
}

/** What the job is called: one a prefix of topics. */
export const jobNameOf = ({ prefix }: KafkaAddress) => `flowguard ${prefix}stream`.replace('  ', ' ')

/** Statements that set the session up, one that makes a job of all of them. `from`: a savepoint or checkpoint, or undefined for the beginning of the log. */
export function jobSql(options: JobOptions, from: string | undefined): { prepare: string[]; submit: string } {
  const values = valuesOf(options)
  const statements = FILES.flatMap((file) => statementsOf(readFileSync(join(options.folder, file), 'utf8'))).map((each) =>
    filled(each, values),
  )
  const inserts = statements.filter((each) => each.startsWith('insert'))
  const settings = settingsOf(options, from).map(([name, value]) => `set '${name}' = '${quoted(value)}'`)
  return {
    prepare: [...settings, ...statements.filter((each) => !each.startsWith('insert'))],
    submit: `execute statement set begin\n${inserts.map((each) => `${each};\n`).join('')}end`,
  }
}

function settingsOf({ address, topics, parallelism }: JobOptions, from: string | undefined): [string, string][] {
  const keptMs = Math.max(...TIMED_TOPICS.map((topic) => topics[topic].retentionMs))
  return [
    ['pipeline.name', jobNameOf(address)],
    ['parallelism.default', String(parallelism)],
    // Times are written as UTC.
    ['table.local-time-zone', 'UTC'],
    // Ids are known for as long as the topics keep their first record; whatever else is kept is gone sooner by itself.
    ['table.exec.state.ttl', `${keptMs} ms`],
    // What several of the views go by is worked out once, with all their columns.
    ['table.optimizer.reuse-optimize-block-with-digest-enabled', 'true'],
    // Partitions are idle for nobody's clock: each has its heartbeats.
    ['table.exec.source.idle-timeout', '0 ms'],
    ['execution.checkpointing.interval', `${CHECKPOINT_MS} ms`],
    ['execution.checkpointing.mode', 'EXACTLY_ONCE'],
    // A barrier that overtook a watermark would say that more is answered than is.
    ['execution.checkpointing.unaligned.enabled', 'false'],
    ['execution.checkpointing.externalized-checkpoint-retention', 'RETAIN_ON_CANCELLATION'],
    ...(from === undefined ? [] : [['execution.state-recovery.path', from] as [string, string]]),
  ]
}

function valuesOf({ address, brokers, doubleClickMs }: JobOptions): Readonly<Record<string, string>> {
  const connection = { connector: 'kafka', 'properties.bootstrap.servers': brokers, ...accessOf(address) }
  const source = {
    ...connection,
    'properties.group.id': `flowguard.${address.prefix}flink`,
    'properties.isolation.level': 'read_committed',
    'scan.startup.mode': 'earliest-offset',
    format: 'json',
    'json.ignore-parse-errors': 'true',
  }
  const sink = {
    ...connection,
    'key.format': 'raw',
    'key.fields': 'record_key',
    'value.format': 'raw',
    'value.fields-include': 'EXCEPT_KEY',
    'sink.delivery-guarantee': 'exactly-once',
    'sink.transaction-naming-strategy': 'POOLING',
    'properties.transaction.timeout.ms': String(TRANSACTION_MS_MAX),
    'properties.compression.type': 'lz4',
  }
  return {
    source: optionsText(source),
    sink: optionsText(sink),
    prefix: quoted(address.prefix),
    // Two jobs with one of these would end each other's transactions.
    transactions: quoted(`flowguard.${address.prefix}flink.`),
    double_click_ms: String(doubleClickMs),
    // In half milliseconds; what is exactly so long before is no double click.
    double_click_range: intervalOf(Math.max(0, doubleClickMs - 1) * 2),
    iso: "yyyy-MM-dd''T''HH:mm:ss.SSS''Z''",
  }
}

/** Flink takes no more than 3 digits before the colon. */
function intervalOf(ms: number): string {
  const time = new Date(ms % DAY_MS).toISOString().slice('1970-01-01T'.length, -1)
  return `interval '${Math.floor(ms / DAY_MS)} ${time}' day(3) to second(3)`
}

const LOGIN = 'org.apache.flink.kafka.shaded.org.apache.kafka.common.security.plain.PlainLoginModule'

function accessOf({ user, password, isTls }: KafkaAddress): Record<string, string> {
  if (user === undefined) return isTls ? { 'properties.security.protocol': 'SSL' } : {}
  const text = (value: string) => `"${value.replace(/[\\"]/g, '\\$&')}"`
  return {
    'properties.security.protocol': isTls ? 'SASL_SSL' : 'SASL_PLAINTEXT',
    'properties.sasl.mechanism': 'PLAIN',
    'properties.sasl.jaas.config': `${LOGIN} required username=${text(user)} password=${text(password ?? '')};`,
  }
}

const quoted = (text: string) => text.replace(SINGLE_QUOTE, "''")

const optionsText = (options: Readonly<Record<string, string>>) =>
  Object.entries(options)
    .map(([name, value]) => `'${name}' = '${quoted(value)}'`)
    .join(', ')

/** A statement ends with a semicolon at the end of a line. */
function statementsOf(text: string): string[] {
  const lines = text.split('\n').filter((line) => !line.trimStart().startsWith('--'))
  return lines
    .join('\n')
    .split(/;\n/)
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

function filled(statement: string, values: Readonly<Record<string, string>>): string {
  return statement.replace(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}
