/**
 * The book of alerts: at most one open alert of a rule and subject. `since`, `last_seen`, `resolved_at` and `reopened_at` are times of whoever raises, event time where
 * it is about events; `raised_at`, `changed_at` and `acknowledged_at` are the clock's. `told` is what `alerts.v1` has said of it last.
 */
export const ALERTS_SCHEMA = `
  create table if not exists alerts (
    seq integer primary key, alert_id text not null unique, rule text not null, subject text not null, kind text not null,
    severity text not null, title text not null, detail text not null, reason text not null, value real, low real, high real,
    state text not null check (state in ('open', 'resolved')), told text not null check (told in ('open', 'resolved')),
    count integer not null, since integer not null, last_seen integer not null, resolved_at integer, reopened_at integer,
    resolved_by text check (resolved_by in ('itself', 'operator')),
    raised_at integer not null, changed_at integer not null, acknowledged_at integer, note text
  ) strict;
  create unique index if not exists alerts_open on alerts (rule, subject) where state = 'open';
  create index if not exists alerts_of_subject on alerts (rule, subject, resolved_at);
  create index if not exists alerts_by_change on alerts (changed_at);
`
