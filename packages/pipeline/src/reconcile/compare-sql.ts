import { asRead, at, day, type Span } from './batch-sql.ts'

/** Whether it is true of one of the group. */
const any = (flag: string) => `max(case when ${flag} then 1 else 0 end) = 1`
const same = (a: string, b: string) => `${a} is not distinct from ${b}`

/** Where stream and batch differ about which click an order is due to, and what is known of it. */
export interface AttributionFound {
  event_id: string
  order_id: string | null
  user_id: string | null
  time_ms: number
  stream_count: number
  stream_click: string | null
  stream_ad: string | null
  batch_count: number
  batch_click: string | null
  batch_ad: string | null
  /** Of the order, and of the click that the batch found: how far behind its partition's time, where it came late. */
  behind_ms: number | null
  click_behind_ms: number | null
  /** From their times to when they were received. */
  lag_ms: number | null
  click_lag_ms: number | null
  /** Of the click that the stream found. */
  is_flagged: boolean
  is_bot: boolean
  is_known: boolean
  /** The order's event came before. */
  is_repeat: boolean
  settled_cause: string | null
}

/** Where they differ about what is charged. Amounts in milli-paise. */
export interface ChargeFound {
  kind: 'cpc' | 'cpm' | 'cpa' | 'credit'
  event_id: string
  ad_id: string
  order_id: string | null
  user_id: string | null
  day: string
  time_ms: number | null
  stream_count: number
  stream_amount: number
  batch_count: number
  batch_amount: number
  settled_amount: number
  /** Of it, what was not charged for its period was closed. */
  settled_waived: number
  /** The same, below 0 where it was not credited for it was never charged, of all charges and credits of the order to that ad. */
  order_waived: number
  /** What the batch said when it was settled last. */
  settled_batch: number | null
  settled_cause: string | null
  /** Of a credit: why the order itself was put right before. */
  order_cause: string | null
  behind_ms: number | null
  lag_ms: number | null
  is_flagged: boolean
  is_bot: boolean
  is_repeat: boolean
  is_double: boolean
  /** The click before a double one came late. */
  before_behind_ms: number | null
}

/** What came of an order in the stream, of several answers the first: that no click earned it is an answer too, and min_by would pass over null. */
export const streamSql = ({ from, to }: Span) => `create or replace temp table recon_stream as
-- grain: one row an order that was answered. reads: bronze.attributed_raw
select a.order_event_id as event_id, count(*) as answers, min_by(a.order_id, a.source_offset) as order_id, min_by(a.user_id, a.source_offset) as user_id,
  min(a.order_timestamp) as event_timestamp,
  nullif(min_by(coalesce(a.click_event_id, ''), a.source_offset), '') as click, nullif(min_by(coalesce(a.ad_id, ''), a.source_offset), '') as ad
from bronze.attributed_raw a ${asRead('a')}
where a.event_type <> 'invalid' and a.order_timestamp >= ${at(from)} and a.order_timestamp < ${at(to)} and a.partition_date >= ${day(from)} and a.partition_date <= ${day(to - 1)}
group by a.order_event_id`

export const attributionsSql = () => `
with batch as (select * from recon_answers where is_in_span),
settled as (select * from recon_settled where kind = 'attribution'),
sides as (
  select coalesce(b.event_id, s.event_id) as event_id, coalesce(b.order_id, s.order_id) as order_id, coalesce(b.user_id, s.user_id) as user_id,
    coalesce(b.event_timestamp, s.event_timestamp) as event_timestamp, coalesce(s.answers, 0) as stream_count, s.click as stream_click,
    s.ad as stream_ad, case when b.event_id is null then 0 else 1 end as batch_count, b.click_event_id as batch_click, b.ad_id as batch_ad,
    b.behind_ms, b.lag_ms, b.click_behind_ms, b.click_lag_ms
  from batch b full join recon_stream s on s.event_id = b.event_id
),
differing as (
  select x.*, d.cause as settled_cause
  from sides x left join settled d on d.event_id = x.event_id
  where case when d.event_id is not null then not (d.batch_count = x.batch_count and ${same('d.batch_click', 'x.batch_click')} and ${same('d.batch_ad', 'x.batch_ad')})
    else not (x.stream_count = x.batch_count and ${same('x.stream_click', 'x.batch_click')} and ${same('x.stream_ad', 'x.batch_ad')}) end
),
clicks as (
  select c.user_id, c.event_id, ${any('c.is_bot')} as is_bot
  from differing x join recon_clicks c on c.user_id = x.user_id and c.event_id = x.stream_click group by c.user_id, c.event_id
),
repeats as (select distinct event_id from recon_orders where is_repeat)
select x.event_id, x.order_id, x.user_id, cast(unix_ms(x.event_timestamp) as bigint) as time_ms, x.stream_count, x.stream_click, x.stream_ad,
  x.batch_count, x.batch_click, x.batch_ad, x.behind_ms, x.lag_ms, x.click_behind_ms, x.click_lag_ms, x.settled_cause,
  f.event_id is not null as is_flagged, coalesce(c.is_bot, false) as is_bot, c.event_id is not null as is_known, o.event_id is not null as is_repeat
from differing x
left join recon_flags f on f.user_id = x.user_id and f.event_id = x.stream_click
left join clicks c on c.user_id = x.user_id and c.event_id = x.stream_click
left join repeats o on o.event_id = x.event_id
order by x.event_timestamp, x.event_id`

