-- grain: one row a minute, item and campaign. metrics.ads.v1. Also here: what users did, which sessions go by too. Bots count nowhere.

-- A click is double where another of its user on its ad is less than so long before it, in the order of time and id.
create temporary view checked_clicks as
select user_id, item_id, campaign_id, ts, rt,
  first_key = concat(lpad(cast(ts as string), 15, '0'), event_id) or ${double_click_ms} = 0 as is_valid
from (
  select *, min(concat(lpad(cast(ts as string), 15, '0'), event_id))
    over (partition by user_id, ad_id order by rt range between ${double_click_range} preceding and current row) as first_key
  from clicks where event_type = 'click'
);

create temporary view visits as
select 'C' as kind, user_id, item_id, campaign_id, is_valid, false as is_attributed, cast(0 as bigint) as paise, ts, rt from checked_clicks
union all
select 'I', user_id, item_id, campaign_id, false, false, cast(0 as bigint), ts, rt from clicks where event_type = 'impression'
union all
select 'O', user_id, item_id, json_unquote(nullif(regexp_extract(click_key, u&'\0001([^\0001]*)$', 1), 'null')), false, click_key is not null, paise, ts, rt
from answered where not is_bot;

create temporary table metrics (record_key string, body string)
with (${sink}, 'topic' = '${prefix}metrics.ads.v1', 'sink.transactional-id-prefix' = '${transactions}metrics');

insert into metrics
select concat(coalesce(item_id, ''), '/', coalesce(campaign_id, '')), concat(
  '{"window_start":"', date_format(to_timestamp_ltz(minute_ms, 3), '${iso}'), '","window_end":"', date_format(to_timestamp_ltz(minute_ms + 60000, 3), '${iso}'),
  '","item_id":', coalesce(item_id, 'null'), ',"campaign_id":', coalesce(json_quote(campaign_id), 'null'),
  ',"impressions":', cast(impressions as string), ',"clicks":', cast(clicks as string), ',"valid_clicks":', cast(valid_clicks as string),
  ',"orders":', cast(orders as string), ',"attributed_orders":', cast(attributed_orders as string),
  ',"revenue":', cast(cast(paise as decimal(20, 2)) / 100 as string),
  ',"ctr":', cast(case when impressions = 0 then cast(0 as double) else cast(clicks as double) / impressions end as string),
  ',"cvr":', cast(case when clicks = 0 then cast(0 as double) else cast(attributed_orders as double) / clicks end as string), '}')
from (
  select item_id, campaign_id, min(ts) - mod(min(ts), 60000) as minute_ms,
    count(*) filter (where kind = 'I') as impressions,
    count(*) filter (where kind = 'C') as clicks,
    count(*) filter (where is_valid) as valid_clicks,
    count(*) filter (where kind = 'O') as orders,
    count(*) filter (where is_attributed) as attributed_orders,
    sum(paise) as paise
  from tumble(table visits, descriptor(rt), interval '2' minute)
  group by window_start, window_end, item_id, campaign_id
);
