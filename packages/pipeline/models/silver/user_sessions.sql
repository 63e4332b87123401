-- grain: one row a session, that is a user's events with no gap over 30 minutes. partition: date. reads: silver.clicks_clean, silver.orders_clean
-- reopens: open sessions, next day
-- unique: session_id
-- not_null: session_id, user_id, started_at, ended_at, events
-- range: events 1.., duration_ms 0.., revenue 0..
-- fresh: silver.orders_clean where is_valid and is_order, silver.clicks_clean where is_valid
--
-- A gap of exactly 30:00.000 is still the same session. A session belongs to the day it began, and is whole whatever midnights it runs over: behind the
-- last day, the users who are still at it are followed to their first gap. Of valid events: impressions, clicks, and orders placed (a status is no visit).
with events as (
  select user_id, event_timestamp as seen_at, event_type, item_id, cast(0 as decimal(18, 2)) as revenue, date
  from silver.clicks_clean
  where is_valid and date >= :from_date - interval 1 day
  union all
  select user_id, event_timestamp, 'order', item_id, revenue, date
  from silver.orders_clean
  where is_valid and is_order and date >= :from_date - interval 1 day
),
open_users as (
  select distinct user_id from events
  where date between :from_date and :to_date and seen_at >= cast(:to_date as timestamp) + interval 23 hour + interval 30 minute
),
near as (
  select * from events where date <= :to_date
  union all
  select * from events where date > :to_date and user_id in (select user_id from open_users)
),
marked as (
  select *,
    case when seen_at - interval 30 minute <= lag(seen_at) over (partition by user_id order by seen_at, event_type, item_id, revenue) then 0 else 1 end as is_first
  from near
  where seen_at >= cast(:from_date as timestamp) - interval 30 minute
),
numbered as (
  select *, sum(is_first) over (partition by user_id order by seen_at, event_type, item_id, revenue rows unbounded preceding) as session_number
  from marked
),
sessions as (
  select user_id, min(seen_at) as started_at, max(seen_at) as ended_at, count(*) as events,
    count(case when event_type = 'impression' then 1 end) as impressions,
    count(case when event_type = 'click' then 1 end) as clicks,
    count(case when event_type = 'order' then 1 end) as orders,
    sum(revenue) as revenue, max(case when is_first = 1 then item_id end) as entry_item_id
  from numbered
  group by user_id, session_number
)
select concat(user_id, '/', epoch_ms(started_at)) as session_id, user_id, started_at, ended_at, epoch_ms(ended_at) - epoch_ms(started_at) as duration_ms,
  events, impressions, clicks, orders, cast(revenue as decimal(18, 2)) as revenue, entry_item_id, cast(started_at as date) as date
from sessions
where cast(started_at as date) between :from_date and :to_date
