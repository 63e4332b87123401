-- UCI Online Retail (https://archive.ics.uci.edu/dataset/352/online+retail), CC BY 4.0, Daqing Chen 2015:
-- every line of every invoice of a British shop, December 2010 to December 2011.
--
--   npx flowguard replay online-retail.csv.gz --map data/online-retail.sql --drain
--
-- A line is an order of Quantity at UnitPrice. The file is in the order of its times and nothing here changes it, so no ORDER BY.
select
  'order' as event_type,
  InvoiceDate as timestamp,
  -- Who is not registered is known for the length of one invoice.
  coalesce(CustomerID::bigint::varchar, 'guest-' || InvoiceNo) as user_id,
  -- A number for each article code, such as 85123A; the same in any part of the file.
  ('0x' || left(md5(StockCode), 9))::bigint + 1 as item_id,
  Description as item_name,
  Quantity as quantity,
  UnitPrice as price,
  case
    when InvoiceNo like 'C%' then 'cancellation'
    when Quantity <= 0 then 'quantity not positive'
    when UnitPrice < 0.01 then 'price under 0.01'
  end as reject_reason
from input
