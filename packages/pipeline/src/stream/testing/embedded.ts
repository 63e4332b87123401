import { DatabaseSync } from 'node:sqlite'
import { ATTRIBUTED, METRICS, SESSIONS, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import { silentLogger } from '../../kernel/logging.ts'
import { migrate, transaction } from '../../kernel/sqlite.ts'
import { sqliteLogOn } from '../../log/adapters/sqlite.ts'
import type { LogRecord } from '../../log/event-log.ts'
import type { TopicSpecs } from '../../log/topics.ts'
import { PIPELINE_SCHEMA } from '../../pipeline-store.ts'
import { gateIn } from '../../reader/gate.ts'
import { placesIn, standingsIn } from '../../reader/places.ts'
import { streamProcessor } from '../processor.ts'
import type { StreamRows } from './oracle.ts'

const BATCH = 1_000

/** What the embedded operators make of the records, those of a partition in the order of the log. */
export function embeddedRows(records: readonly LogRecord[], topics: TopicSpecs, doubleClickMs: number): StreamRows {
  const db = new DatabaseSync(':memory:')
  migrate(db, ':memory:', PIPELINE_SCHEMA)
  const derived = sqliteLogOn(db, { path: ':memory:', topics, clock: () => 0 })
  const places = placesIn(db, 'stream')
  for (const topic of TIMED_TOPICS) {
    for (let partition = 0; partition < topics[topic].partitions; partition += 1) places.begin('log', { topic, partition, next: 0 })
  }
  const gate = gateIn(db, 'stream', topics)
  const handler = streamProcessor({ db, derived, gate, doubleClickMs, logger: silentLogger })
  handler.load(standingsIn(db))
  for (let at = 0; at < records.length; at += BATCH) transaction(db, () => handler.apply(records.slice(at, at + BATCH)))
  const rows = rowsIn(db)
  db.close()
  return rows
}

/** All rows that the stream has written into a store. */
export function rowsIn(db: DatabaseSync): StreamRows {
  return { attributed: rowsOf(db, ATTRIBUTED), windows: rowsOf(db, METRICS), sessions: rowsOf(db, SESSIONS) }
}

function rowsOf<T>(db: DatabaseSync, topic: Topic): T[] {
  const bodies = db.prepare('select body from log_batches where topic = ?').all(topic) as { body: Uint8Array }[]
  return bodies.flatMap(({ body }) => {
    const [, ...values] = Buffer.from(body).toString().split('\n')
    return values.map((value) => JSON.parse(value) as T)
  })
}
