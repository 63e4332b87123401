/**
 * The ledger: a row a charge, never changed; credits are rows of their own. `amount` in milli-paise, `day` UTC.
 * The counters are sums of it, and of what the ads metrics show; written in the same transaction.
 */
export const BILLING_SCHEMA = `
  create table if not exists ledger (
    seq integer primary key, event_id text not null, ad_id text not null, day text not null, amount integer not null, kind text not null
  ) strict;
  create index if not exists ledger_by_ad on ledger (ad_id, day, kind);
  create table if not exists ad_counters (
    ad_id text not null, day text not null, kind text not null, count integer not null, amount integer not null,
    primary key (ad_id, day, kind)
  ) strict, without rowid;
  create table if not exists item_counters (
    item_id integer not null, day text not null, impressions integer not null, clicks integer not null, double_clicks integer not null,
    orders integer not null, attributed_orders integer not null, revenue_paise integer not null, attributed_paise integer not null,
    primary key (item_id, day)
  ) strict, without rowid;
  create table if not exists order_charges (
    order_id text primary key, event_id text not null, ad_id text not null, amount integer not null, credited_by text
  ) strict, without rowid;
  create table if not exists cancellations (order_id text primary key, event_id text not null, day text not null) strict, without rowid;
`

/**
 * What each ad did, by day: of the events that items are counted from. `ad_days_began`: of each partition of the attributed orders, the first that was counted so.
 * Both kinds of counters are asked for days.
 */
export const AD_DAYS_SCHEMA = `
  create table ad_days (
    day text not null, ad_id text not null, impressions integer not null, clicks integer not null,
    attributed_orders integer not null, attributed_paise integer not null, primary key (day, ad_id)
  ) strict, without rowid;
  create table ad_days_began (partition integer primary key, offset integer not null) strict;
  insert into ad_days_began select partition, next from places where reader = 'billing-orders';
  create index item_counters_by_day on item_counters (day);
`

/**
 * What the counters grew by, for those that are kept elsewhere too: a row for each transaction that changed them, numbered without gaps, beyond deletion.
 * `counter_standing`: what the counters elsewhere were last filled as; null where they are to be filled anew.
 */
export const COUNTER_CHANGES_SCHEMA = `
  create table counter_changes (seq integer primary key autoincrement, sums text not null) strict;
  create table counter_standing (epoch text) strict;
  insert into counter_standing values (null);
`

/**
 * On what terms billing charged, and since when, in milliseconds: of each ad its pricing and what one charge costs in milli-paise (no pricing: there is no such ad
 * any more), and under the ad '' the length of a double click in milliseconds. What was known first holds for all that was before; when that was, the second row of '' says.
 */
export const TERMS_SCHEMA = `
  create table if not exists billing_terms (
    ad_id text not null, since integer not null, pricing text not null, amount integer not null, primary key (ad_id, since)
  ) strict, without rowid;
`
