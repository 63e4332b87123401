/** The name of these tables among those of one database (kernel/postgres.ts). */
export const DATABASE_LIST = 'database'

/**
 * The operational tables on PostgreSQL, with the names and columns that they have in `edge.db`: plain types, text for instants. A step that has been released is never changed:
 * a new one follows it. Text is compared byte by byte, as SQLite does, whatever the database's own order.
 */
export const POSTGRES_DATABASE_MIGRATIONS = [
  `create table foods (
    food_id bigint primary key, name text not null, category text not null, price_paise bigint not null,
    description text not null, image_url text not null, is_available integer not null
  );
  create table ads (
    ad_id text collate "C" primary key, item_id bigint not null, campaign_id text not null, advertiser_id text not null,
    pricing text not null, rate_paise bigint not null, daily_budget_paise bigint not null
  );
  create table orders (
    order_id text collate "C" primary key, event_id text collate "C" not null, client_order_id text collate "C", user_id text collate "C" not null,
    item_id bigint not null, item_name text, price_paise bigint not null, quantity integer not null, status text not null,
    created_at text not null, updated_at text not null
  );
  create index orders_by_client_id on orders (user_id, client_order_id, order_id) where client_order_id is not null;
  create table order_events (event_id text collate "C" primary key, order_id text collate "C" not null, content_hash text not null);
  -- A row holds what was written together (outbox-rows.ts): so many records, of which so many are orders. It is shipped in the order of (xid, id), once every
  -- transaction that began before its own has ended: by id alone a row of one that is still open would be passed over.
  create table outbox (
    id bigint generated always as identity primary key, xid xid8 not null default pg_current_xact_id(),
    orders integer not null, records_count integer not null, records text not null
  );
  create index outbox_in_order on outbox (xid, id);
  create table write_keys (
    name text collate "C" primary key, hash text collate "C" not null unique, created_at text not null, revoked_at text, use text not null default 'all'
  );
  -- Who does what only one may do at a time. The epoch rises with each owner; until is by the server's clock.
  create table leases (
    name text collate "C" primary key, owner text not null, epoch bigint not null, until timestamptz not null
  );`,
  // Which of the stores that lie on a disk belong to these tables: of each name one.
  `create table disk_stores (name text collate "C" primary key, id text not null);`,
] as const
