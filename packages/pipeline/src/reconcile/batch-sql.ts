import { LIVE_MS, WINDOW_MS } from '@flowguard/contract'

/** A UTC day of event time in milliseconds, or as much of it as is settled. */
export interface Span {
  from: number
  to: number
  /** Behind the day's last instant. */
  end: number
  /** Before when everything is settled: cancellations up to then count, whatever the span. */
  settledTo: number
  /** From when on the warehouse has everything; -Infinity where it always had. */
  wholeFrom: number
  /** So long before the span a click may matter in it: for an order, or as the first of two. */
  beforeMs: number
}

const LIVE = `interval ${LIVE_MS} milliseconds`
const WINDOW = `interval ${WINDOW_MS} milliseconds`

/** From its time to when it was received. */
const lag = (e: string) => `cast(unix_ms(${e}.received_at) - unix_ms(${e}.event_timestamp) as bigint) as lag_ms`

export const at = (ms: number) => `timestamp '${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')}'`
export const day = (ms: number) => `date '${new Date(ms).toISOString().slice(0, 10)}'`
/** Nothing that the readers had yet to read when the ledger was looked at. */
export const asRead = (e: string) =>
  `join recon_places p on p.topic = ${e}.source_topic and p.number = ${e}.source_partition and ${e}.source_offset < p.next`

/**
 * What the events come to, from bronze alone, in plain SQL that shares nothing with the stream: as CONTRACT words it, on the temporary tables of
 * `inputs.ts`. One table after the other; each is made anew. In the words of etl/dialect.ts, for every warehouse; what is looked for in another table is joined, for
 * Snowflake knows subqueries that hang on a row in few places. First the events that matter.
 */
export const eventsSql = (span: Span) => [cancels(span), orders(span), clicks(span)].map(made)
/** Then what comes of them: answers, charges and credits. */
export const batchSql = (span: Span) => [doubles(), answers(), expected(span)].map(made)

const made = (sql: string) => `create or replace temp table ${sql}`

/** Days beyond the span of orders that were cancelled in it, and of cancellations of its orders. */
export const otherDaysSql = ({ from, end }: Span) => `
select d as day from (
  select cast(event_timestamp as date) as d from recon_cancels
  union select cast(event_timestamp as date) from recon_orders where order_id in (select order_id from recon_cancels)
) as days where d < ${day(from)} or d >= ${day(end)}`

/** An order is credited by its first cancellation that came in time, else by the first. */
const cancels = ({ from, to, settledTo }: Span) => `recon_cancels as
-- grain: one row an order that was cancelled, where the order or the cancellation is of the span. reads: bronze.orders_raw
with all_of_them as (
  select o.order_id, o.event_id, o.user_id, o.event_timestamp, o.source_offset, l.behind_ms, ${lag('o')}
  from bronze.orders_raw o ${asRead('o')}
  left join recon_late l on l.topic = o.source_topic and l.number = o.source_partition and l.position = o.source_offset
  where o.event_type = 'order' and o.status = 'cancelled' and o.event_timestamp < ${at(settledTo)}
),
wanted as (
  select order_id from all_of_them where event_timestamp >= ${at(from)} and event_timestamp < ${at(to)}
  union
  select order_id from bronze.orders_raw where status = 'placed' and partition_date >= ${day(from)} and partition_date <= ${day(to - 1)}
),
ranked as (
  select *, row_number() over (partition by order_id order by case when behind_ms is null then 0 else 1 end, source_offset) as nth
  from all_of_them where order_id in (select order_id from wanted)
)
select order_id, event_id, user_id, event_timestamp, behind_ms, lag_ms from ranked where nth = 1`

const orders = ({ from, to, end }: Span) => `recon_orders as
-- grain: one row an order of the span, or cancelled in it. reads: bronze.orders_raw
with wanted as (
  select o.event_id, o.order_id, o.user_id, o.item_id, o.event_timestamp, o.appended_at, o.is_bot, o.source_topic, o.source_partition, o.source_offset, ${lag('o')},
    o.event_timestamp >= ${at(from)} and o.event_timestamp < ${at(to)} as is_in_span
  from bronze.orders_raw o ${asRead('o')}
  left join recon_cancels k on k.order_id = o.order_id and k.event_timestamp >= ${at(from)} and k.event_timestamp < ${at(to)}
  where o.event_type = 'order' and o.status = 'placed' and o.event_timestamp <= o.appended_at + ${LIVE}
    and (o.partition_date >= ${day(from)} and o.partition_date < ${day(end)} or k.order_id is not null)
),
firsts as (
  select event_id, source_partition, min(source_offset) as first_offset
  from bronze.orders_raw
  where event_type = 'order' and event_timestamp <= appended_at + ${LIVE} and event_id in (select event_id from wanted)
  group by event_id, source_partition
)
select w.*, l.behind_ms, f.first_offset < w.source_offset as is_repeat
from wanted w
join firsts f on f.event_id = w.event_id and f.source_partition = w.source_partition
left join recon_late l on l.topic = w.source_topic and l.number = w.source_partition and l.position = w.source_offset`

