-- grain: one row a day, ad, campaign (null: none) and item (null: none). partition: date. reads: silver.clicks_clean, silver.orders_clean, ref.ads
-- reopens: same day
-- stop unique: date, ad_id, campaign_id, item_id
-- stop not_null: date, ad_id, impressions, clicks, ctr, attributed_orders, revenue, cvr, avg_lag_ms where attributed_orders > 0
-- range: ctr 0.., cvr 0.., revenue 0.., avg_lag_ms 0..1800000
-- fresh: silver.clicks_clean where is_valid, silver.orders_clean where is_valid and is_order and click_event_id is not null
-- column advertiser_id: the ad's, null where it is none of ours
-- column impressions: of the day
-- column clicks: of the day
-- column ctr: clicks by impressions
-- column attributed_orders: orders of the day that its clicks earned
-- column revenue: of these orders, in rupees
-- column cvr: attributed orders by clicks
-- column avg_lag_ms: from the click to the order, in milliseconds; null without an order
--
-- An order counts on its own day, by the ad and campaign of the click that it is due to. ctr: clicks by impressions. cvr: attributed orders by clicks.
-- avg_lag_ms: from the click to the order. A click that names no campaign is of its ad's; advertiser_id is the ad's, null where the ad is none of ours.
with parts as (
  select date, ad_id, campaign_id, item_id, count(case when event_type = 'impression' then 1 end) as impressions,
    count(case when event_type = 'click' then 1 end) as clicks, 0 as attributed_orders, cast(0 as decimal(38, 2)) as revenue, 0 as lag_ms
  from silver.clicks_clean
  where is_valid and date between :from_date and :to_date
  group by date, ad_id, campaign_id, item_id
  union all
  select date, ad_id, campaign_id, item_id, 0, 0, count(*), sum(revenue), sum(lag_ms)
  from silver.orders_clean
  where is_valid and is_order and click_event_id is not null and date between :from_date and :to_date
  group by date, ad_id, campaign_id, item_id
),
named as (
  select p.date, p.ad_id, coalesce(p.campaign_id, a.campaign_id) as campaign_id, p.item_id, a.advertiser_id, impressions, clicks, attributed_orders, revenue, lag_ms
  from parts p
  left join ref.ads a on a.ad_id = p.ad_id
)
select
  date, ad_id, campaign_id, item_id, advertiser_id, cast(sum(impressions) as bigint) as impressions, cast(sum(clicks) as bigint) as clicks,
  ratio(sum(clicks), sum(impressions)) as ctr, cast(sum(attributed_orders) as bigint) as attributed_orders, cast(sum(revenue) as decimal(18, 2)) as revenue,
  ratio(sum(attributed_orders), sum(clicks)) as cvr, case when sum(attributed_orders) > 0 then ratio(sum(lag_ms), sum(attributed_orders)) end as avg_lag_ms
from named
group by date, ad_id, campaign_id, item_id, advertiser_id
