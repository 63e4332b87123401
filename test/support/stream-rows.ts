import { join } from 'node:path'
import { ATTRIBUTED, CLICKS, METRICS, ORDERS, SESSIONS, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import { ROOT } from '../../packages/pipeline/src/kernel/config.ts'
import { openSqliteLogReader } from '../../packages/pipeline/src/log/adapters/sqlite.ts'
import type { EventLog, LogRecord } from '../../packages/pipeline/src/log/event-log.ts'
import { readTopics } from '../../packages/pipeline/src/log/topics.ts'
import { oracle, sorted, type StreamRows } from '../../packages/pipeline/src/stream/testing/oracle.ts'

const topics = readTopics(join(ROOT, 'config/kafka/topics.yaml'))

/** What the stream of a data folder has written, sorted. */
export async function streamRowsOf(dataDir: string): Promise<StreamRows> {
  await using log = openSqliteLogReader({ path: join(dataDir, 'pipeline.db'), topics, clock: Date.now })
  const rows = async <T>(topic: Topic) => (await recordsOf(log, topic)).map(({ value }) => JSON.parse(value) as T)
  return sorted({ attributed: await rows(ATTRIBUTED), windows: await rows(METRICS), sessions: await rows(SESSIONS) })
}

/** What the plain rules make of the embedded raw log of a data folder, sorted. */
export async function oracleRowsOf(dataDir: string): Promise<StreamRows> {
  await using log = openSqliteLogReader({ path: join(dataDir, 'raw-log.db'), topics, clock: Date.now })
  return await oracleRowsIn(log)
}

/** The same of any log of orders and clicks. */
export async function oracleRowsIn(log: EventLog): Promise<StreamRows> {
  const records = (await Promise.all(TIMED_TOPICS.map((topic) => recordsOf(log, topic)))).flat()
  return sorted(oracle(records, { [ORDERS]: topics[ORDERS].partitions, [CLICKS]: topics[CLICKS].partitions }))
}

async function recordsOf(log: EventLog, topic: Topic): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  for (const { partition, start, end } of await log.ends(topic)) {
    for (let next = start; next < end; next = (records.at(-1) as LogRecord).offset + 1) {
      records.push(...(await log.read([{ topic, partition, next }], { countMax: 50_000, waitMs: 0 })))
    }
  }
  return records
}
