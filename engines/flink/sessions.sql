-- grain: one row a session. sessions.v1: a user's events with no gap over 30 minutes.

-- A step is text that sorts as steps are ordered: by time, then kind, then item (none is the last), then whether it was attributed. It is made JSON below.
create temporary view user_sessions as
select user_id, min(ts) as started_at, max(ts) as ended_at, count(*) as events,
  count(*) filter (where kind = 'I') as impressions,
  count(*) filter (where kind = 'C') as clicks,
  count(*) filter (where kind = 'O') as orders,
  count(*) filter (where is_attributed) as attributed_orders,
  sum(paise) as paise,
  array_sort(array_agg(concat(lpad(cast(ts as string), 15, ' '), kind, coalesce(lpad(item_id, 16, ' '), 'N'), case when is_attributed then 'T' else 'F' end))) as steps
from session(table visits partition by user_id, descriptor(rt), interval '60:00.001' minute to second)
group by user_id, window_start, window_end;

create temporary view session_texts as
select *,
  array_join(array_slice(steps, 1, 50), '},{"ts":') as first_steps,
  -- The items of all steps that name one; of these the first 50.
  regexp_replace(array_join(array_slice(split(trim(both ',' from regexp_replace(array_join(steps, ','), '[^,]*N[FT],?', '')), ','), 1, 50), ','), '[0-9 ]+[CIO] *|[FT]', '') as path,
  regexp_extract(steps[1], '[CIO] *([0-9]+)', 1) as entry_item_id
from user_sessions;

create temporary table sessions (record_key string, body string)
with (${sink}, 'topic' = '${prefix}sessions.v1', 'sink.transactional-id-prefix' = '${transactions}sessions');

insert into sessions
select user_id, concat(
  '{"session_id":', json_quote(concat(user_id, '/', cast(started_at as string))), ',"user_id":', json_quote(user_id),
  ',"started_at":"', date_format(to_timestamp_ltz(started_at, 3), '${iso}'), '","ended_at":"', date_format(to_timestamp_ltz(ended_at, 3), '${iso}'),
  '","duration_ms":', cast(ended_at - started_at as string),
  ',"events":', cast(events as string), ',"impressions":', cast(impressions as string), ',"clicks":', cast(clicks as string),
  ',"orders":', cast(orders as string), ',"attributed_orders":', cast(attributed_orders as string),
  ',"revenue":', cast(cast(paise as decimal(20, 2)) / 100 as string),
  ',"entry_item_id":', coalesce(entry_item_id, 'null'), ',"path":[', path, '],"steps":[{"ts":',
  replace(replace(replace(replace(replace(replace(replace(first_steps, ' ', ''),
    'C', ',"event_type":"click","item_id":'), 'I', ',"event_type":"impression","item_id":'), 'O', ',"event_type":"order","item_id":'),
    'T', ',"attributed":true'), 'F', ',"attributed":false'), 'N', 'null'),
  '}],"outcome":"', case when orders > 0 then 'ordered' when clicks > 0 then 'clicked' else 'viewed' end, '"}')
from session_texts;
