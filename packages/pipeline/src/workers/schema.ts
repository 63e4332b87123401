/**
 * What the workers of the general lane own, besides their places and their own dead letters. Plain types, text for instants and JSON: the same tables
 * are made on PostgreSQL with `seq` as an identity column. An event lies in one of processed_events, failed_events and lane_retries.
 * No number of a failed event comes again: its row goes once it is sent again, and whoever follows the table would miss the next.
 */
export const LANE_SCHEMA = `
  create table if not exists processed_events (
    seq integer primary key,
    event_id text not null, event_type text not null, user_id text, properties text, timestamp text not null, received_at text not null,
    category text, session_start text, processed_at text not null, processed_by text not null, retry_count integer not null,
    content_hash text not null, log_partition integer not null, log_offset integer not null
  ) strict;
  create unique index if not exists processed_events_once on processed_events (event_id, coalesce(user_id, ''));
  create table if not exists failed_events (
    seq integer primary key autoincrement,
    event_id text not null, event_type text not null, user_id text, properties text, timestamp text not null, received_at text not null,
    reason text not null, error text not null, retry_count integer not null, failed_at text not null, failed_by text not null, dead_id text not null,
    content_hash text not null, log_partition integer not null, log_offset integer not null
  ) strict;
  create unique index if not exists failed_events_once on failed_events (event_id, coalesce(user_id, ''));
  create table if not exists lane_retries (
    log_partition integer not null, log_offset integer not null, event_id text not null, user_id text, content_hash text not null,
    tries integer not null, next_at integer not null, error text not null,
    key text, headers text not null, value text not null, appended_at integer not null, primary key (log_partition, log_offset)
  ) strict;
  create unique index if not exists lane_retries_once on lane_retries (event_id, coalesce(user_id, ''));
  create index if not exists lane_retries_due on lane_retries (next_at);
  create table if not exists lane_sessions (
    user_id text primary key, started_at integer not null, last_at integer not null, touched_at integer not null
  ) strict, without rowid;
  create table if not exists lane_leases (
    log_partition integer primary key, owner text not null, until_ms integer not null
  ) strict;
  create table if not exists lane_workers (owner text primary key, until_ms integer not null) strict, without rowid;
  create table if not exists lane_durations (bucket integer primary key, events integer not null, seconds real not null) strict;
  create table if not exists lane_forgotten (log_partition integer primary key, processed integer not null) strict;
`
