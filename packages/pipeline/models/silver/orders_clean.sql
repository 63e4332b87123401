-- grain: one row a record of bronze.orders_raw, whatever it holds. partition: date. reads: bronze.orders_raw, bronze.attributed_raw, ref.foods
-- reopens: same day
-- stop same_rows: bronze.orders_raw by partition_date
-- stop unique: source_partition, source_offset
-- stop not_null: is_valid, is_duplicate, is_order, event_timestamp where is_valid, order_id where is_valid, user_id where is_valid, item_id where is_valid, revenue where is_valid
-- accepted: status in (placed, confirmed, cancelled, delivered) where is_valid
-- range: price 0..1000000 where is_valid, quantity 1..100000 where is_valid
-- volume: 0.3..3 of 28 days
-- column event_id: the id that its client gave, or the gateway
-- column order_id: the gateway's id of the order
-- column client_order_id: the client's own, null where it gave none
-- column user_id: who ordered: the id as it was sent; once they were erased, a pseudonym
-- column item_id: the dish
-- column item_name: as the client named it
-- column price: of one, in rupees
-- column quantity: how many
-- column revenue: price times quantity, in rupees
-- column status: placed, confirmed, cancelled or delivered
-- column is_order: it makes an order; the others change the status of one
-- column event_timestamp: event time, UTC: the lesser of the client's and that of receipt
-- column is_bot: its client said that it is one
-- column session_id: the client's, null where it gave none
-- column restaurant_id: the client's, null where it gave none
-- column city: the client's, null where it gave none
-- column catalogue_name: the dish's name when the day was made
-- column category: the dish's, as the catalogue has it
-- column catalogue_price: the dish's price when the day was made
-- column click_event_id: the click that earned it, null where none did
-- column ad_id: the ad of that click
-- column campaign_id: the campaign of that click
-- column click_timestamp: when that click was
-- column lag_ms: from that click to the order, in milliseconds
-- column is_valid: nothing is wrong with it: gold counts no others
-- column is_duplicate: a repeat of a record at a lower offset
-- column validation_errors: what is wrong with it; empty where it is valid
-- column warnings: what is odd about it, and leaves it valid
-- column source_partition: where it lies in the log
-- column source_offset: where it lies in the partition
-- column date: the UTC day, by event time
--
-- Flags and never drops. is_valid: no errors. Errors: invalid_event, missing_event_id, missing_order_id, missing_user_id, item_id_out_of_range,
-- price_out_of_range, quantity_out_of_range, status_unknown, bot, duplicate (the same event_id at a lower offset of the partition, on any day),
-- id_conflict (that, with another content). Warnings, which leave it valid: unknown_item, price_differs (from the catalogue's), future_timestamp (the client's own
-- time is over 5 minutes after the receipt). is_order: it makes an order; the others change the status of one.
-- Ids are told apart by 64 bits first, so that only the few that come again are compared in full.
with met_again as (
  select id_hash(event_id) as event_hash
  from bronze.orders_raw
  where id_hash(event_id) in (select id_hash(event_id) from bronze.orders_raw where partition_date between :from_date and :to_date)
  group by id_hash(event_id)
  having count(*) > 1
),
firsts as (
  select event_id, source_partition, min(source_offset) as first_offset, min_by(coalesce(content_hash, ''), source_offset) as first_content
  from bronze.orders_raw
  where id_hash(event_id) in (select event_hash from met_again)
    and event_type <> 'invalid' and event_timestamp <= appended_at + interval 5 minute
  group by event_id, source_partition
  having count(*) > 1
),
-- The stream answers each order once, but for repeats of what it wrote. An answer has the order's own time, so it lies in the same day: that of an order is not
-- the answer to a repeat of it on another day, whichever days are made together.
answers as (
  select order_event_id, partition_date as answered_date, any_value(click_event_id) as click_event_id, any_value(ad_id) as ad_id, any_value(campaign_id) as campaign_id,
    any_value(click_timestamp) as click_timestamp, any_value(lag_ms) as lag_ms
  from bronze.attributed_raw
  where partition_date between :from_date and :to_date and event_type <> 'invalid' and click_event_id is not null
  group by order_event_id, partition_date
),
joined as (
  select b.*, f.food_id, f.name as catalogue_name, f.category, f.price as catalogue_price,
    a.click_event_id, a.ad_id, a.campaign_id, a.click_timestamp, a.lag_ms,
    b.event_type = 'invalid' or b.event_timestamp is null or b.event_timestamp > b.appended_at + interval 5 minute as is_invalid,
    coalesce(s.first_offset < b.source_offset, false) as is_repeat,
    coalesce(s.first_content <> coalesce(b.content_hash, ''), false) as is_other
  from bronze.orders_raw b
  left join firsts s on s.event_id = b.event_id and s.source_partition = b.source_partition
  left join answers a on a.order_event_id = b.event_id and a.answered_date = b.partition_date
  left join ref.foods f on f.food_id = b.item_id
  where b.partition_date between :from_date and :to_date
),
judged as (
  select *,
    not is_invalid and event_id is not null and order_id is not null and user_id is not null and coalesce(item_id > 0, false)
      and coalesce(price between 0 and 1000000, false) and coalesce(quantity between 1 and 100000, false)
      and coalesce(status in ('placed', 'confirmed', 'cancelled', 'delivered'), false) and not coalesce(is_bot, true) and not is_repeat as is_valid,
    coalesce(item_id is not null and food_id is null, false) as is_unknown,
    coalesce(price <> catalogue_price, false) as is_dearer,
    -- The event's time is the lesser of both, so only what has the time of receipt can have been of the future.
    case when event_timestamp >= received_at then parsed_time(client_timestamp) > received_at + interval 5 minute else false end as is_future
  from joined
)
select
  event_id, order_id, client_order_id, user_id, item_id, item_name, price, quantity, price * quantity as revenue, status,
  coalesce(status = 'placed', false) as is_order,
  event_timestamp, is_bot, session_id, restaurant_id, city, catalogue_name, category, catalogue_price,
  click_event_id, ad_id, campaign_id, click_timestamp, lag_ms, is_valid, is_repeat and not is_invalid as is_duplicate,
  case
    when is_valid then texts()
    when is_invalid then texts('invalid_event')
    else texts(
      case when event_id is null then 'missing_event_id' end,
      case when order_id is null then 'missing_order_id' end,
      case when user_id is null then 'missing_user_id' end,
      case when not coalesce(item_id > 0, false) then 'item_id_out_of_range' end,
      case when not coalesce(price between 0 and 1000000, false) then 'price_out_of_range' end,
      case when not coalesce(quantity between 1 and 100000, false) then 'quantity_out_of_range' end,
      case when not coalesce(status in ('placed', 'confirmed', 'cancelled', 'delivered'), false) then 'status_unknown' end,
      case when coalesce(is_bot, true) then 'bot' end,
      case when is_repeat and is_other then 'id_conflict' when is_repeat then 'duplicate' end
    )
  end as validation_errors,
  texts(
    case when is_unknown then 'unknown_item' end,
    case when is_dearer then 'price_differs' end,
    case when is_future then 'future_timestamp' end
  ) as warnings,
  source_partition, source_offset, partition_date as date
from judged
