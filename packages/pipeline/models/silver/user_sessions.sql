-- grain: one row a session, that is a user's events with no gap over 30 minutes. partition: date. reads: silver.clicks_clean, silver.orders_clean
-- reopens: open sessions, next day
-- stop unique: session_id
-- stop not_null: session_id, user_id, started_at, ended_at, events
-- range: events 1.., duration_ms 0.., revenue 0..
-- fresh: silver.orders_clean where is_valid and is_order, silver.clicks_clean where is_valid
-- volume: 0.3..3 of 28 days
-- column session_id: user and beginning
-- column started_at: its first event
-- column ended_at: its last event
-- column duration_ms: from the first to the last, in milliseconds
-- column events: of it, all kinds
-- column impressions: seen in it
-- column clicks: in it
-- column orders: placed in it
-- column revenue: of its orders, in rupees
-- column entry_item_id: the first event's dish
-- column path: the dishes in the order of time, at most 50
-- column date: the UTC day on which it began
--
-- A gap of exactly 30:00.000 is still the same session. A session belongs to the day it began, and is whole whatever midnights it runs over: behind the
-- last day, the users who are still at it are followed to their first gap. Of valid events: impressions, clicks, and orders placed (a status is no visit).
-- path: the items in the order of time, at most 50; at the same time clicks come before impressions, and these before orders. entry_item_id: the first event's.
-- Windows are ordered by time alone: events of one time are of one session whatever their order, and more columns to order by took 1.4 s a million events
-- instead of 0.9.
-- No list of a whole user's events is made: to cut one up takes time by the square of its length.
with events as not materialized (
  select user_id, event_timestamp as seen_at, case event_type when 'click' then 1 when 'impression' then 2 end as kind, item_id,
    cast(0 as decimal(18, 2)) as revenue, date
  from silver.clicks_clean
  where is_valid and date >= :from_date - interval 1 day
  union all
  select user_id, event_timestamp, 3, item_id, revenue, date
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
    case when seen_at - interval 30 minute <= lag(seen_at) over (partition by user_id order by seen_at) then 0 else 1 end as is_first
  from near
  where seen_at >= cast(:from_date as timestamp) - interval 30 minute
),
numbered as (
  select *, sum(is_first) over (partition by user_id order by seen_at) as session_number
  from marked
),
sessions as (
  select user_id, min(seen_at) as started_at, max(seen_at) as ended_at, count(*) as events,
    count(case when kind = 2 then 1 end) as impressions,
    count(case when kind = 1 then 1 end) as clicks,
    count(case when kind = 3 then 1 end) as orders,
    sum(revenue) as revenue, items_in_order(seen_at, kind, item_id) as items
  from numbered
  group by user_id, session_number
)
select concat(user_id, '/', unix_ms(started_at)) as session_id, user_id, started_at, ended_at, unix_ms(ended_at) - unix_ms(started_at) as duration_ms,
  events, impressions, clicks, orders, cast(revenue as decimal(18, 2)) as revenue, first_item(items) as entry_item_id,
  first_items(items, 50) as path, cast(started_at as date) as date
from sessions
where cast(started_at as date) between :from_date and :to_date