const CLICK_COLUMNS = `c.event_id, c.user_id, c.event_type, c.item_id, c.ad_id, c.ad_campaign_id, c.event_timestamp, c.appended_at, c.is_bot, c.source_topic, c.source_partition,
    c.source_offset, ${lag('c')},
    case when c.event_type = 'impression' then coalesce(json_text(c.raw_event, 'metadata.impression') = 'hover', false) else false end as is_hover`

const clicks = ({ from, end, beforeMs }: Span) => {
  const isWanted = `c.event_timestamp >= ${at(from - beforeMs)} and c.partition_date >= ${day(from - beforeMs)} and c.partition_date < ${day(end)}`
  return `recon_clicks as
-- grain: one row a click or impression of the span, of the half hour before it, or before an order that was cancelled in it. reads: bronze.clicks_raw
with wanted as (
  select ${CLICK_COLUMNS}
  from bronze.clicks_raw c ${asRead('c')}
  where c.event_type in ('click', 'impression') and c.event_timestamp <= c.appended_at + ${LIVE} and ${isWanted}
  union all
  select distinct ${CLICK_COLUMNS}
  from bronze.clicks_raw c ${asRead('c')}
  join recon_orders o on o.user_id = c.user_id and o.item_id = c.item_id and c.event_timestamp >= o.event_timestamp - ${WINDOW} and c.event_timestamp <= o.event_timestamp
  where c.event_type in ('click', 'impression') and c.event_timestamp <= c.appended_at + ${LIVE} and not (${isWanted})
    and not o.is_in_span and o.event_timestamp < ${at(from)}
),
firsts as (
  select user_id, event_id, min(source_offset) as first_offset
  from bronze.clicks_raw
  where event_type in ('click', 'impression') and event_timestamp <= appended_at + ${LIVE} and event_id in (select event_id from wanted)
  group by user_id, event_id
)
select w.*, l.behind_ms, f.first_offset < w.source_offset as is_repeat, x.event_id is not null as is_flagged,
  t.pricing, t.amount,
  not coalesce(w.is_bot, true) and f.first_offset = w.source_offset as is_counted,
  not coalesce(w.is_bot, true) and f.first_offset = w.source_offset and x.event_id is null as is_valid
from wanted w
join firsts f on f.event_id = w.event_id and f.user_id = w.user_id
left join recon_late l on l.topic = w.source_topic and l.number = w.source_partition and l.position = w.source_offset
left join recon_flags x on x.user_id = w.user_id and x.event_id = w.event_id
left join recon_terms t on t.ad_id = w.ad_id and w.appended_at >= t.since and w.appended_at < t.until`
}

const FIRST_NOTED = `select min(since) as first_noted from recon_terms where ad_id = '' and since > ${at(0)}`

/**
 * Sooner than that after another of the same user on the same ad, in the order of time and id; also where the other was found invalid. Where the length has changed since
 * the click was appended, what billing made of it stands, if any of the lengths says so.
 */
const doubles = () => `recon_doubles as
-- grain: one row a double click. reads: nothing of bronze
with chain as (
  select event_id, user_id, ad_id, appended_at,
    unix_ms(event_timestamp) - unix_ms(lag(event_timestamp) over (partition by user_id, ad_id order by event_timestamp, event_id)) as gap_ms,
    lag(behind_ms) over (partition by user_id, ad_id order by event_timestamp, event_id) as before_behind_ms
  from recon_clicks where is_counted and event_type = 'click'
),
-- The lengths from each on.
lengths as (
  select coalesce(lag(until) over (order by until), ${at(0)}) as since, until,
    min(amount) over (order by until desc rows between unbounded preceding and current row) as shortest_ms,
    max(amount) over (order by until desc rows between unbounded preceding and current row) as longest_ms
  from recon_terms where ad_id = ''
),
noted as (${FIRST_NOTED}),
charged as (select distinct event_id, ad_id from recon_ledger where kind = 'cpc')
select c.event_id, c.user_id, c.ad_id, c.before_behind_ms
from chain c
join lengths t on c.appended_at >= t.since and c.appended_at < t.until
cross join noted n
left join charged l on l.event_id = c.event_id and l.ad_id = c.ad_id
where c.gap_ms < case when l.event_id is null then t.longest_ms when c.appended_at < n.first_noted then 0 else t.shortest_ms end`

