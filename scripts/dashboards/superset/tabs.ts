import { barsAndLine, figure, funnel, heatmap, series, table, top, treemap, type Chart } from './charts.ts'

export interface Tab {
  name: string
  /** Rows of charts, twelve columns wide. */
  rows: readonly (readonly Chart[])[]
}

export const TABS: readonly Tab[] = [
  {
    name: 'GMV',
    rows: [
      [
        figure('GMV', 'gmv', 'revenue'),
        figure('Orders', 'gmv', 'orders'),
        figure('Average order', 'gmv', 'average_order'),
        figure('New customers', 'gmv', 'new_customers'),
      ],
      [
        barsAndLine('GMV and orders by day', { dataset: 'gmv', bars: 'revenue', line: 'orders', width: 8 }),
        series('Customers by day', 'bar', { dataset: 'gmv', metrics: ['returning', 'new_customers'], stacked: true, width: 4 }),
      ],
      [
        table('The days', {
          dataset: 'gmv',
          by: ['date'],
          metrics: ['revenue', 'orders', 'average_order', 'dishes', 'customers', 'new_customers', 'share_new'],
          order: 'date',
        }),
      ],
    ],
  },
  {
    name: 'Funnel',
    rows: [
      [
        figure('Sessions', 'funnel', 'sessions'),
        figure('Click-through rate', 'funnel', 'ctr'),
        figure('Conversion rate', 'funnel', 'cvr'),
        figure('Active customers a day', 'funnel', 'active'),
      ],
      [
        funnel('From being shown to being ordered', { dataset: 'steps', metric: 'events', by: 'step', width: 4 }),
        series('CTR and CVR by day', 'line', { dataset: 'funnel', metrics: ['ctr', 'cvr'], width: 8 }),
      ],
      [
        series('Customers who looked, clicked, ordered', 'line', {
          dataset: 'funnel',
          metrics: ['active', 'who_clicked', 'who_ordered'],
          width: 6,
        }),
        series('A session has', 'line', {
          dataset: 'funnel',
          metrics: ['session_minutes', 'clicks_a_session', 'orders_a_session'],
          width: 6,
        }),
      ],
    ],
  },
  {
    name: 'Items',
    rows: [
      [
        treemap('GMV by category and dish', { dataset: 'items', metric: 'revenue', by: ['category', 'item_name'], width: 7 }),
        top('Best dishes', { dataset: 'items', metric: 'revenue', by: 'item_name', width: 5, count: 15 }),
      ],
      [series('GMV by category and day', 'area', { dataset: 'items', metrics: ['revenue'], by: 'category', stacked: true, width: 12 })],
      [
        table('The dishes', {
          dataset: 'items',
          by: ['item_name', 'category'],
          metrics: ['revenue', 'orders', 'average_order', 'impressions', 'clicks', 'ctr', 'cvr', 'days_on_top', 'days_behind'],
          order: 'revenue',
        }),
      ],
    ],
  },
  {
    name: 'Hours',
    rows: [
      [heatmap('Orders an hour, by weekday', { dataset: 'hours', metric: 'orders_an_hour', x: 'hour_of_day', y: 'weekday', width: 12 })],
      [
        series('Orders by hour', 'bar', { dataset: 'hours', metrics: ['orders'], x: 'hour_of_day', width: 6 }),
        series('Average order by hour', 'line', { dataset: 'hours', metrics: ['average_order'], x: 'hour_of_day', width: 6 }),
      ],
      [
        table('The hours', {
          dataset: 'hours',
          by: ['hour_of_day'],
          metrics: ['orders_an_hour', 'orders', 'revenue', 'average_order', 'days_on_peak'],
          order: 'hour_of_day',
          ascending: true,
        }),
      ],
    ],
  },
  {
    name: 'Cohorts',
    rows: [
      [
        figure('Customers', 'customers', 'customers', { latest: true }),
        figure('VIPs', 'customers', 'vips', { latest: true }),
        figure('At risk or churned', 'customers', 'leaving', { latest: true }),
        figure('GMV of a customer so far', 'customers', 'lifetime_revenue', { latest: true }),
      ],
      [
        heatmap('Customers who come back, by week', {
          dataset: 'retention',
          metric: 'retention',
          x: 'weeks_since',
          y: 'cohort_week',
          width: 7,
          values: true,
        }),
        series('Customers by segment', 'area', {
          dataset: 'customers',
          metrics: ['customers'],
          by: 'user_segment',
          stacked: true,
          width: 5,
        }),
      ],
      [
        series('GMV by the month of the first order', 'bar', {
          dataset: 'customers',
          metrics: ['revenue'],
          by: 'cohort_month',
          stacked: true,
          width: 12,
        }),
      ],
    ],
  },
  {
    name: 'Ads and billing',
    rows: [
      [
        figure('Charged', 'ads', 'charged'),
        figure('Attributed GMV', 'ads', 'revenue'),
        figure('GMV by rupee charged', 'ads', 'roas'),
        figure('Attributed orders', 'ads', 'attributed'),
      ],
      [
        series('Charged by day', 'bar', {
          dataset: 'ads',
          metrics: ['charged'],
          by: 'kind',
          only: ['cpm', 'cpc', 'cpa'],
          stacked: true,
          width: 6,
        }),
        series('CTR and CVR of ads by day', 'line', { dataset: 'ads', metrics: ['ctr', 'cvr'], width: 6 }),
      ],
      [
        table('The advertisers', {
          dataset: 'ads',
          by: ['advertiser_id'],
          metrics: ['impressions', 'clicks', 'ctr', 'attributed', 'cvr', 'revenue', 'charged', 'credited', 'net', 'roas'],
          order: 'net',
          height: 48,
        }),
      ],
      [
        table('The ads', {
          dataset: 'ads',
          by: ['ad_id', 'advertiser_id'],
          metrics: ['impressions', 'clicks', 'ctr', 'attributed', 'cvr', 'revenue', 'charged', 'roas'],
          order: 'charged',
        }),
      ],
    ],
  },
]
