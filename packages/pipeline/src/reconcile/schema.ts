/**
 * `recon_differences`: what was found, a row each and never changed; amounts in milli-paise. `amount` goes to the ledger, `waived` does not, for its period is
 * closed. `recon_applied`: which row of the ledger it became. `recon_hours`: how each hour stood when it was last gone through, up to `settled_to`.
 * `recon_flags`: clicks that an operator has found invalid.
 */
export const RECON_SCHEMA = `
  create table if not exists recon_runs (
    run_id integer primary key, asked_by text not null, from_date text not null, to_date text not null, state text not null, started_at integer not null,
    ended_at integer, settled_to integer, differences integer not null, unexplained integer not null, corrected integer not null, waived integer not null,
    error text
  ) strict;
  create table if not exists recon_hours (
    hour integer primary key, settled_to integer not null, run_id integer not null, orders integer not null, charges integer not null,
    stream_amount integer not null, batch_amount integer not null
  ) strict;
  create table if not exists recon_differences (
    correction_id text primary key, run_id integer not null, hour integer not null, kind text not null, cause text not null, detail text not null,
    event_id text not null, ad_id text, day text not null, order_id text, user_id text,
    stream_count integer not null, stream_amount integer not null, stream_click text, stream_ad text,
    batch_count integer not null, batch_amount integer not null, batch_click text, batch_ad text,
    amount integer not null, waived integer not null, found_at integer not null
  ) strict;
  create index if not exists recon_by_event on recon_differences (event_id, kind, ad_id);
  create index if not exists recon_by_hour on recon_differences (hour);
  create index if not exists recon_by_day on recon_differences (day);
  create index if not exists recon_unexplained on recon_differences (found_at) where cause = 'unexplained';
  create table if not exists recon_applied (ledger_seq integer primary key, correction_id text not null unique) strict;
  create table if not exists recon_flags (
    user_id text not null, event_id text not null, reason text not null, flagged_at integer not null, primary key (user_id, event_id)
  ) strict, without rowid;
`
