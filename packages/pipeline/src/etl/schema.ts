/** What the runs leave behind, in the warehouse itself: with the days that they made, or not at all. */
export const ETL_SCHEMA = [
  'create schema if not exists silver',
  'create schema if not exists gold',
  'create schema if not exists ref',
  'create schema if not exists etl',
  'create table if not exists ref.foods (food_id bigint, name varchar, category varchar, price decimal(18, 2))',
  'create table if not exists ref.ads (ad_id varchar, item_id bigint, campaign_id varchar, advertiser_id varchar)',
  `create table if not exists etl.runs (run_id bigint, started_at timestamp, ended_at timestamp, state varchar, asked_by varchar, from_date date, to_date date,
    is_level boolean, days bigint, days_done bigint, rows_in bigint, rows_out bigint, seconds double, checks_failed bigint, error varchar,
    days_kept_out bigint, tables varchar)`,
  /** What a run set out to do. */
  'create table if not exists etl.run_days (run_id bigint, date date, why varchar)',
  `create table if not exists etl.steps (run_id bigint, model varchar, from_date date, to_date date, days bigint, rows_in bigint, rows_out bigint,
    seconds double, started_at timestamp)`,
  /** One row a check and run. */
  `create table if not exists etl.checks (run_id bigint, model varchar, name varchar, from_date date, to_date date, failing_rows bigint, severity varchar,
    state varchar, days bigint, unjudged_days bigint)`,
  // For files of older versions, as below. Snowflake takes no default here.
  'alter table etl.checks add column if not exists severity varchar',
  'alter table etl.checks add column if not exists state varchar',
  'alter table etl.checks add column if not exists days bigint',
  'alter table etl.checks add column if not exists unjudged_days bigint',
  'create table if not exists etl.failed_rows (run_id bigint, model varchar, name varchar, row_json varchar)',
  /** Days that a check kept out: silver and gold have them as they were before. */
  'create table if not exists etl.kept_out (run_id bigint, date date, model varchar, name varchar)',
  'alter table etl.runs add column if not exists days_kept_out bigint',
  /** The rows of bronze that each day was last made from: bronze only grows, so a day is level where they are as many. `computed_at` is null until every table has it (parts.ts). */
  `create table if not exists etl.days (date date, run_id bigint, computed_at timestamp, orders_rows bigint, clicks_rows bigint, attributed_rows bigint)`,
  /** Of a run that made some tables alone: which. */
  'alter table etl.runs add column if not exists tables varchar',
  /** Who worked the rows out; null: a run of an older version. */
  'alter table etl.runs add column if not exists engine varchar',
  /** While `date` is made table by table: rows of `day` in `model` that are yet to be made (parts.ts). */
  'create table if not exists etl.parts (date date, model varchar, day date)',
] as const

/** Bronze tables that silver hangs on, and the column of `etl.days` that counts their rows. */
export const COUNTED = {
  'bronze.orders_raw': 'orders_rows',
  'bronze.clicks_raw': 'clicks_rows',
  'bronze.attributed_raw': 'attributed_rows',
} as const

export type Counted = keyof typeof COUNTED
