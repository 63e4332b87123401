import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { DAY_MS, TOPICS, type Topic } from '@flowguard/contract'
import type * as Yaml from 'yaml'
import { FlowGuardError } from '../kernel/errors.ts'

export interface TopicSpec {
  partitions: number
  copies: number
  retentionMs: number
}

export type TopicSpecs = Readonly<Record<Topic, TopicSpec>>

const PARTITIONS_MAX = 1_000

type Declared = Record<string, { partitions?: unknown; copies?: unknown; retention_days?: unknown } | undefined>

/** Reads the declaration of all topics. Throws `file_invalid` that names what is missing, unknown or out of range. */
export function readTopics(file: string): TopicSpecs {
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
    const { partitions, copies, retention_days: days } = declared[topic] ?? {}
    const isWhole = (value: unknown, max: number): value is number =>
      Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max
    if (!isWhole(partitions, PARTITIONS_MAX) || !isWhole(copies, PARTITIONS_MAX) || typeof days !== 'number' || !(days > 0)) {
      throw new FlowGuardError(
        'file_invalid',
        `${file}: ${topic} needs partitions and copies (whole, at least 1) and retention_days (above 0)`,
      )
    }
    return [topic, { partitions, copies, retentionMs: days * DAY_MS }] as const
  })
  return Object.fromEntries(specs) as Record<Topic, TopicSpec>
}

const NUMBER = '((?:0|[1-9]\\d{0,8})(?:\\.\\d{1,9})?)'
const PLAIN = new RegExp(`^  ([a-z][a-z.\\d]*): \\{ partitions: ${NUMBER}, copies: ${NUMBER}, retention_days: ${NUMBER} \\}$`)

/** What the file says where it is written as the one that ships is, a line a topic; undefined where it is not. Every start would wait for the YAML parser otherwise. */
function plainTopics(text: string): Declared | undefined {
  const [head, ...lines] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const matches = lines.map((line) => PLAIN.exec(line))
  const names = new Set(matches.map((match) => match?.[1]))
  if (head !== 'topics:' || names.size < lines.length || matches.includes(null)) return undefined
  return Object.fromEntries(
    matches.map((match) => {
      const [, name, partitions, copies, days] = match ?? []
      return [name, { partitions: Number(partitions), copies: Number(copies), retention_days: Number(days) }]
    }),
  )
}

function yamlTopics(text: string): Declared {
  const { parse } = createRequire(import.meta.url)('yaml') as typeof Yaml
  return (parse(text) as { topics?: Declared } | null)?.topics ?? {}
}
