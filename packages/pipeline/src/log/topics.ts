import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { DAY_MS, RAW_TOPICS, TOPICS, type RawTopic, type Topic } from '@flowguard/contract'
import type * as Yaml from 'yaml'
import { FlowGuardError } from '../kernel/errors.ts'

export interface TopicSpec {
  partitions: number
  copies: number
  retentionMs: number
  /** Of Kafka's alone: the codec of its batches, and how many copies must have a record before it counts as written. */
  compression: string
  minInsync: number
}

export type TopicSpecs = Readonly<Record<Topic, TopicSpec>>

const PARTITIONS_MAX = 1_000
const CODECS: readonly unknown[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
/** On Kafka anybody may write to the raw topics. What the gateway takes is far smaller. */
export const RAW_BYTES_MAX = 1024 * 1024
/**
 * A dead letter holds a whole record of another topic. Three bytes of a value become four (base64), a control character of a key or a header six, and once more
 * itself, for the letter has the same; and there is what the letter says of it.
 */
const LETTER_GROWTH = 8
export const RECORD_BYTES_MAX = LETTER_GROWTH * RAW_BYTES_MAX
/** Kafka counts what it wraps a record in, a producer does not. */
const WRAPPING_BYTES = 4 * 1024

type Declared = Record<
  string,
  Partial<Record<'partitions' | 'copies' | 'retention_days' | 'compression' | 'min_insync', unknown>> | undefined
>

/**
 * Reads the declaration of all topics; `copies` above 0 outweighs what it says of them. Throws `file_invalid` that names what is missing, unknown or out of
 * range.
 */
export function readTopics(file: string, copiesOfAll = 0): TopicSpecs {
  let declared: Declared
  try {
    const text = readFileSync(file, 'utf8')
    declared = plainTopics(text) ?? yamlTopics(text)
  } catch (error) {
    throw new FlowGuardError('file_invalid', `${file}: ${(error as Error).message}`, error)
  }
  const unknown = Object.keys(declared).filter((name) => !TOPICS.includes(name as Topic))
  if (unknown.length > 0) throw new FlowGuardError('file_invalid', `${file}: unknown topic ${unknown.join(', ')}`)
  const specs = TOPICS.map((topic) => {
    const { partitions, copies, retention_days: days, compression = 'none', min_insync: insync } = declared[topic] ?? {}
    const isWhole = (value: unknown, max: number): value is number =>
      Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max
    if (!isWhole(partitions, PARTITIONS_MAX) || !isWhole(copies, PARTITIONS_MAX) || typeof days !== 'number' || !(days > 0)) {
      throw new FlowGuardError(
        'file_invalid',
        `${file}: ${topic} needs partitions and copies (whole, at least 1) and retention_days (above 0)`,
      )
    }
    if (!CODECS.includes(compression) || (insync !== undefined && !isWhole(insync, copies))) {
      throw new FlowGuardError(
        'file_invalid',
        `${file}: ${topic} needs as compression one of ${CODECS.join(', ')}, and as min_insync (if any) 1 to its copies`,
      )
    }
    const kept = copiesOfAll || copies
    const minInsync = copiesOfAll === 0 && insync !== undefined ? insync : Math.max(1, kept - 1)
    return [topic, { partitions, copies: kept, retentionMs: days * DAY_MS, compression: compression as string, minInsync }] as const
  })
  return Object.fromEntries(specs) as Record<Topic, TopicSpec>
}

/** What Kafka is told of a topic, by its own names. */
export function settingsOf(topic: string, { retentionMs, compression, minInsync }: TopicSpec): Record<string, string> {
  const isRaw = RAW_TOPICS.includes(topic as RawTopic)
  return {
    'retention.ms': String(retentionMs),
    'compression.type': compression === 'none' ? 'uncompressed' : compression,
    'min.insync.replicas': String(minInsync),
    'max.message.bytes': String(isRaw ? RAW_BYTES_MAX : RECORD_BYTES_MAX + WRAPPING_BYTES),
  }
}

const NUMBER = '((?:0|[1-9]\\d{0,8})(?:\\.\\d{1,9})?)'
const PLAIN = new RegExp(
  `^  ([a-z][a-z.\\d]*): \\{ partitions: ${NUMBER}, copies: ${NUMBER}, retention_days: ${NUMBER}(?:, compression: ([a-z]+\\d?))?(?:, min_insync: ${NUMBER})? \\}$`,
)

/** What the file says where it is written as the one that ships is, a line a topic; undefined where it is not. Every start would wait for the YAML parser otherwise. */
function plainTopics(text: string): Declared | undefined {
  const [head, ...lines] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const matches = lines.map((line) => PLAIN.exec(line))
  const names = new Set(matches.map((match) => match?.[1]))
  if (head !== 'topics:' || names.size < lines.length || matches.includes(null)) return undefined
  return Object.fromEntries(
    matches.map((match) => {
      const [, name, partitions, copies, days, compression, insync] = match ?? []
      const more = { ...(compression && { compression }), ...(insync && { min_insync: Number(insync) }) }
      return [name, { partitions: Number(partitions), copies: Number(copies), retention_days: Number(days), ...more }]
    }),
  )
}

function yamlTopics(text: string): Declared {
  const { parse } = createRequire(import.meta.url)('yaml') as typeof Yaml
  return (parse(text) as { topics?: Declared } | null)?.topics ?? {}
}
