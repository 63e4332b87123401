export const NOTIFY_SCHEMA = `
  create table if not exists channel_deliveries (
    channel text not null, log_offset integer not null, alert_id text not null, heading text not null, outcome text not null, detail text not null,
    tries integer not null, at integer not null, primary key (channel, log_offset)
  ) strict, without rowid;
  create table if not exists channel_troubles (
    channel text primary key, since integer not null, tries integer not null, detail text not null, at integer not null
  ) strict, without rowid;
`

export const NOTES_SCHEMA = `
  create table if not exists user_notes (
    seq integer primary key autoincrement, user_id text not null, ts integer not null, note_id text not null, noted_at integer not null, body text not null
  ) strict;
  create unique index if not exists user_notes_by_user on user_notes (user_id, note_id);
  create index if not exists user_notes_by_time on user_notes (noted_at);
  create table if not exists notes_standing (epoch text) strict;
  insert into notes_standing values (null);
`
