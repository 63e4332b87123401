/** How a column is to be shown. Rates are 0 to 1, percents 0 to 100, money is rupees. */
export type ColumnKind = 'day' | 'month' | 'text' | 'count' | 'number' | 'money' | 'rate' | 'percent' | 'seconds' | 'flag'

export interface ReportColumn {
  name: string
  title: string
  kind: ColumnKind
}

interface ReportSpec {
  title: string
  grain: string
  /** The table of gold that it is made of. */
  reads: string
  columns: readonly ReportColumn[]
  /** Over days that were checked to be days. */
  sql: (from: string, to: string) => string
}

const column = (name: string, title: string, kind: ColumnKind): ReportColumn => ({ name, title, kind })
const during = (from: string, to: string) => `date between date '${from}' and date '${to}'`
const rateOf = (part: string, whole: string) => `case when ${whole} = 0 then 0 else cast(${part} as double) / cast(${whole} as double) end`
/** Of counts: sums are wider than a number. */
const sum = (what: string) => `cast(sum(${what}) as bigint)`

/** 1 is Monday. */
const WEEKDAY = `(days_between(date '1970-01-05', date) % 7 + 1)`

/** Every report, with its statement. Rates over days are made of the sums, never of the days' rates; users of several days cannot be added up, so they are left out. */
export const REPORTS = {
  gmv: {
    title: 'Revenue and orders',
    grain: 'a day on which something was ordered',
    reads: 'gold.daily_gmv_metrics',
    columns: [
      column('date', 'day', 'day'),
      column('total_revenue', 'GMV', 'money'),
      column('order_count', 'orders', 'count'),
      column('avg_order_value', 'average order', 'money'),
      column('total_items_sold', 'dishes sold', 'count'),
      column('unique_users', 'customers', 'count'),
      column('new_users', 'new', 'count'),
      column('returning_users', 'returning', 'count'),
      column('revenue_growth_pct', 'GMV to the day before', 'percent'),
      column('order_growth_pct', 'orders to the day before', 'percent'),
    ],
    sql: (
      from,
      to,
    ) => `select date, total_revenue, order_count, avg_order_value, total_items_sold, unique_users, new_users, returning_users,
        revenue_growth_pct, order_growth_pct
      from gold.daily_gmv_metrics where ${during(from, to)} order by date`,
  },
  funnel: {
    title: 'From being shown to being ordered',
    grain: 'a day on which anything happened',
    reads: 'gold.user_funnel_metrics',
    columns: [
      column('date', 'day', 'day'),
      column('total_sessions', 'sessions', 'count'),
      column('total_impressions', 'impressions', 'count'),
      column('total_clicks', 'clicks', 'count'),
      column('attributed_orders', 'attributed orders', 'count'),
      column('total_orders', 'orders', 'count'),
      column('click_through_rate', 'CTR', 'rate'),
      column('conversion_rate', 'CVR', 'rate'),
      column('active_users', 'active users', 'count'),
      column('users_with_clicks', 'who clicked', 'count'),
      column('users_with_orders', 'who ordered', 'count'),
      column('avg_clicks_per_session', 'clicks a session', 'number'),
      column('avg_orders_per_session', 'orders a session', 'number'),
      column('avg_session_seconds', 'length of a session', 'seconds'),
    ],
    sql: (
      from,
      to,
    ) => `select date, total_sessions, total_impressions, total_clicks, attributed_orders, total_orders, click_through_rate, conversion_rate,
        active_users, users_with_clicks, users_with_orders, avg_clicks_per_session, avg_orders_per_session, avg_session_seconds
      from gold.user_funnel_metrics where ${during(from, to)} order by date`,
  },
  hours: {
    title: 'Hours of the week',
    grain: 'a weekday (1 is Monday) and hour (UTC) in which something was ordered',
    reads: 'gold.hourly_order_patterns',
    columns: [
      column('weekday', 'weekday', 'count'),
      column('hour_of_day', 'hour', 'count'),
      column('order_count', 'orders', 'count'),
      column('total_revenue', 'GMV', 'money'),
      column('avg_order_value', 'average order', 'money'),
      column('days', 'such weekdays', 'count'),
      column('orders_a_day', 'orders a day', 'number'),
    ],
    // An hour without orders has no row: so an average is over the weekdays that were made, and of the orders of these.
    sql: (from, to) => `with made as (
        select date from etl.days where ${during(from, to)} and computed_at is not null
      ),
      weekdays as (
        select ${WEEKDAY} as weekday, count(*) as days from made group by ${WEEKDAY}
      ),
      hours as (
        select ${WEEKDAY} as weekday, hour_of_day, ${sum('order_count')} as order_count, cast(sum(total_revenue) as decimal(18, 2)) as total_revenue
        from gold.hourly_order_patterns where date in (select date from made) group by ${WEEKDAY}, hour_of_day
      )
      select h.weekday, hour_of_day, order_count, total_revenue, round(total_revenue / order_count, 2) as avg_order_value, days,
        ${rateOf('order_count', 'days')} as orders_a_day
      from hours h join weekdays w on w.weekday = h.weekday order by h.weekday, hour_of_day`,
  },
  cohorts: {
    title: 'Customers who come back',
    grain: 'a month of first orders and a month since',
    reads: 'gold.user_cohort_metrics',
    columns: [
      column('cohort_month', 'first ordered in', 'month'),
      column('users', 'customers', 'count'),
      column('months_since', 'months since', 'count'),
      column('active_users', 'who ordered', 'count'),
      column('retention', 'retention', 'rate'),
      column('orders', 'orders', 'count'),
      column('revenue', 'GMV', 'money'),
      column('is_whole', 'month is whole', 'flag'),
    ],
    // A cohort is all of its month, whatever day the range begins. Who ordered in a month: on any day of it that was made. A month in which nobody of a cohort
    // came back is 0; one of which no day was made is not there. A month is whole once every day of it was made, the last one when it was over.
    sql: (from, to) => `with made as (
        select date, computed_at from etl.days where date between date_trunc('month', date '${from}') and date '${to}' and computed_at is not null
      ),
      months as (
        select date_trunc('month', date) as month,
          count(*) = day(last_day(max(date))) and max_by(computed_at, date) >= last_day(max(date)) + interval 1 day as is_whole
        from made group by date_trunc('month', date)
      ),
      snapshots as (
        select date, user_id, date_trunc('month', first_order_date) as cohort, orders_this_period, revenue_this_period from gold.user_cohort_metrics
      ),
      cohorts as (
        select cohort, count(*) as users from snapshots where date = (select max(date) from made) and cohort >= date_trunc('month', date '${from}')
        group by cohort
      ),
      active as (
        select cohort, date_trunc('month', date) as month, count(distinct user_id) as active_users, ${sum('orders_this_period')} as orders,
          cast(sum(revenue_this_period) as decimal(18, 2)) as revenue
        from snapshots
        where date between date_trunc('month', date '${from}') and date '${to}' and orders_this_period > 0
        group by cohort, date_trunc('month', date)
      )
      select year_month(c.cohort) as cohort_month, users, datediff('month', c.cohort, m.month) as months_since, coalesce(active_users, 0) as active_users,
        ${rateOf('coalesce(active_users, 0)', 'users')} as retention, coalesce(orders, 0) as orders, coalesce(revenue, 0) as revenue, is_whole
      from cohorts c join months m on m.month >= c.cohort left join active a on a.cohort = c.cohort and a.month = m.month
      order by c.cohort, m.month`,
  },
  dishes: {
    title: 'Top dishes',
    grain: 'a dish that was shown, clicked or ordered',
    reads: 'gold.food_item_performance',
    columns: [
      column('item_id', 'id', 'count'),
      column('item_name', 'dish', 'text'),
      column('category', 'category', 'text'),
      column('total_orders', 'orders', 'count'),
      column('total_revenue', 'GMV', 'money'),
      column('avg_order_value', 'average order', 'money'),
      column('impression_count', 'impressions', 'count'),
      column('click_count', 'clicks', 'count'),
      column('attributed_orders', 'attributed orders', 'count'),
      column('click_through_rate', 'CTR', 'rate'),
      column('conversion_rate', 'CVR', 'rate'),
      column('revenue_share', 'of all GMV', 'rate'),
    ],
    sql: (from, to) => `with items as (
        select item_id, max_by(item_name, date) as item_name, max_by(category, date) as category, ${sum('total_orders')} as total_orders,
          cast(sum(total_revenue) as decimal(18, 2)) as total_revenue, ${sum('impression_count')} as impression_count, ${sum('click_count')} as click_count,
          ${sum('attributed_orders')} as attributed_orders
        from gold.food_item_performance where ${during(from, to)} group by item_id
      )
      select item_id, item_name, category, total_orders, total_revenue, case when total_orders > 0 then round(total_revenue / total_orders, 2) end as avg_order_value,
        impression_count, click_count, attributed_orders, ${rateOf('click_count', 'impression_count')} as click_through_rate,
        ${rateOf('attributed_orders', 'click_count')} as conversion_rate, ${rateOf('total_revenue', 'sum(total_revenue) over ()')} as revenue_share
      from items order by total_revenue desc, total_orders desc, click_count desc, impression_count desc, item_id`,
  },
} as const satisfies Record<string, ReportSpec>

export type ReportName = keyof typeof REPORTS
