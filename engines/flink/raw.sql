-- The raw topics as every reader takes them (reader/gate.ts): checked, on time, each event once.
--
-- rt is event time in HALF milliseconds: Flink calls a session over at the instant at which an event may still belong to it, and we do not. On a scale with room
-- between two milliseconds the watermark never meets an event, and the two come to one answer. So every interval here is twice what it is called.

create temporary table raw_orders (
  event_type string, event_id string, order_id string, user_id string, item_id string, price string, quantity bigint, order_type string,
  is_bot boolean, received_at string, ts bigint,
  headers map<string, bytes> metadata virtual,
  appended timestamp_ltz(3) metadata from 'timestamp' virtual,
  part int metadata from 'partition' virtual,
  pt as proctime(),
  -- null for what is no valid event: it neither counts nor moves time.
  rt as case
    when ts < 0 or to_timestamp_ltz(ts, 3) > appended + interval '5' minute then null
    when event_type = 'heartbeat'
      or event_type = 'order'
        and char_length(event_id) between 1 and 128 and char_length(order_id) between 1 and 128 and char_length(user_id) between 1 and 128
        and regexp(item_id, '^[1-9][0-9]{0,15}$')
        and try_cast(price as double) between 0 and 1000000 and quantity between 1 and 100000
        and floor(try_cast(price as double) * 100 + 0.5) * quantity <= 1000000000
        and order_type in ('placed', 'confirmed', 'cancelled', 'delivered')
        and is_bot is not null and received_at is not null
      then to_timestamp_ltz(ts * 2, 3)
  end,
  -- 10 s, and one more unit: what is exactly 10 s behind is on time.
  watermark for rt as rt - interval '20.001' second
) with (${source}, 'topic' = '${prefix}raw.orders.v1');

create temporary table raw_clicks (
  event_type string, event_id string, user_id string, item_id string, ad_id string, ad_campaign_id string,
  is_bot boolean, received_at string, ts bigint,
  appended timestamp_ltz(3) metadata from 'timestamp' virtual,
  part int metadata from 'partition' virtual,
  pt as proctime(),
  rt as case
    when ts < 0 or to_timestamp_ltz(ts, 3) > appended + interval '5' minute then null
    when event_type = 'heartbeat'
      or event_type in ('click', 'impression')
        and char_length(event_id) between 1 and 128 and char_length(user_id) between 1 and 128 and char_length(ad_id) between 1 and 128
        and (item_id is null or regexp(item_id, '^[1-9][0-9]{0,15}$'))
        and is_bot is not null and received_at is not null
      then to_timestamp_ltz(ts * 2, 3)
  end,
  watermark for rt as rt - interval '20.001' second
) with (${source}, 'topic' = '${prefix}raw.clicks.v1');

-- A partition's time is the highest ts read from it. Records of a partition come in its order, so lateness hangs on the log alone, and on no watermark.
create temporary view timed_orders as
select *, max(ts) over (partition by part order by pt rows between unbounded preceding and current row) - ts as behind_ms
from raw_orders where rt is not null;

create temporary view timed_clicks as
select *, max(ts) over (partition by part order by pt rows between unbounded preceding and current row) - ts as behind_ms
from raw_clicks where rt is not null;

-- A repeat is a repeat first, late or not. Of one event the first record counts, whatever the others say.
create temporary view orders as
select event_id, order_id, user_id, item_id, price, cast(floor(cast(price as double) * 100 + 0.5) as bigint) * quantity as paise, quantity, is_bot, headers, ts, rt
from (
  select *, row_number() over (partition by event_id order by pt) as nth from timed_orders where event_type = 'order'
) where nth = 1 and behind_ms <= 10000 and order_type = 'placed';

create temporary view clicks as
select event_type, event_id, user_id, item_id, ad_id, ad_campaign_id as campaign_id, ts, rt
from (
  select *, row_number() over (partition by user_id, event_id order by pt) as nth from timed_clicks where event_type <> 'heartbeat'
) where nth = 1 and behind_ms <= 10000 and not is_bot;