/** Of credits, those of orders that the warehouse has. */
const wholeCredits = (wholeFrom: number) => `
  left join (
    select distinct c.event_id from recon_cancels c join recon_orders o on o.order_id = c.order_id where o.event_timestamp >= ${at(wholeFrom)}
  ) w on w.event_id = l.event_id`

/** `to` cuts a day: what the ledger has of later events waits for the next time. */
export const chargesSql = ({ from, to, end, settledTo, wholeFrom }: Span) => `
with beyond as (
  select case when status = 'cancelled' then 'credit' else 'cpa' end as kind, event_id, null as ad_id
  from bronze.orders_raw where event_type = 'order' and event_timestamp >= ${at(to)} and event_timestamp < ${at(end)} and partition_date = ${day(end - 1)}
  union
  -- A clock may say that an order was cancelled before it was placed.
  select 'credit', event_id, null
  from bronze.orders_raw where event_type = 'order' and status = 'cancelled' and order_id in (
    select order_id from bronze.orders_raw where event_type = 'order' and status = 'placed' and event_timestamp >= ${at(settledTo)} and partition_date >= ${day(settledTo)})
  union
  select case when event_type = 'click' then 'cpc' else 'cpm' end, event_id, ad_id
  from bronze.clicks_raw where event_type in ('click', 'impression') and event_timestamp >= ${at(to)} and event_timestamp < ${at(end)} and partition_date = ${day(end - 1)}
),
-- What was charged by corrections alone is looked at again too.
known as (
  select kind, event_id, ad_id, day, charges, amount from recon_ledger
  union all
  select s.kind, s.event_id, s.ad_id, s.day, 0, 0
  from recon_settled s left join recon_ledger l on l.kind = s.kind and l.event_id = s.event_id and l.ad_id = s.ad_id
  where s.kind <> 'attribution' and s.amount <> 0 and l.event_id is null
),
ledger as (
  select l.kind, l.event_id, l.ad_id, l.day, l.charges, l.amount
  from known l
  left join (select distinct kind, event_id from beyond where ad_id is null) bo on bo.kind = l.kind and bo.event_id = l.event_id
  left join (select distinct kind, event_id, ad_id from beyond where ad_id is not null) bc on bc.kind = l.kind and bc.event_id = l.event_id and bc.ad_id = l.ad_id
  left join (select distinct event_id from recon_cancels) k on l.kind = 'credit' and k.event_id = l.event_id${wholeFrom === -Infinity ? '' : wholeCredits(wholeFrom)}
  where bo.event_id is null and bc.event_id is null and (l.day >= ${day(from)} and l.day < ${day(end)} or k.event_id is not null)${
    wholeFrom === -Infinity ? '' : ` and (l.kind <> 'credit' or w.event_id is not null)`
  }
),
batch as (
  select kind, event_id, ad_id, count(*) as charges, sum(amount) as amount, min(event_timestamp) as event_timestamp, min(order_id) as order_id,
    min(user_id) as user_id
  from recon_expected group by kind, event_id, ad_id
),
sides as (
  select coalesce(b.kind, l.kind) as kind, coalesce(b.event_id, l.event_id) as event_id, coalesce(b.ad_id, l.ad_id) as ad_id, b.event_timestamp,
    coalesce(l.day, cast(b.event_timestamp as date)) as day, b.order_id, b.user_id,
    coalesce(l.charges, 0) as stream_count, coalesce(l.amount, 0) as stream_amount, coalesce(b.charges, 0) as batch_count, coalesce(b.amount, 0) as batch_amount
  from batch b full join ledger l on l.kind = b.kind and l.event_id = b.event_id and l.ad_id = b.ad_id
),
differing as (
  select x.*, coalesce(s.amount, 0) as settled_amount, coalesce(s.waived, 0) as settled_waived, s.cause as settled_cause, s.batch_amount as settled_batch
  from sides x left join recon_settled s on s.kind = x.kind and s.event_id = x.event_id and s.ad_id = x.ad_id
  where x.batch_amount - x.stream_amount - coalesce(s.amount, 0) <> 0
),
waivers as (select order_id, ad_id, sum(waived) as waived from recon_settled where kind in ('cpa', 'credit') group by order_id, ad_id),
-- Of events that several users sent under one id, any of them.
clicks as (
  select event_id, ad_id, min(event_timestamp) as event_timestamp, min(user_id) as user_id, ${any('is_flagged')} as is_flagged, ${any('coalesce(is_bot, true)')} as is_bot,
    ${any('is_repeat')} as is_repeat, max(behind_ms) as behind_ms, max(lag_ms) as lag_ms
  from recon_clicks group by event_id, ad_id
),
orders as (
  select event_id, min(event_timestamp) as event_timestamp, min(user_id) as user_id, min(order_id) as order_id, ${any('coalesce(is_bot, true)')} as is_bot,
    ${any('is_repeat')} as is_repeat, max(behind_ms) as behind_ms, max(lag_ms) as lag_ms
  from recon_orders group by event_id
)
select x.kind, x.event_id, x.ad_id, coalesce(x.order_id, o.order_id, k.order_id) as order_id, coalesce(x.user_id, o.user_id, c.user_id, k.user_id) as user_id,
  x.day as day, cast(unix_ms(coalesce(x.event_timestamp, o.event_timestamp, c.event_timestamp, k.event_timestamp)) as bigint) as time_ms,
  cast(x.stream_count as bigint) as stream_count, cast(x.stream_amount as bigint) as stream_amount, cast(x.batch_count as bigint) as batch_count,
  cast(x.batch_amount as bigint) as batch_amount, cast(x.settled_amount as bigint) as settled_amount,
  cast(x.settled_waived as bigint) as settled_waived, cast(coalesce(w.waived, 0) as bigint) as order_waived, cast(x.settled_batch as bigint) as settled_batch, x.settled_cause, r.cause as order_cause,
  coalesce(o.behind_ms, c.behind_ms, k.behind_ms) as behind_ms, coalesce(o.lag_ms, c.lag_ms, k.lag_ms) as lag_ms,
  coalesce(c.is_flagged, false) as is_flagged, coalesce(o.is_bot, c.is_bot, false) as is_bot, coalesce(o.is_repeat, c.is_repeat, false) as is_repeat,
  d.event_id is not null as is_double, d.before_behind_ms
from differing x
left join orders o on x.kind = 'cpa' and o.event_id = x.event_id
left join clicks c on x.kind in ('cpc', 'cpm') and c.event_id = x.event_id and c.ad_id = x.ad_id
left join recon_cancels k on x.kind = 'credit' and k.event_id = x.event_id
left join (select event_id, ad_id, max(before_behind_ms) as before_behind_ms from recon_doubles group by event_id, ad_id) d
  on x.kind = 'cpc' and d.event_id = x.event_id and d.ad_id = x.ad_id
left join (select order_id, any_value(cause) as cause from recon_settled where kind = 'attribution' group by order_id) r
  on x.kind = 'credit' and r.order_id = coalesce(x.order_id, k.order_id)
left join waivers w on x.kind in ('cpa', 'credit') and w.order_id = coalesce(x.order_id, o.order_id, k.order_id) and w.ad_id = x.ad_id
order by x.day, time_ms, x.kind, x.event_id, x.ad_id`

