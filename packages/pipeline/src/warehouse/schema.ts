import { ATTRIBUTED, CLICKS, GENERAL, ORDERS, type Topic } from '@flowguard/contract'

/**
 * DuckDB's file in the data folder, its copy for other programs (not called as one of its schemas is: DuckDB could not tell them apart), and the folder for what is on its
 * way in or does not fit into memory; of it the one in which DuckDB may read and write.
 */
export const WAREHOUSE = { file: 'warehouse.duckdb', copy: 'reports.duckdb', temp: 'warehouse.tmp', load: 'load' } as const

/** `own text` is a long one that no other row has. */
export type ColumnType = 'text' | 'own text' | 'whole' | 'small' | 'money' | 'flag' | 'time' | 'day'
type Columns = readonly (readonly [name: string, type: ColumnType])[]

const META: Columns = [
  ['schema_version', 'text'],
  ['source_topic', 'text'],
  ['producer_service', 'text'],
  ['source_partition', 'small'],
  ['source_offset', 'whole'],
  ['ingestion_id', 'own text'],
  ['ingestion_timestamp', 'time'],
  ['appended_at', 'time'],
  ['partition_date', 'day'],
]

/** The topics that are loaded, and the table of each. */
export const BRONZE_TABLES = {
  [ORDERS]: 'bronze.orders_raw',
  [CLICKS]: 'bronze.clicks_raw',
  [GENERAL]: 'bronze.events_raw',
  [ATTRIBUTED]: 'bronze.attributed_raw',
} as const satisfies Partial<Record<Topic, string>>

export type LoadedTopic = keyof typeof BRONZE_TABLES

/** Bronze: what the log held, as it came, repeats too. Plain types, so that every warehouse has them. */
export const BRONZE_COLUMNS: Readonly<Record<LoadedTopic, Columns>> = {
  [ORDERS]: [
    ['event_id', 'own text'],
    ['order_id', 'own text'],
    ['client_order_id', 'own text'],
    ['user_id', 'text'],
    ['item_id', 'whole'],
    ['item_name', 'text'],
    ['price', 'money'],
    ['quantity', 'whole'],
    ['status', 'text'],
    ['event_timestamp', 'time'],
    ['received_at', 'time'],
    ['client_timestamp', 'text'],
    ['is_bot', 'flag'],
    ['session_id', 'own text'],
    ['restaurant_id', 'text'],
    ['city', 'text'],
    ['content_hash', 'own text'],
    ['raw_event', 'own text'],
    ['event_type', 'text'],
    ...META,
  ],
  [CLICKS]: [
    ['event_id', 'own text'],
    ['user_id', 'text'],
    ['event_type', 'text'],
    ['item_id', 'whole'],
    ['session_id', 'own text'],
    ['ad_id', 'text'],
    ['ad_campaign_id', 'text'],
    ['ad_type', 'text'],
    ['page_url', 'text'],
    ['referrer', 'text'],
    ['device_type', 'text'],
    ['user_agent', 'text'],
    ['city', 'text'],
    ['ip_address', 'text'],
    ['is_bot', 'flag'],
    ['event_timestamp', 'time'],
    ['received_at', 'time'],
    ['client_timestamp', 'text'],
    ['content_hash', 'own text'],
    ['raw_event', 'own text'],
    ...META,
  ],
  [GENERAL]: [
    ['event_id', 'own text'],
    ['user_id', 'text'],
    ['event_type', 'text'],
    ['properties', 'text'],
    ['event_timestamp', 'time'],
    ['received_at', 'time'],
    ['client_timestamp', 'text'],
    ['content_hash', 'own text'],
    ['raw_event', 'own text'],
    ...META,
  ],
  [ATTRIBUTED]: [
    ['order_event_id', 'own text'],
    ['order_id', 'own text'],
    ['user_id', 'text'],
    ['item_id', 'whole'],
    ['price', 'money'],
    ['quantity', 'whole'],
    ['order_timestamp', 'time'],
    ['click_event_id', 'own text'],
    ['ad_id', 'text'],
    ['campaign_id', 'text'],
    ['click_timestamp', 'time'],
    ['lag_ms', 'whole'],
    ['raw_event', 'own text'],
    ['event_type', 'text'],
    ...META,
  ],
}

/** Where the loader stands. Its names are words of SQL too. */
const PLACES: Columns = [
  ['topic', 'text'],
  ['"partition"', 'small'],
  ['log_id', 'text'],
  ['began', 'whole'],
  ['"next"', 'whole'],
  ['"read"', 'whole'],
  ['applied', 'whole'],
  ['skipped', 'whole'],
  ['loaded_at', 'time'],
  ['expired', 'whole'],
]

/** What a database calls each type; how it packs what lies in it is its own. */
export type TypeNames = Readonly<Record<ColumnType, string>>

const DUCKDB: TypeNames = {
  text: 'varchar',
  // DuckDB's own choice takes a third longer to write, and half as much room again.
  'own text': 'varchar using compression zstd',
  whole: 'bigint',
  small: 'integer',
  money: 'decimal(18,2)',
  flag: 'boolean',
  time: 'timestamp',
  day: 'date',
}

export function bronzeSchema(types: TypeNames): string[] {
  const tables: [string, Columns][] = [
    ...Object.entries(BRONZE_COLUMNS).map(([topic, columns]): [string, Columns] => [BRONZE_TABLES[topic as LoadedTopic], columns]),
    ['bronze.places', PLACES],
  ]
  return [
    'create schema if not exists bronze',
    ...tables.map(
      ([table, columns]) => `create table if not exists ${table} (${columns.map(([name, type]) => `${name} ${types[type]}`).join(', ')})`,
    ),
  ]
}

export const BRONZE_SCHEMA: readonly string[] = [
  ...bronzeSchema(DUCKDB),
  // For places made before what expired was booked.
  'alter table bronze.places add column if not exists expired bigint default 0',
]
