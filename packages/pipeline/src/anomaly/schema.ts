/** What the reader of anomalies keeps: minutes that are not closed yet, and what it has learned, as JSON: `now`, `told`, and each hour of the week by its number. */
export const ANOMALY_SCHEMA = `
  create table if not exists anomaly_minutes (
    minute integer primary key, impressions integer not null, clicks integer not null, orders integer not null, attributed_orders integer not null,
    revenue_paise integer not null, refused integer not null, dead integer not null
  ) strict;
  create table if not exists anomaly_state (what text primary key, body text not null) strict, without rowid;
`
