/** What the stream keeps besides its journals: late events, until they are settled. */
export const STREAM_SCHEMA = `
  create table if not exists late_events (
    topic text not null, partition integer not null, position integer not null, event_id text not null, event_type text not null,
    ts integer not null, behind_ms integer not null, primary key (topic, partition, position)
  ) strict, without rowid;
`
