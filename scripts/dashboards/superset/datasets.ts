import { hash } from 'node:crypto'

/** Superset knows things by their UUID: the same each time, so that an import finds what it imported before. */
export function uuidOf(kind: string, name: string): string {
  const hex = hash('sha256', `flowguard superset ${kind} ${name}`)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export const RUPEES = { symbol: 'INR', symbolPosition: 'prefix' } as const
export type Format = 'count' | 'number' | 'percent' | 'rupees'
/** As d3 has it. */
export const D3: Readonly<Record<Format, string>> = { count: ',d', number: ',.2f', percent: '.1%', rupees: ',.0f' }

interface Metric {
  title: string
  format: Format
  sql: string
}

export interface Dataset {
  name: string
  about: string
  /** A table of the warehouse, or a statement over such. */
  table?: string
  sql?: string
  day: string
  columns: Readonly<Record<string, string>>
  /** What people read instead of a column's name. */
  titles?: Readonly<Record<string, string>>
  metrics: Readonly<Record<string, Metric>>
}

const metric = (title: string, format: Format, sql: string): Metric => ({ title, format, sql })
const sumOf = (title: string, column: string, format: Format = 'count') => metric(title, format, `SUM(${column})`)
/** Of the sums: the average of days' rates would count a quiet day as much as a full one. */
const ratio = (title: string, part: string, whole: string, format: Format = 'percent') =>
  metric(title, format, `SUM(${part}) * 1.0 / NULLIF(SUM(${whole}), 0)`)

const COUNT = 'BIGINT'
const MONEY = 'DECIMAL(18,2)'
/** Whose ads are in no list of ours: nobody is charged for them. */
const NOBODY = 'no advertiser'

/** In SQL that DuckDB and Snowflake take. The columns are those of the models: test/superset.test.ts asks DuckDB. */
export const DATASETS = {
  gmv: {
    name: 'Revenue by day',
    about: 'One row a day on which something was ordered.',
    table: 'gold.daily_gmv_metrics',
    day: 'date',
    columns: {
      date: 'DATE',
      total_revenue: MONEY,
      avg_order_value: MONEY,
      order_count: COUNT,
      total_items_sold: COUNT,
      unique_users: COUNT,
      new_users: COUNT,
      returning_users: COUNT,
      revenue_growth_pct: 'DOUBLE',
      order_growth_pct: 'DOUBLE',
    },
    titles: { date: 'Day', revenue_growth_pct: 'GMV to the day before, %', order_growth_pct: 'orders to the day before, %' },
    metrics: {
      revenue: sumOf('GMV', 'total_revenue', 'rupees'),
      orders: sumOf('Orders', 'order_count'),
      average_order: ratio('Average order', 'total_revenue', 'order_count', 'rupees'),
      dishes: sumOf('Dishes sold', 'total_items_sold'),
      customers: metric('Customers a day', 'count', 'AVG(unique_users)'),
      new_customers: sumOf('New customers', 'new_users'),
      returning: sumOf('Returning', 'returning_users'),
      share_new: ratio('Of new customers', 'new_users', 'unique_users'),
    },
  },
  funnel: {
    name: 'Funnel by day',
    about: 'One row a day on which anything happened.',
    table: 'gold.user_funnel_metrics',
    day: 'date',
    columns: {
      date: 'DATE',
      total_sessions: COUNT,
      total_impressions: COUNT,
      total_clicks: COUNT,
      total_orders: COUNT,
      attributed_orders: COUNT,
      click_through_rate: 'DOUBLE',
      conversion_rate: 'DOUBLE',
      impression_conversion_rate: 'DOUBLE',
      avg_impressions_per_session: 'DOUBLE',
      avg_clicks_per_session: 'DOUBLE',
      avg_orders_per_session: 'DOUBLE',
      avg_session_seconds: 'DOUBLE',
      active_users: COUNT,
      users_with_clicks: COUNT,
      users_with_orders: COUNT,
    },
    metrics: {
      sessions: sumOf('Sessions', 'total_sessions'),
      impressions: sumOf('Impressions', 'total_impressions'),
      clicks: sumOf('Clicks', 'total_clicks'),
      orders: sumOf('Orders', 'total_orders'),
      attributed: sumOf('Attributed orders', 'attributed_orders'),
      ctr: ratio('CTR', 'total_clicks', 'total_impressions'),
      cvr: ratio('CVR', 'attributed_orders', 'total_clicks'),
      active: metric('Active customers a day', 'count', 'AVG(active_users)'),
      who_clicked: metric('Who clicked', 'count', 'AVG(users_with_clicks)'),
      who_ordered: metric('Who ordered', 'count', 'AVG(users_with_orders)'),
      session_minutes: metric('Minutes', 'number', 'SUM(avg_session_seconds * total_sessions) / NULLIF(SUM(total_sessions), 0) / 60'),
      clicks_a_session: metric('Clicks', 'number', 'SUM(avg_clicks_per_session * total_sessions) / NULLIF(SUM(total_sessions), 0)'),
      orders_a_session: metric('Orders', 'number', 'SUM(avg_orders_per_session * total_sessions) / NULLIF(SUM(total_sessions), 0)'),
    },
  },
  steps: {
    name: 'Steps of the funnel',
    about: 'The funnel with a row for each day and step, as a funnel chart wants it.',
    sql: `select date, 'Impressions' as step, total_impressions as events from gold.user_funnel_metrics
union all
select date, 'Clicks' as step, total_clicks as events from gold.user_funnel_metrics
union all
select date, 'Attributed orders' as step, attributed_orders as events from gold.user_funnel_metrics`,
    day: 'date',
    columns: { date: 'DATE', step: 'VARCHAR', events: COUNT },
    metrics: { events: sumOf('Events', 'events') },
  },
  items: {
    name: 'Dishes by day',
    about: 'One row a day and dish that was shown, clicked or ordered.',
    table: 'gold.food_item_performance',
    day: 'date',
    columns: {
      date: 'DATE',
      item_id: COUNT,
      item_name: 'VARCHAR',
      category: 'VARCHAR',
      total_orders: COUNT,
      total_revenue: MONEY,
      unique_buyers: COUNT,
      avg_price: MONEY,
      click_count: COUNT,
      impression_count: COUNT,
      attributed_orders: COUNT,
      conversion_rate: 'DOUBLE',
      click_through_rate: 'DOUBLE',
      rank_by_revenue: COUNT,
      rank_by_orders: COUNT,
      rank_by_conversion: COUNT,
      is_top_seller: 'BOOLEAN',
      is_underperforming: 'BOOLEAN',
    },
    titles: { item_name: 'Dish', category: 'Category' },
    metrics: {
      revenue: sumOf('GMV', 'total_revenue', 'rupees'),
      orders: sumOf('Orders', 'total_orders'),
      average_order: ratio('Average order', 'total_revenue', 'total_orders', 'rupees'),
      impressions: sumOf('Impressions', 'impression_count'),
      clicks: sumOf('Clicks', 'click_count'),
      attributed: sumOf('Attributed orders', 'attributed_orders'),
      ctr: ratio('CTR', 'click_count', 'impression_count'),
      cvr: ratio('CVR', 'attributed_orders', 'click_count'),
      days_on_top: metric('Days on top', 'count', 'SUM(CASE WHEN is_top_seller THEN 1 ELSE 0 END)'),
      days_behind: metric('Days behind', 'count', 'SUM(CASE WHEN is_underperforming THEN 1 ELSE 0 END)'),
    },
  },
  hours: {
    name: 'Hours',
    about: 'One row for every hour (UTC) of every day that was made, those without an order too: so averages are over all days.',
    sql: `select d.date, h.hour_of_day,
  case extract(dow from d.date) when 1 then '1 Mon' when 2 then '2 Tue' when 3 then '3 Wed' when 4 then '4 Thu' when 5 then '5 Fri' when 6 then '6 Sat' else '7 Sun' end as weekday,
  coalesce(o.order_count, 0) as order_count, coalesce(o.total_revenue, 0) as total_revenue, case when o.is_peak_hour then 1 else 0 end as peak_hours
from etl.days d
cross join (values ${Array.from({ length: 24 }, (_, hour) => `(${hour})`).join(', ')}) as h(hour_of_day)
left join gold.hourly_order_patterns o on o.date = d.date and o.hour_of_day = h.hour_of_day
where d.computed_at is not null`,
    day: 'date',
    columns: { date: 'DATE', hour_of_day: 'INTEGER', weekday: 'VARCHAR', order_count: COUNT, total_revenue: MONEY, peak_hours: 'INTEGER' },
    titles: { hour_of_day: 'Hour (UTC)', weekday: 'Weekday' },
    metrics: {
      orders_an_hour: metric('Orders an hour', 'number', 'AVG(order_count)'),
      orders: sumOf('Orders', 'order_count'),
      revenue: sumOf('GMV', 'total_revenue', 'rupees'),
      average_order: ratio('Average order', 'total_revenue', 'order_count', 'rupees'),
      days_on_peak: sumOf('Days among the three fullest', 'peak_hours'),
    },
  },
  customers: {
    name: 'Customers by day',
    about: 'One row a day and customer who has ordered up to then.',
    table: 'gold.user_cohort_metrics',
    day: 'date',
    columns: {
      date: 'DATE',
      user_id: 'VARCHAR',
      first_order_date: 'DATE',
      days_since_first_order: COUNT,
      cohort_month: 'VARCHAR',
      lifetime_orders: COUNT,
      lifetime_revenue: MONEY,
      lifetime_items: COUNT,
      orders_this_period: COUNT,
      revenue_this_period: MONEY,
      avg_days_between_orders: 'DOUBLE',
      days_since_last_order: COUNT,
      user_segment: 'VARCHAR',
      is_vip: 'BOOLEAN',
    },
    titles: { cohort_month: 'First ordered in', user_segment: 'Segment' },
    metrics: {
      customers: metric('Customers', 'count', 'COUNT(*)'),
      vips: metric('VIPs', 'count', 'SUM(CASE WHEN is_vip THEN 1 ELSE 0 END)'),
      leaving: metric('At risk or churned', 'count', `SUM(CASE WHEN user_segment IN ('at_risk', 'churned') THEN 1 ELSE 0 END)`),
      lifetime_orders: metric('Orders each', 'number', 'AVG(lifetime_orders)'),
      lifetime_revenue: metric('GMV each', 'rupees', 'AVG(lifetime_revenue)'),
      revenue: sumOf('GMV', 'revenue_this_period', 'rupees'),
    },
  },
  retention: {
    name: 'Customers who come back',
    about:
      'One row for each week of first orders (from Monday on) and each week since that was made: how many there are, and how many ordered.',
    sql: `with people as (
  select user_id, date_trunc('week', min(first_order_date)) as cohort_week from gold.user_cohort_metrics group by user_id
),
cohorts as (
  select cohort_week, count(*) as users from people group by cohort_week
),
active as (
  select p.cohort_week, date_trunc('week', m.date) as week, count(distinct m.user_id) as active_users
  from gold.user_cohort_metrics m join people p on p.user_id = m.user_id
  where m.orders_this_period > 0
  group by p.cohort_week, date_trunc('week', m.date)
),
weeks as (
  select distinct date_trunc('week', date) as week from etl.days where computed_at is not null
)
select cast(c.cohort_week as date) as cohort_week, cast(datediff('week', c.cohort_week, w.week) as integer) as weeks_since, c.users,
  coalesce(a.active_users, 0) as active_users
from cohorts c
join weeks w on w.week >= c.cohort_week
left join active a on a.cohort_week = c.cohort_week and a.week = w.week`,
    day: 'cohort_week',
    columns: { cohort_week: 'DATE', weeks_since: 'INTEGER', users: COUNT, active_users: COUNT },
    titles: { cohort_week: 'First ordered in the week of', weeks_since: 'Weeks since' },
    metrics: {
      retention: ratio('Retention', 'active_users', 'users'),
      users: metric('Customers', 'count', 'MAX(users)'),
    },
  },
  ads: {
    name: 'Ads and charges by day',
    about: 'What each ad did on a day, and, in rows of their own, what was charged for it, in rupees; credits apart.',
    sql: `select date, coalesce(advertiser_id, '${NOBODY}') as advertiser_id, campaign_id, ad_id, impressions, clicks, attributed_orders, revenue, cast(null as varchar) as kind,
  cast(0 as decimal(18, 5)) as charged, cast(0 as decimal(18, 5)) as credited
from gold.ad_attribution
union all
select date, coalesce(advertiser_id, '${NOBODY}'), campaign_id, ad_id, 0, 0, 0, 0, kind, case when kind <> 'credit' then amount else 0 end,
  case when kind = 'credit' then -amount else 0 end
from billing.charges_daily`,
    day: 'date',
    columns: {
      date: 'DATE',
      advertiser_id: 'VARCHAR',
      campaign_id: 'VARCHAR',
      ad_id: 'VARCHAR',
      impressions: COUNT,
      clicks: COUNT,
      attributed_orders: COUNT,
      revenue: MONEY,
      kind: 'VARCHAR',
      charged: 'DECIMAL(18,5)',
      credited: 'DECIMAL(18,5)',
    },
    titles: { advertiser_id: 'Advertiser', campaign_id: 'Campaign', ad_id: 'Ad', kind: 'Charged by' },
    metrics: {
      impressions: sumOf('Impressions', 'impressions'),
      clicks: sumOf('Clicks', 'clicks'),
      ctr: ratio('CTR', 'clicks', 'impressions'),
      attributed: sumOf('Attributed orders', 'attributed_orders'),
      cvr: ratio('CVR', 'attributed_orders', 'clicks'),
      revenue: sumOf('Attributed GMV', 'revenue', 'rupees'),
      charged: sumOf('Charged', 'charged', 'rupees'),
      credited: sumOf('Credited', 'credited', 'rupees'),
      net: metric('Due', 'rupees', 'SUM(charged) - SUM(credited)'),
      roas: metric(
        'GMV by rupee charged',
        'number',
        `SUM(CASE WHEN advertiser_id <> '${NOBODY}' THEN revenue END) / NULLIF(SUM(charged), 0)`,
      ),
    },
  },
} as const satisfies Record<string, Dataset>

export type DatasetKey = keyof typeof DATASETS
export type MetricOf<Key extends DatasetKey> = keyof (typeof DATASETS)[Key]['metrics'] & string
