-- grain: one row an order. attributed.events.v1: each order with the last click of its user on its item in the 30 minutes before, or none.

-- The greatest time and id is the last click: so of two at one instant the greater id wins. Behind a character that sorts before all others: its ad and campaign.
create temporary view order_and_click_keys as
select event_id, order_id, user_id, item_id, price, paise, quantity, is_bot, headers, ts, rt, true as is_order, cast(null as string) as click_key
from orders
union all
select cast(null as string), cast(null as string), user_id, item_id, cast(null as string), cast(null as bigint), cast(null as bigint), false,
  cast(null as map<string, bytes>), ts, rt, false,
  concat(lpad(cast(ts as string), 15, '0'), event_id, u&'\0001', json_quote(ad_id), u&'\0001', coalesce(json_quote(campaign_id), 'null'))
from clicks where event_type = 'click' and item_id is not null;

create temporary view answered as
select event_id, order_id, user_id, item_id, price, paise, quantity, is_bot, headers, ts, rt, case when not is_bot then last_click end as click_key
from (
  select *, max(click_key) over (partition by user_id, item_id order by rt range between interval '60' minute preceding and current row) as last_click
  from order_and_click_keys
) where is_order;

create temporary view attributed_orders as
select *,
  cast(substring(click_key from 1 for 15) as bigint) as click_ts,
  regexp_extract(click_key, u&'^.{15}(?s:(.*))\0001[^\0001]*\0001[^\0001]*$', 1) as click_id,
  regexp_extract(click_key, u&'\0001([^\0001]*)\0001[^\0001]*$', 1) as ad_json,
  regexp_extract(click_key, u&'\0001([^\0001]*)$', 1) as campaign_json
from answered;

create temporary table attributed (
  record_key string, headers map<string, bytes> metadata, body string
) with (${sink}, 'topic' = '${prefix}attributed.events.v1', 'sink.transactional-id-prefix' = '${transactions}attributed');

insert into attributed
select user_id, headers, concat(
  '{"order_id":', json_quote(order_id), ',"event_id":', json_quote(event_id), ',"user_id":', json_quote(user_id),
  ',"item_id":', item_id, ',"price":', price, ',"quantity":', cast(quantity as string),
  ',"timestamp":"', date_format(to_timestamp_ltz(ts, 3), '${iso}'), case when is_bot then '","is_bot":true' else '"' end,
  -- Null where there is no click, as anything that is made with a null is.
  coalesce(
    concat(
      ',"click":{"event_id":', json_quote(click_id), ',"ad_id":', ad_json, ',"campaign_id":', campaign_json,
      ',"timestamp":"', date_format(to_timestamp_ltz(click_ts, 3), '${iso}'), '"},"lag_ms":', cast(ts - click_ts as string), '}'),
    ',"click":null,"lag_ms":null}'))
from attributed_orders;
