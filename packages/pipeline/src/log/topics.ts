import { readFileSync } from 'node:fs'
import { DAY_MS, TOPICS, type Topic } from '@flowguard/contract'
import { parse } from 'yaml'
import { FlowGuardError } from '../kernel/errors.ts'

export interface TopicSpec {
  partitions: number
  copies: number
  retentionMs: number
}

export type TopicSpecs = Readonly<Record<Topic, TopicSpec>>

const PARTITIONS_MAX = 1_000

/** Reads the declaration of all topics. Throws `file_invalid` that names what is missing, unknown or out of range. */
export function readTopics(file: string): TopicSpecs {
  let declared: Record<string, { partitions?: unknown; copies?: unknown; retention_days?: unknown } | undefined>
  try {
    declared = (parse(readFileSync(file, 'utf8')) as { topics?: typeof declared } | null)?.topics ?? {}
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
