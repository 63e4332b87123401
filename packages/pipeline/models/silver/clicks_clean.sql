-- grain: one row a record of bronze.clicks_raw, whatever it holds. partition: date. reads: bronze.clicks_raw, ref.foods
-- reopens: same day
-- stop same_rows: bronze.clicks_raw by partition_date
-- stop unique: source_partition, source_offset
-- stop not_null: event_type, event_timestamp where is_valid, user_id where is_valid, ad_id where is_valid, is_valid, is_duplicate
-- accepted: event_type in (click, impression, invalid)
-- volume: 0.3..3 of 28 days
-- column event_id: the id that its client gave, or the gateway
-- column user_id: who was shown or clicked: the id as it was sent; once they were erased, a pseudonym
-- column event_type: click, impression, or invalid where it is no event of ours
-- column item_id: the dish, null where none was named
-- column ad_id: the ad
-- column campaign_id: the campaign that the click named, null where none
-- column event_timestamp: event time, UTC: the lesser of the client's and that of receipt
-- column is_bot: its client said that it is one
-- column category: the dish's, as the catalogue has it
-- column is_valid: nothing is wrong with it: gold counts no others
-- column is_duplicate: a repeat of a record at a lower offset
-- column validation_errors: what is wrong with it; empty where it is valid
-- column warnings: what is odd about it, and leaves it valid
-- column source_partition: where it lies in the log
-- column source_offset: where it lies in the partition
-- column date: the UTC day, by event time
--
-- Flags and never drops. is_valid: no errors. Errors: invalid_event, missing_event_id, missing_user_id, missing_ad_id, item_id_out_of_range, bot,
-- duplicate (the same user and event_id at a lower offset of the partition, on any day), id_conflict (that, with another content).
-- Warnings, which leave it valid: unknown_item, future_timestamp (the client's own time is over 5 minutes after the receipt).
-- What else a click carries (device, city, page) lies in bronze, under the same source_partition and source_offset; a dish's name and price in ref.foods.
-- Texts are most of what a run costs to write, so none is here that no model reads, but for the id and the category.
-- A row never becomes a repeat later: what is loaded later has a higher offset. So no other day hangs on a day's rows.
-- Ids are told apart by 64 bits first, so that only the few that come again are compared in full.
with met_again as (
  select id_hash(event_id) as event_hash
  from bronze.clicks_raw
  where id_hash(event_id) in (select id_hash(event_id) from bronze.clicks_raw where partition_date between :from_date and :to_date)
  group by id_hash(event_id)
  having count(*) > 1
),
firsts as (
  select user_id, event_id, source_partition, min(source_offset) as first_offset, min_by(coalesce(content_hash, ''), source_offset) as first_content
  from bronze.clicks_raw
  where id_hash(event_id) in (select event_hash from met_again)
    and event_type <> 'invalid' and event_timestamp <= appended_at + interval 5 minute
  group by user_id, event_id, source_partition
  having count(*) > 1
),
joined as (
  select b.*, f.food_id, f.category,
    b.event_type = 'invalid' or b.event_timestamp is null or b.event_timestamp > b.appended_at + interval 5 minute as is_invalid,
    coalesce(s.first_offset < b.source_offset, false) as is_repeat,
    coalesce(s.first_content <> coalesce(b.content_hash, ''), false) as is_other
  from bronze.clicks_raw b
  left join firsts s on s.event_id = b.event_id and s.user_id = b.user_id and s.source_partition = b.source_partition
  left join ref.foods f on f.food_id = b.item_id
  where b.partition_date between :from_date and :to_date
),
judged as (
  select *,
    not is_invalid and event_id is not null and user_id is not null and ad_id is not null and coalesce(item_id > 0, true)
      and not coalesce(is_bot, true) and not is_repeat as is_valid,
    coalesce(item_id is not null and food_id is null, false) as is_unknown,
    -- The event's time is the lesser of both, so only what has the time of receipt can have been of the future.
    case when event_timestamp >= received_at then parsed_time(client_timestamp) > received_at + interval 5 minute else false end as is_future
  from joined
)
select
  event_id, user_id, event_type, item_id, ad_id, ad_campaign_id as campaign_id, event_timestamp, is_bot,
  category, is_valid, is_repeat and not is_invalid as is_duplicate,
  case
    when is_valid then texts()
    when is_invalid then texts('invalid_event')
    else texts(
      case when event_id is null then 'missing_event_id' end,
      case when user_id is null then 'missing_user_id' end,
      case when ad_id is null then 'missing_ad_id' end,
      case when item_id <= 0 then 'item_id_out_of_range' end,
      case when coalesce(is_bot, true) then 'bot' end,
      case when is_repeat and is_other then 'id_conflict' when is_repeat then 'duplicate' end
    )
  end as validation_errors,
  case
    when not is_unknown and not coalesce(is_future, false) then texts()
    else texts(case when is_unknown then 'unknown_item' end, case when is_future then 'future_timestamp' end)
  end as warnings,
  source_partition, source_offset, partition_date as date
from judged
