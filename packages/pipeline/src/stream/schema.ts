/** What the stream keeps besides its clicks: orders that the watermark has not passed, and late events until they are settled. */
export const STREAM_SCHEMA = `
  create table if not exists pending_orders (
    ts integer not null, event_id text not null, body text not null, primary key (ts, event_id)
  ) strict, without rowid;
  create table if not exists late_events (
    topic text not null, partition integer not null, position integer not null, event_id text not null, event_type text not null,
    ts integer not null, behind_ms integer not null, primary key (topic, partition, position)
  ) strict, without rowid;
`
