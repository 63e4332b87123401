import { join } from 'node:path'
import type { Topic } from '@flowguard/contract'
import { ROOT } from '../../kernel/config.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import type { EventLog, LogRecord, NewRecord } from '../event-log.ts'
import { readTopics } from '../topics.ts'

/** One log: what is opened again finds what was there. */
export interface LogStore extends AsyncDisposable {
  open(clock: Clock): Promise<EventLog>
  /** As another process sees it. */
  openReader(): Promise<EventLog>
}

export const TEST_TOPICS = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
/** Of one partition, so that all order holds. */
export const ALERTS = 'alerts.v1' satisfies Topic
export const FEW = { countMax: 100, waitMs: 0 }

export const record = (key: string, value: string | Uint8Array, change: Partial<NewRecord> = {}): NewRecord => ({
  key,
  value,
  headers: {},
  ...change,
})
export const start = (topic: Topic, partition = 0) => [{ topic, partition, next: 0 }]
export const values = (records: readonly LogRecord[]) => records.map(({ value }) => value)
export const numbered = (count: number, prefix = '') => Array.from({ length: count }, (_, at) => record(`u${at}`, `${prefix}${at}`))

/** Every record of one partition, read as a reader does, a stretch at a time. */
export async function readAll(log: EventLog, topic: Topic, partition = 0, countMax = 1_000, next = 0): Promise<LogRecord[]> {
  const all: LogRecord[] = []
  for (let at = next; ;) {
    const records = await log.read([{ topic, partition, next: at }], { countMax, waitMs: 0 })
    if (records.length === 0) return all
    all.push(...records)
    at = (records.at(-1) as LogRecord).offset + 1
  }
}

export type WithLog = (title: string, run: (log: EventLog, store: LogStore, time: { now: number }) => Promise<void>) => void
