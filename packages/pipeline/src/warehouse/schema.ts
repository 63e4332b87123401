import { ATTRIBUTED, CLICKS, GENERAL, ORDERS, type Topic } from '@flowguard/contract'

/**
 * DuckDB's file in the data folder, its copy for other programs (not called as one of its schemas is: DuckDB could not tell them apart), and the folder for what is on its
 * way in or does not fit into memory; of it the one in which DuckDB may read and write.
 */
export const WAREHOUSE = { file: 'warehouse.duckdb', copy: 'reports.duckdb', temp: 'warehouse.tmp', load: 'load' } as const

/** Long texts that are all different: DuckDB's own choice takes a third longer to write, and half as much room again. */
const TEXT = 'varchar using compression zstd'

const META = `
  schema_version varchar, source_topic varchar, producer_service varchar, source_partition integer, source_offset bigint, ingestion_id ${TEXT},
  ingestion_timestamp timestamp, appended_at timestamp, partition_date date`

/** Bronze: what the log held, as it came, repeats too. Plain types, so that every warehouse has them; how DuckDB packs them is its own. */
export const BRONZE_SCHEMA = [
  'create schema if not exists bronze',
  `create table if not exists bronze.orders_raw (
  event_id ${TEXT}, order_id ${TEXT}, client_order_id ${TEXT}, user_id varchar, item_id bigint, item_name varchar, price decimal(18,2),
  quantity bigint, status varchar, event_timestamp timestamp, received_at timestamp, client_timestamp varchar, is_bot boolean, session_id ${TEXT},
  restaurant_id varchar, city varchar, content_hash ${TEXT}, raw_event ${TEXT}, event_type varchar, ${META})`,
  `create table if not exists bronze.clicks_raw (
  event_id ${TEXT}, user_id varchar, event_type varchar, item_id bigint, session_id ${TEXT}, ad_id varchar, ad_campaign_id varchar,
  ad_type varchar, page_url varchar, referrer varchar, device_type varchar, user_agent varchar, city varchar, ip_address varchar, is_bot boolean,
  event_timestamp timestamp, received_at timestamp, client_timestamp varchar, content_hash ${TEXT}, raw_event ${TEXT}, ${META})`,
  `create table if not exists bronze.events_raw (
  event_id ${TEXT}, user_id varchar, event_type varchar, properties varchar, event_timestamp timestamp, received_at timestamp,
  client_timestamp varchar, content_hash ${TEXT}, raw_event ${TEXT}, ${META})`,
  `create table if not exists bronze.attributed_raw (
  order_event_id ${TEXT}, order_id ${TEXT}, user_id varchar, item_id bigint, price decimal(18,2), quantity bigint, order_timestamp timestamp,
  click_event_id ${TEXT}, ad_id varchar, campaign_id varchar, click_timestamp timestamp, lag_ms bigint, raw_event ${TEXT}, event_type varchar,
  ${META})`,
  `create table if not exists bronze.places (
  topic varchar, "partition" integer, log_id varchar, began bigint, "next" bigint, "read" bigint, applied bigint, skipped bigint, loaded_at timestamp)`,
  // For places made before what expired was booked.
  'alter table bronze.places add column if not exists expired bigint default 0',
] as const

/** The topics that are loaded, and the table of each. */
export const BRONZE_TABLES = {
  [ORDERS]: 'bronze.orders_raw',
  [CLICKS]: 'bronze.clicks_raw',
  [GENERAL]: 'bronze.events_raw',
  [ATTRIBUTED]: 'bronze.attributed_raw',
} as const satisfies Partial<Record<Topic, string>>

export type LoadedTopic = keyof typeof BRONZE_TABLES
