const TEXT = 'text collate "C"'

/**
 * The same tables as in `schema.ts`, under the same names. Text is compared by its bytes, as SQLite does. `lane_durations` is a sum over rows that each worker
 * writes for the partitions that it holds: of one row a bucket, all would wait for each other's commits. A worker's dead letters are `lane_letters`; `lane_ends`
 * says the next offset of each of its partitions, and is held by whoever appends until the commit, so that offsets appear in their order.
 */
export const POSTGRES_LANE_SCHEMA = [
  `
  create table places (
    reader ${TEXT} not null, topic ${TEXT} not null, partition integer not null, log_id ${TEXT} not null, began bigint not null, next bigint not null,
    time_ms bigint not null, heartbeats bigint not null default 0,
    read bigint not null default 0, applied bigint not null default 0, duplicate bigint not null default 0,
    late bigint not null default 0, skipped bigint not null default 0, dead bigint not null default 0,
    primary key (reader, topic, partition)
  );
  create table processed_events (
    seq bigint generated always as identity primary key,
    event_id ${TEXT} not null, event_type ${TEXT} not null, user_id ${TEXT}, properties ${TEXT}, timestamp ${TEXT} not null,
    received_at ${TEXT} not null, category ${TEXT}, session_start ${TEXT}, processed_at ${TEXT} not null, processed_by ${TEXT} not null,
    retry_count integer not null, content_hash ${TEXT} not null, log_partition integer not null, log_offset bigint not null
  );
  create unique index processed_events_once on processed_events (event_id, coalesce(user_id, ''));
  create table failed_events (
    seq bigint generated always as identity primary key,
    event_id ${TEXT} not null, event_type ${TEXT} not null, user_id ${TEXT}, properties ${TEXT}, timestamp ${TEXT} not null,
    received_at ${TEXT} not null, reason ${TEXT} not null, error ${TEXT} not null, retry_count integer not null, failed_at ${TEXT} not null,
    failed_by ${TEXT} not null, dead_id ${TEXT} not null, content_hash ${TEXT} not null, log_partition integer not null, log_offset bigint not null
  );
  create unique index failed_events_once on failed_events (event_id, coalesce(user_id, ''));
  create table lane_retries (
    log_partition integer not null, log_offset bigint not null, event_id ${TEXT} not null, user_id ${TEXT}, content_hash ${TEXT} not null,
    tries integer not null, next_at bigint not null, error ${TEXT} not null,
    key ${TEXT}, headers ${TEXT} not null, value ${TEXT} not null, appended_at bigint not null, primary key (log_partition, log_offset)
  );
  create unique index lane_retries_once on lane_retries (event_id, coalesce(user_id, ''));
  create index lane_retries_due on lane_retries (next_at);
  create table lane_sessions (
    user_id ${TEXT} primary key, started_at bigint not null, last_at bigint not null, touched_at bigint not null
  );
  create table lane_leases (log_partition integer primary key, owner ${TEXT} not null, until_ms bigint not null);
  create table lane_workers (owner ${TEXT} primary key, until_ms bigint not null);
  create table lane_took (
    bucket integer not null, log_partition integer not null, events bigint not null, seconds double precision not null,
    primary key (bucket, log_partition)
  );
  create view lane_durations as select bucket, sum(events) as events, sum(seconds) as seconds from lane_took group by bucket;
  create table lane_forgotten (log_partition integer primary key, processed bigint not null);
  create table lane_log (log_id ${TEXT} not null, is_one boolean primary key default true check (is_one));
  create table lane_ends (log_partition integer primary key, next bigint not null);
  create table lane_letters (
    log_partition integer not null, log_offset bigint not null, appended_at bigint not null, key ${TEXT} not null, headers ${TEXT} not null,
    value ${TEXT} not null, primary key (log_partition, log_offset)
  );
`,
  'alter table places add column expired bigint not null default 0',
] as const
