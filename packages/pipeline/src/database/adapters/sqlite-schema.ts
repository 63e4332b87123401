/** `edge.db`, step by step. A step that has been released is never changed: a new one follows it. */
export const DATABASE_MIGRATIONS = [
  `create table foods (
    food_id integer primary key, name text not null, category text not null, price_paise integer not null,
    description text not null, image_url text not null, is_available integer not null
  ) strict;
  create table ads (
    ad_id text primary key, item_id integer not null, campaign_id text not null, advertiser_id text not null,
    pricing text not null, rate_paise integer not null, daily_budget_paise integer not null
  ) strict, without rowid;
  create table orders (
    order_id text primary key, event_id text not null, client_order_id text, user_id text not null, item_id integer not null, item_name text,
    price_paise integer not null, quantity integer not null, status text not null, created_at text not null, updated_at text not null
  ) strict, without rowid;
  create index orders_by_client_id on orders (user_id, client_order_id) where client_order_id is not null;
  create table order_events (event_id text primary key, order_id text not null, content_hash text not null) strict, without rowid;
  create table outbox (
    id integer primary key autoincrement, key text not null, value any not null, headers text not null, partition integer
  ) strict;
  create table write_keys (name text primary key, hash text not null unique, created_at text not null, revoked_at text) strict, without rowid;`,
  // Ids of order events by arrival instead of in one index on random ids (order-ids.ts); a row of the outbox for all that was written together.
  `create table order_ids_recent (id integer primary key, entries text not null) strict;
  create table order_id_buckets (id integer primary key, entries text not null) strict;
  create table order_id_slots (run integer primary key, slots blob not null) strict;
  insert into order_ids_recent (entries)
    select json_group_array(json_array(event_id, order_id, content_hash))
    from (select *, row_number() over (order by event_id) / 500 as part from order_events) group by part;
  drop table order_events;
  create view order_events as
    select value ->> 0 as event_id, value ->> 1 as order_id, value ->> 2 as content_hash
    from (select entries from order_id_buckets union all select entries from order_ids_recent), json_each(entries);
  alter table outbox rename to outbox_rows;
  create table outbox (id integer primary key autoincrement, orders integer not null, records text not null) strict;
  insert into outbox
    select id, partition is null, json_array(json_array(key, json(headers), partition)) || char(10) || value from outbox_rows;
  delete from sqlite_sequence where name = 'outbox';
  insert into sqlite_sequence select 'outbox', seq from sqlite_sequence where name = 'outbox_rows';
  drop table outbox_rows;`,
  // The filter of 32 runs of ids, once they are complete (order-ids.ts).
  `create table order_id_filters (id integer primary key, slots blob not null) strict;`,
  `alter table write_keys add column use text not null default 'all';`,
] as const
