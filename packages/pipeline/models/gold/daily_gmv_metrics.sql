-- grain: one row a day on which something was ordered. partition: date. reads: silver.orders_clean
-- reopens: later days
-- stop unique: date
-- stop not_null: date, total_revenue, avg_order_value, order_count, total_items_sold, unique_users, new_users, returning_users
-- range: total_revenue 0.., order_count 1.., total_items_sold 1.., unique_users 1.., new_users 0.., returning_users 0..
-- fresh: silver.orders_clean where is_valid and is_order
-- column total_revenue: of the day's orders, in rupees
-- column avg_order_value: revenue by orders, to the paisa
-- column order_count: orders placed
-- column total_items_sold: the sum of their quantities
-- column unique_users: who ordered
-- column new_users: whose first order ever is of this day
-- column returning_users: who had ordered before
-- column revenue_growth_pct: against the day before, in percent; null where nothing was ordered then
-- column order_growth_pct: against the day before, in percent; null where nothing was ordered then
--
-- new_users: their first order ever is of this day; so a change of one day may change any later one. Growth: percent against the day before in the
-- calendar, null where nothing was ordered then.
with orders as (
  select date, user_id, revenue, quantity from silver.orders_clean where is_valid and is_order and date <= :to_date
),
first_days as (
  select user_id, min(date) as first_day from orders group by user_id
),
newcomers as (
  select first_day as date, count(*) as new_users from first_days where first_day between :from_date and :to_date group by first_day
),
daily as (
  select date, cast(sum(revenue) as decimal(18, 2)) as total_revenue, count(*) as order_count, cast(sum(quantity) as bigint) as total_items_sold,
    count(distinct user_id) as unique_users
  from orders
  where date >= :from_date - interval 1 day
  group by date
)
select
  d.date, d.total_revenue, money_avg(d.total_revenue, d.order_count) as avg_order_value, d.order_count, d.total_items_sold, d.unique_users,
  coalesce(n.new_users, 0) as new_users, d.unique_users - coalesce(n.new_users, 0) as returning_users,
  growth_pct(d.total_revenue, b.total_revenue) as revenue_growth_pct, growth_pct(d.order_count, b.order_count) as order_growth_pct
from daily d
left join newcomers n on n.date = d.date
left join daily b on b.date = d.date - interval 1 day
where d.date between :from_date and :to_date
