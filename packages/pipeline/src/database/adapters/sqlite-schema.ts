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
] as const
