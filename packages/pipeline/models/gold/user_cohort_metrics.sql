-- grain: one row a day and user who has ordered up to then. partition: date. reads: silver.orders_clean, etl.days
-- reopens: later days
-- stop unique: date, user_id
-- stop not_null: date, user_id, first_order_date, days_since_first_order, cohort_month, lifetime_orders, lifetime_revenue, lifetime_items, user_segment, is_vip
-- accepted: user_segment in (new, active, at_risk, churned, vip)
-- range: days_since_first_order 0.., days_since_last_order 0.., lifetime_orders 1.., lifetime_revenue 0.., avg_days_between_orders 0..
-- fresh: silver.orders_clean where is_valid and is_order
-- column date: the day of the snapshot
-- column first_order_date: the user's first day with an order
-- column days_since_first_order: up to the day of the snapshot
-- column cohort_month: the month of the first order, 2026-01
-- column lifetime_orders: up to and with this day
-- column lifetime_revenue: up to and with this day, in rupees
-- column lifetime_items: up to and with this day
-- column orders_this_period: of this day
-- column revenue_this_period: of this day, in rupees
-- column avg_days_between_orders: null after one order
-- column days_since_last_order: 0 where there is one on this day
-- column user_segment: new, active, at_risk, churned or vip
-- column is_vip: 10 orders or 5,000 rupees, ever
--
-- A snapshot of each day that has been run. This period is that day. avg_days_between_orders: from the first to the last day of an order, by orders less
-- one; null after one order. is_vip: 10 orders or more, or 5,000 rupees or more, ever. user_segment, the first that fits: churned (no order for more than 90
-- days), at_risk (for more than 30), vip (is_vip), new (first order at most 30 days ago), active.
with days as (
  select date from etl.days where date between :from_date and :to_date
),
daily as (
  select user_id, date, count(*) as orders, sum(revenue) as revenue, sum(quantity) as items
  from silver.orders_clean
  where is_valid and is_order and date <= :to_date
  group by user_id, date
),
running as (
  select user_id, date as last_order_date, orders, revenue,
    min(date) over (partition by user_id order by date rows between unbounded preceding and current row) as first_order_date,
    sum(orders) over (partition by user_id order by date rows between unbounded preceding and current row) as lifetime_orders,
    sum(revenue) over (partition by user_id order by date rows between unbounded preceding and current row) as lifetime_revenue,
    sum(items) over (partition by user_id order by date rows between unbounded preceding and current row) as lifetime_items,
    lead(date) over (partition by user_id order by date) as next_order_date
  from daily
),
snapshots as (
  select d.date, r.*, days_between(r.first_order_date, d.date) as days_since_first_order, days_between(r.last_order_date, d.date) as days_since_last_order,
    lifetime_orders >= 10 or lifetime_revenue >= 5000 as is_vip
  from days d
  join running r on r.last_order_date <= d.date and coalesce(r.next_order_date > d.date, true)
)
select
  date, user_id, first_order_date, days_since_first_order, year_month(first_order_date) as cohort_month, cast(lifetime_orders as bigint) as lifetime_orders,
  cast(lifetime_revenue as decimal(18, 2)) as lifetime_revenue, cast(lifetime_items as bigint) as lifetime_items,
  case when days_since_last_order = 0 then orders else 0 end as orders_this_period,
  cast(case when days_since_last_order = 0 then revenue else 0 end as decimal(18, 2)) as revenue_this_period,
  case when lifetime_orders > 1 then ratio(days_between(first_order_date, last_order_date), lifetime_orders - 1) end as avg_days_between_orders,
  days_since_last_order,
  case
    when days_since_last_order > 90 then 'churned'
    when days_since_last_order > 30 then 'at_risk'
    when is_vip then 'vip'
    when days_since_first_order <= 30 then 'new'
    else 'active'
  end as user_segment,
  is_vip
from snapshots
