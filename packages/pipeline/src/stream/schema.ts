/** What the stream keeps besides its journals: late events, for good: reconciliation goes by them. */
export const STREAM_SCHEMA = `
  create table if not exists late_events (
    topic text not null, partition integer not null, position integer not null, event_id text not null, event_type text not null,
    ts integer not null, behind_ms integer not null, primary key (topic, partition, position)
  ) strict, without rowid;
`

/** What orders of an item came to lately, in paise, the oldest first; item 0 stands for all. `touched` rises with each order: the lowest are forgotten. */
export const FRAUD_SCHEMA = `
  create table if not exists order_values (item_id integer primary key, touched integer not null, paise text not null) strict;
`
