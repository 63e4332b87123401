import type { DatabaseSync } from 'node:sqlite'
import { ALERTS_SCHEMA } from './alerts/schema.ts'
import { ANOMALY_SCHEMA } from './anomaly/schema.ts'
import { AD_DAYS_SCHEMA, BILLING_SCHEMA, COUNTER_CHANGES_SCHEMA, TERMS_SCHEMA } from './billing/schema.ts'
import { migrate, openStore } from './kernel/sqlite.ts'
import { sqliteLogOn } from './log/adapters/sqlite.ts'
import type { TransactionalLog } from './log/event-log.ts'
import type { TopicSpecs } from './log/topics.ts'
import type { Clock } from './kernel/lifecycle.ts'
import { NOTES_SCHEMA, NOTIFY_SCHEMA } from './notify/schema.ts'
import { DEAD_ACTIONS_SCHEMA, DEAD_SENT_SCHEMA } from './ops/schema.ts'
import { JOURNAL_SCHEMA } from './reader/journal.ts'
import { EXPIRED_SCHEMA, PLACES_SCHEMA } from './reader/places.ts'
import { RECON_SCHEMA } from './reconcile/schema.ts'
import { SEEN_SCHEMA } from './reader/seen.ts'
import { TOTALS_SCHEMA } from './reader/totals.ts'
import { JOURNEYS_SCHEMA } from './stream/journey-index.ts'
import { FRAUD_SCHEMA, STREAM_SCHEMA } from './stream/schema.ts'

export interface PipelineStore extends Disposable {
  db: DatabaseSync
  path: string
  /** The derived topics. */
  derived: TransactionalLog
}

/** Version 1 kept each pending order in a row of its own. */
const PENDING_ROWS = `
  create table pending_orders (ts integer not null, event_id text not null, body text not null, primary key (ts, event_id)) strict, without rowid;
`

/** From the counters and rows of version 1. */
const TO_TOTALS = `
  ${TOTALS_SCHEMA}
  insert into totals select kind, sum(count), sum(amount) from ad_counters group by kind;
  insert into totals select 'orders', coalesce(sum(orders), 0), coalesce(sum(revenue_paise), 0) from item_counters;
  insert into totals select 'attributed', coalesce(sum(attributed_orders), 0), coalesce(sum(attributed_paise), 0) from item_counters;
  insert into totals select 'pending', count(*), coalesce(min(ts), 0) from pending_orders;
  insert into journal select 'stream/pending', row_number() over (order by ts, event_id), ts, body from pending_orders;
  drop table pending_orders;
`

/** Impressions and answered orders lie beside the clicks from now on. */
const TO_STEPS = `
  ${JOURNEYS_SCHEMA}
  update journal set owner = 'stream/steps' where owner = 'stream/clicks';
`

/** `PIPELINE_SCHEMA[n]` leads from version n to n + 1. */
export const PIPELINE_SCHEMA = [
  [PLACES_SCHEMA, JOURNAL_SCHEMA, SEEN_SCHEMA, STREAM_SCHEMA, PENDING_ROWS, BILLING_SCHEMA, DEAD_ACTIONS_SCHEMA].join(''),
  TO_TOTALS,
  AD_DAYS_SCHEMA,
  DEAD_SENT_SCHEMA,
  COUNTER_CHANGES_SCHEMA,
  EXPIRED_SCHEMA,
  TO_STEPS,
  ANOMALY_SCHEMA,
  [ALERTS_SCHEMA, FRAUD_SCHEMA].join(''),
  `${NOTIFY_SCHEMA}${NOTES_SCHEMA}`,
  `${TERMS_SCHEMA}${RECON_SCHEMA}`,
]

/** Opens what the readers own: their places, state and effects, and the topics that they write, on one connection, so that all of it commits together. */
export function openPipelineStore(path: string, topics: TopicSpecs, clock: Clock): PipelineStore {
  const db = openStore(path)
  migrate(db, path, PIPELINE_SCHEMA)
  return { db, path, derived: sqliteLogOn(db, { path, topics, clock }), [Symbol.dispose]: () => db.close() }
}
