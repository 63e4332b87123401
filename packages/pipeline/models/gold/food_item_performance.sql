-- grain: one row a day and item that was shown, clicked or ordered. partition: date. reads: silver.orders_clean, silver.clicks_clean, ref.foods
-- reopens: same day
-- stop unique: date, item_id
-- stop unique: date, rank_by_revenue
-- stop not_null: date, item_id, total_orders, total_revenue, unique_buyers, click_count, impression_count, conversion_rate, click_through_rate
-- range: total_revenue 0.., conversion_rate 0.., click_through_rate 0.., rank_by_revenue 1.., rank_by_orders 1.., rank_by_conversion 1..
-- fresh: silver.orders_clean where is_valid and is_order
-- references: item_id in ref.foods.food_id
-- column item_name: the dish's, as the catalogue has it, or as its orders named it
-- column total_orders: orders of it
-- column total_revenue: of these, in rupees
-- column unique_buyers: who ordered it
-- column avg_price: of its orders, each counted once, to the paisa
-- column click_count: clicks on it
-- column impression_count: how often it was seen
-- column attributed_orders: orders of it that a click earned
-- column conversion_rate: attributed orders by clicks
-- column click_through_rate: clicks by impressions
-- column rank_by_revenue: 1 is the day's best
-- column rank_by_orders: 1 is the day's best
-- column rank_by_conversion: 1 is the day's best
-- column is_top_seller: ordered, and in the first tenth by revenue
-- column is_underperforming: at least 20 clicks, and converting less than half of what the day does
--
-- conversion_rate: orders due to an ad click, by clicks (a click may earn several orders, so it may pass 1). avg_price: of the orders, each counted once.
-- Ranks are whole and without gaps: of equal items the one with more revenue, then with more orders, then with the lower item_id comes first.
-- is_top_seller: ordered, and in the first tenth of the day's ordered items by revenue (always the first one).
-- is_underperforming: at least 20 clicks, and a conversion_rate under half of that of all items of the day.
with ordered as (
  select date, item_id, count(*) as total_orders, cast(sum(revenue) as decimal(18, 2)) as total_revenue, count(distinct user_id) as unique_buyers,
    money_avg(sum(price), count(*)) as avg_price, count(click_event_id) as attributed_orders, max(item_name) as sold_as
  from silver.orders_clean
  where is_valid and is_order and date between :from_date and :to_date
  group by date, item_id
),
seen as (
  select date, item_id, count(case when event_type = 'click' then 1 end) as click_count, count(case when event_type = 'impression' then 1 end) as impression_count
  from silver.clicks_clean
  where is_valid and item_id is not null and date between :from_date and :to_date
  group by date, item_id
),
items as (
  select coalesce(o.date, s.date) as date, coalesce(o.item_id, s.item_id) as item_id, coalesce(total_orders, 0) as total_orders,
    coalesce(total_revenue, 0) as total_revenue, coalesce(unique_buyers, 0) as unique_buyers, avg_price,
    coalesce(attributed_orders, 0) as attributed_orders, coalesce(click_count, 0) as click_count, coalesce(impression_count, 0) as impression_count, sold_as
  from ordered o
  full outer join seen s on s.date = o.date and s.item_id = o.item_id
),
rated as (
  select *, ratio(attributed_orders, click_count) as conversion_rate, ratio(click_count, impression_count) as click_through_rate,
    ratio(sum(attributed_orders) over (partition by date), sum(click_count) over (partition by date)) as conversion_of_day,
    count(case when total_orders > 0 then 1 end) over (partition by date) as items_ordered
  from items
),
ranked as (
  select *,
    row_number() over (partition by date order by total_revenue desc, total_orders desc, item_id) as rank_by_revenue,
    row_number() over (partition by date order by total_orders desc, total_revenue desc, item_id) as rank_by_orders,
    row_number() over (partition by date order by conversion_rate desc, total_revenue desc, total_orders desc, item_id) as rank_by_conversion
  from rated
)
select
  date, item_id, coalesce(f.name, sold_as) as item_name, f.category, total_orders, cast(total_revenue as decimal(18, 2)) as total_revenue, unique_buyers,
  avg_price, click_count, impression_count, attributed_orders, conversion_rate, click_through_rate, rank_by_revenue, rank_by_orders, rank_by_conversion,
  total_orders > 0 and (rank_by_revenue - 1) * 10 < items_ordered as is_top_seller,
  click_count >= 20 and conversion_rate < conversion_of_day / 2 as is_underperforming
from ranked
left join ref.foods f on f.food_id = ranked.item_id