/** The last click by the same user on the same item in the 30 minutes before it, both ends included. */
const answers = () => `recon_answers as
-- grain: one row an order. reads: nothing of bronze
with candidates as (
  select o.event_id as order_event_id, c.event_id as click_event_id, c.ad_id, c.behind_ms as click_behind_ms, c.lag_ms as click_lag_ms,
    row_number() over (partition by o.event_id order by c.event_timestamp desc, c.event_id desc) as nth
  from recon_orders o
  join recon_clicks c on c.user_id = o.user_id and c.item_id = o.item_id and c.event_timestamp <= o.event_timestamp
    and c.event_timestamp >= o.event_timestamp - ${WINDOW}
  where c.is_valid and c.event_type = 'click' and not coalesce(o.is_bot, true) and not o.is_repeat
)
select o.event_id, o.order_id, o.user_id, o.event_timestamp, o.appended_at, o.is_in_span, o.behind_ms, o.lag_ms, o.is_bot,
  c.click_event_id, c.ad_id, c.click_behind_ms, c.click_lag_ms, t.pricing, t.amount
from recon_orders o
left join candidates c on c.order_event_id = o.event_id and c.nth = 1
left join recon_terms t on t.ad_id = c.ad_id and o.appended_at >= t.since and o.appended_at < t.until
where not o.is_repeat`

/**
 * A charge on any terms that the ad had since the event was appended stands: which of them held when it was read, the events do not say. Before terms were noted at
 * all, any does.
 */
const standing = (kind: string, e: string) =>
  `left join standing s on s.kind = '${kind}' and s.event_id = ${e}.event_id and s.ad_id = ${e}.ad_id
    and ${e}.appended_at < s.until`

const expected = ({ from, to, settledTo, wholeFrom }: Span) => `recon_expected as
-- grain: one row a charge or credit. reads: nothing of bronze
with noted as (${FIRST_NOTED}),
-- By charge: up to when its terms held last.
standing as (
  select l.kind, l.event_id, l.ad_id, any_value(l.one) as one, greatest(coalesce(max(r.until), ${at(0)}), coalesce(any_value(n.first_noted), ${at(0)})) as until
  from recon_ledger l cross join noted n left join recon_terms r on r.ad_id = l.ad_id and r.pricing = l.kind and r.amount = l.one
  where l.charges = 1 and l.kind <> 'credit' group by l.kind, l.event_id, l.ad_id having count(distinct l.day) = 1
),
paid as (
  select 'cpc' as kind, c.event_id, c.ad_id, c.user_id, cast(null as varchar) as order_id, c.event_timestamp, c.behind_ms, coalesce(s.one, c.amount) as amount
  from recon_clicks c ${standing('cpc', 'c')}
  left join recon_doubles d on d.event_id = c.event_id and d.user_id = c.user_id and d.ad_id = c.ad_id
  where c.is_valid and c.event_type = 'click' and (c.pricing = 'cpc' or s.one is not null) and d.event_id is null and c.event_timestamp >= ${at(from)} and c.event_timestamp < ${at(to)}
  union all
  select 'cpm', c.event_id, c.ad_id, c.user_id, null, c.event_timestamp, c.behind_ms, coalesce(s.one, c.amount)
  from recon_clicks c ${standing('cpm', 'c')}
  where c.is_valid and c.event_type = 'impression' and (c.pricing = 'cpm' or s.one is not null) and not c.is_hover and c.event_timestamp >= ${at(from)} and c.event_timestamp < ${at(to)}
  union all
  select 'cpa', e.event_id, e.ad_id, e.user_id, e.order_id, e.event_timestamp, e.behind_ms, coalesce(s.one, e.amount)
  from recon_answers e ${standing('cpa', 'e')}
  where e.pricing = 'cpa' or s.one is not null
),
charges as (
  select * from paid where kind <> 'cpa' or event_timestamp >= ${at(from)} and event_timestamp < ${at(to)}
)
select * from charges
union all
select 'credit', c.event_id, p.ad_id, c.user_id, c.order_id, c.event_timestamp, c.behind_ms, -p.amount
from recon_cancels c join paid p on p.kind = 'cpa' and p.order_id = c.order_id
where p.event_timestamp < ${at(settledTo)}${wholeFrom === -Infinity ? '' : ` and p.event_timestamp >= ${at(wholeFrom)}`}`