/** By hour: orders and charges that the batch found, and what ledger and batch come to. */
export const hoursSql = ({ from, to, end }: Span) => `
with charged as (
  select date_trunc('hour', event_timestamp) as hour, count(*) as charges, sum(amount) as amount
  from recon_expected where event_timestamp >= ${at(from)} and event_timestamp < ${at(to)} group by 1
),
times as (
  select distinct case when status = 'cancelled' then 'credit' else 'cpa' end as kind, event_id, event_timestamp
  from bronze.orders_raw where event_type = 'order' and partition_date >= ${day(from)} and partition_date < ${day(end)}
  union
  select distinct case when event_type = 'click' then 'cpc' else 'cpm' end, event_id, event_timestamp
  from bronze.clicks_raw where event_type in ('click', 'impression') and partition_date >= ${day(from)} and partition_date < ${day(end)}
),
first_times as (select kind, event_id, min(event_timestamp) as event_timestamp from times group by kind, event_id),
ledger as (
  select date_trunc('hour', coalesce(t.event_timestamp, cast(l.day as timestamp))) as hour, sum(l.amount) as amount
  from recon_ledger l left join first_times t on t.kind = l.kind and t.event_id = l.event_id
  where l.day >= ${day(from)} and l.day < ${day(end)} and coalesce(t.event_timestamp < ${at(to)}, true) group by 1
),
placed as (
  select date_trunc('hour', event_timestamp) as hour, count(*) as orders from recon_answers where is_in_span group by 1
),
all_hours as (select hour from charged union select hour from ledger union select hour from placed)
select cast(unix_ms(h.hour) as bigint) as hour, coalesce(p.orders, 0) as orders, coalesce(c.charges, 0) as charges,
  cast(coalesce(l.amount, 0) as bigint) as stream_amount, cast(coalesce(c.amount, 0) as bigint) as batch_amount
from all_hours h left join charged c on c.hour = h.hour left join ledger l on l.hour = h.hour left join placed p on p.hour = h.hour
order by h.hour`
