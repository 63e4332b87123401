-- grain: one row a day and hour (UTC) in which something was ordered. partition: date. reads: silver.orders_clean
-- reopens: same day
-- stop unique: date, hour_of_day
-- stop unique: date, peak_rank
-- stop not_null: date, hour_of_day, order_count, total_revenue, avg_order_value, unique_users, is_peak_hour, peak_rank
-- range: hour_of_day 0..23, order_count 1.., peak_rank 1..24, pct_of_daily_orders 0..100, pct_of_daily_revenue 0..100
-- fresh: silver.orders_clean where is_valid and is_order
-- column hour_of_day: 0 to 23, UTC
-- column order_count: orders placed in the hour
-- column total_revenue: of these, in rupees
-- column avg_order_value: revenue by orders, to the paisa
-- column unique_users: who ordered
-- column is_peak_hour: one of the day's first three by orders
-- column peak_rank: 1 is the day's fullest hour
-- column pct_of_daily_orders: of the day's, in percent
-- column pct_of_daily_revenue: of the day's, in percent
--
-- peak_rank: by orders; of equal hours the one with more revenue, then the earlier one comes first. is_peak_hour: the first three.
with hours as (
  select date, cast(extract(hour from event_timestamp) as integer) as hour_of_day, count(*) as order_count,
    cast(sum(revenue) as decimal(18, 2)) as total_revenue, count(distinct user_id) as unique_users
  from silver.orders_clean
  where is_valid and is_order and date between :from_date and :to_date
  group by date, extract(hour from event_timestamp)
),
ranked as (
  select *, row_number() over (partition by date order by order_count desc, total_revenue desc, hour_of_day) as peak_rank,
    sum(order_count) over (partition by date) as orders_of_day, sum(total_revenue) over (partition by date) as revenue_of_day
  from hours
)
select
  date, hour_of_day, order_count, total_revenue, money_avg(total_revenue, order_count) as avg_order_value, unique_users, peak_rank <= 3 as is_peak_hour, peak_rank,
  100 * ratio(order_count, orders_of_day) as pct_of_daily_orders, 100 * ratio(total_revenue, revenue_of_day) as pct_of_daily_revenue
from ranked
