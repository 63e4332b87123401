-- grain: one row a day on which anything valid happened. partition: date. reads: silver.clicks_clean, silver.orders_clean, silver.user_sessions
-- reopens: same day
-- stop unique: date
-- stop not_null: date, total_sessions, total_impressions, total_clicks, total_orders, active_users, users_with_clicks, users_with_orders
-- range: total_sessions 0.., click_through_rate 0.., conversion_rate 0.., impression_conversion_rate 0.., active_users 1..
-- fresh: silver.clicks_clean where is_valid, silver.orders_clean where is_valid and is_order
-- column total_sessions: that began on the day
-- column total_impressions: of the day
-- column total_clicks: of the day
-- column total_orders: placed on the day
-- column attributed_orders: of these, those that a click earned
-- column click_through_rate: clicks by impressions
-- column conversion_rate: attributed orders by clicks
-- column impression_conversion_rate: attributed orders by impressions
-- column avg_impressions_per_session: of the sessions that began on the day
-- column avg_clicks_per_session: of the sessions that began on the day
-- column avg_orders_per_session: of the sessions that began on the day
-- column avg_session_seconds: of the sessions that began on the day
-- column active_users: with any valid event
-- column users_with_clicks: of them
-- column users_with_orders: of them
--
-- Impressions, clicks, orders and users are those of the day's events; sessions those that began on it, and the averages are of these, whole.
-- click_through_rate: clicks by impressions. conversion_rate: attributed orders by clicks. impression_conversion_rate: attributed orders by impressions.
with actions as (
  select date, user_id, count(case when event_type = 'impression' then 1 end) as impressions, count(case when event_type = 'click' then 1 end) as clicks,
    0 as orders, 0 as attributed
  from silver.clicks_clean
  where is_valid and date between :from_date and :to_date
  group by date, user_id
  union all
  select date, user_id, 0, 0, count(*), count(click_event_id)
  from silver.orders_clean
  where is_valid and is_order and date between :from_date and :to_date
  group by date, user_id
),
users as (
  select date, user_id, sum(impressions) as impressions, sum(clicks) as clicks, sum(orders) as orders, sum(attributed) as attributed
  from actions
  group by date, user_id
),
daily as (
  select date, cast(sum(impressions) as bigint) as total_impressions, cast(sum(clicks) as bigint) as total_clicks, cast(sum(orders) as bigint) as total_orders,
    cast(sum(attributed) as bigint) as attributed_orders, count(*) as active_users, count(case when clicks > 0 then 1 end) as users_with_clicks,
    count(case when orders > 0 then 1 end) as users_with_orders
  from users
  group by date
),
sessions as (
  select date, count(*) as total_sessions, sum(impressions) as impressions, sum(clicks) as clicks, sum(orders) as orders, sum(duration_ms) as duration_ms
  from silver.user_sessions
  where date between :from_date and :to_date
  group by date
)
select
  d.date, coalesce(s.total_sessions, 0) as total_sessions, total_impressions, total_clicks, total_orders, attributed_orders,
  ratio(total_clicks, total_impressions) as click_through_rate, ratio(attributed_orders, total_clicks) as conversion_rate,
  ratio(attributed_orders, total_impressions) as impression_conversion_rate,
  ratio(coalesce(s.impressions, 0), coalesce(s.total_sessions, 0)) as avg_impressions_per_session,
  ratio(coalesce(s.clicks, 0), coalesce(s.total_sessions, 0)) as avg_clicks_per_session,
  ratio(coalesce(s.orders, 0), coalesce(s.total_sessions, 0)) as avg_orders_per_session,
  ratio(coalesce(s.duration_ms, 0), coalesce(s.total_sessions, 0) * 1000) as avg_session_seconds,
  active_users, users_with_clicks, users_with_orders
from daily d
left join sessions s on s.date = d.date
