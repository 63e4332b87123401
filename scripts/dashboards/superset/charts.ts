import { D3, DATASETS, RUPEES, uuidOf, type Dataset, type DatasetKey, type Format, type MetricOf } from './datasets.ts'

/** A chart, and the question that it asks: Superset's pages make it of `params`, its API takes it from `query_context`. */
export interface Chart {
  name: string
  dataset: DatasetKey
  viz: string
  params: Readonly<Record<string, unknown>>
  queries: readonly Query[]
  /** Rows with these values alone. */
  only?: { column: string; values: readonly string[] }
  /** Of twelve columns, and in units of 8 pixels. */
  width: number
  height: number
}

export interface Query {
  columns: readonly unknown[]
  metrics: readonly string[]
  orderby?: readonly (readonly [string, boolean])[]
}

const ROWS_MAX = 10_000
const BIG = 22
const MIDDLE = 46
const TALL = 58

const formatOf = (dataset: DatasetKey, name: string): Format => (DATASETS[dataset] as Dataset).metrics[name]!.format
const dayOf = (dataset: DatasetKey) => DATASETS[dataset].day

/** A time column as the axis of a chart, by the day. */
const axis = (column: string) => ({
  timeGrain: 'P1D',
  columnType: 'BASE_AXIS',
  sqlExpression: column,
  label: column,
  expressionType: 'SQL',
})

/** Of a y axis, of labels, of numbers. */
const shown = (format: Format) => ({
  y_axis_format: D3[format],
  number_format: D3[format],
  ...(format === 'rupees' ? { currency_format: RUPEES } : {}),
})

/** The figure of all days chosen, over its line by the day; `latest`: of the last one. */
export function figure<Key extends DatasetKey>(
  name: string,
  dataset: Key,
  metric: MetricOf<Key>,
  { latest = false, width = 3 } = {},
): Chart {
  const day = dayOf(dataset)
  const byDay = { columns: [axis(day)], metrics: [metric] }
  return {
    name,
    dataset,
    viz: 'big_number',
    params: {
      x_axis: day,
      time_grain_sqla: 'P1D',
      metric,
      aggregation: latest ? 'LAST_VALUE' : 'raw',
      show_trend_line: true,
      start_y_axis_at_zero: true,
      header_font_size: 0.4,
      subtitle: latest ? 'on the last day' : '',
      subtitle_font_size: 0.125,
      color_picker: { r: 31, g: 168, b: 201, a: 1 },
      time_format: 'smart_date',
      ...shown(formatOf(dataset, metric)),
    },
    queries: latest ? [byDay] : [byDay, { columns: [], metrics: [metric] }],
    width,
    height: BIG,
  }
}

const AXES = {
  time_grain_sqla: 'P1D',
  x_axis_sort_asc: true,
  x_axis_time_format: '%-d %b',
  tooltipTimeFormat: '%a %d %b %Y',
  rich_tooltip: true,
  show_legend: true,
  legendType: 'scroll',
  legendOrientation: 'top',
  color_scheme: 'supersetColors',
  truncate_metric: true,
  show_empty_columns: true,
  row_limit: ROWS_MAX,
  order_desc: true,
  y_axis_bounds: [null, null],
  truncateXAxis: true,
}

interface Series<Key extends DatasetKey> {
  dataset: Key
  metrics: readonly MetricOf<Key>[]
  by?: string
  stacked?: boolean
  width: number
  /** Where it is not the day. */
  x?: string
  /** Of `by`, these alone. */
  only?: readonly string[]
}

/** Lines, bars or areas by the day. */
export function series<Key extends DatasetKey>(
  name: string,
  kind: 'line' | 'bar' | 'area',
  { dataset, metrics, by, stacked = false, width, x, only }: Series<Key>,
): Chart {
  const day = dayOf(dataset)
  const groupby = by === undefined ? [] : [by]
  return {
    name,
    dataset,
    viz: kind === 'bar' ? 'echarts_timeseries_bar' : kind === 'area' ? 'echarts_area' : 'echarts_timeseries_line',
    params: {
      ...AXES,
      x_axis: x ?? day,
      metrics,
      groupby,
      ...(kind === 'line' ? { seriesType: 'line', markerEnabled: false } : {}),
      ...(kind === 'area' ? { seriesType: 'line', opacity: 0.5 } : {}),
      ...(stacked ? { stack: 'Stack' } : {}),
      ...(x === undefined ? {} : { xAxisForceCategorical: true, x_axis_title: titleOf(dataset, x), x_axis_title_margin: 30 }),
      show_legend: metrics.length > 1 || groupby.length > 0,
      ...shown(formatOf(dataset, metrics[0]!)),
    },
    queries: [{ columns: [x ?? axis(day), ...groupby], metrics }],
    ...(by !== undefined && only ? { only: { column: by, values: only } } : {}),
    width,
    height: MIDDLE,
  }
}

/** Bars on the left axis, a line on the right one. */
export function barsAndLine<Key extends DatasetKey>(
  name: string,
  { dataset, bars, line, width }: { dataset: Key; bars: MetricOf<Key>; line: MetricOf<Key>; width: number },
): Chart {
  const day = dayOf(dataset)
  const columns = [axis(day)]
  const second = formatOf(dataset, line)
  return {
    name,
    dataset,
    viz: 'mixed_timeseries',
    params: {
      ...AXES,
      x_axis: day,
      metrics: [bars],
      metrics_b: [line],
      groupby: [],
      groupby_b: [],
      adhoc_filters_b: inDays(day),
      seriesType: 'bar',
      seriesTypeB: 'line',
      yAxisIndex: 0,
      yAxisIndexB: 1,
      truncate_metric_b: true,
      row_limit_b: ROWS_MAX,
      order_desc_b: true,
      y_axis_bounds_secondary: [null, null],
      y_axis_format_secondary: D3[second],
      ...(second === 'rupees' ? { currency_format_secondary: RUPEES } : {}),
      ...shown(formatOf(dataset, bars)),
    },
    queries: [
      { columns, metrics: [bars] },
      { columns, metrics: [line] },
    ],
    width,
    height: MIDDLE,
  }
}

/** The most of something. */
export function top<Key extends DatasetKey>(
  name: string,
  { dataset, metric, by, width, count }: { dataset: Key; metric: MetricOf<Key>; by: string; width: number; count: number },
): Chart {
  return {
    name,
    dataset,
    viz: 'echarts_timeseries_bar',
    params: {
      ...AXES,
      x_axis: by,
      metrics: [metric],
      groupby: [],
      orientation: 'horizontal',
      x_axis_sort: metric,
      x_axis_sort_asc: true,
      show_value: true,
      show_legend: false,
      row_limit: count,
      ...shown(formatOf(dataset, metric)),
    },
    queries: [{ columns: [by], metrics: [metric], orderby: [[metric, false]] }],
    width,
    height: TALL,
  }
}

/** Parts of a whole, and parts of these. */
export function treemap<Key extends DatasetKey>(
  name: string,
  { dataset, metric, by, width }: { dataset: Key; metric: MetricOf<Key>; by: readonly string[]; width: number },
): Chart {
  return {
    name,
    dataset,
    viz: 'treemap_v2',
    params: {
      metric,
      groupby: by,
      color_scheme: 'supersetColors',
      show_labels: true,
      show_upper_labels: true,
      label_type: 'key_value',
      row_limit: 100,
      ...shown(formatOf(dataset, metric)),
    },
    queries: [{ columns: by, metrics: [metric], orderby: [[metric, false]] }],
    width,
    height: TALL,
  }
}

export function funnel<Key extends DatasetKey>(
  name: string,
  { dataset, metric, by, width }: { dataset: Key; metric: MetricOf<Key>; by: string; width: number },
): Chart {
  return {
    name,
    dataset,
    viz: 'funnel',
    params: {
      metric,
      groupby: [by],
      sort_by_metric: true,
      percent_calculation_type: 'prev_step',
      label_type: 5,
      tooltip_label_type: 5,
      show_labels: true,
      show_legend: false,
      show_tooltip_labels: true,
      color_scheme: 'supersetColors',
      row_limit: 10,
      ...shown(formatOf(dataset, metric)),
    },
    queries: [{ columns: [by], metrics: [metric], orderby: [[metric, false]] }],
    width,
    height: MIDDLE,
  }
}

export function heatmap<Key extends DatasetKey>(
  name: string,
  {
    dataset,
    metric,
    x,
    y,
    width,
    values = false,
  }: { dataset: Key; metric: MetricOf<Key>; x: string; y: string; width: number; values?: boolean },
): Chart {
  return {
    name,
    dataset,
    viz: 'heatmap_v2',
    params: {
      x_axis: x,
      groupby: y,
      metric,
      normalize_across: 'heatmap',
      legend_type: 'continuous',
      linear_color_scheme: 'superset_seq_1',
      sort_x_axis: 'alpha_asc',
      sort_y_axis: 'alpha_desc',
      show_legend: true,
      show_values: values,
      show_percentage: false,
      xscale_interval: 1,
      yscale_interval: 1,
      left_margin: 75,
      bottom_margin: 50,
      x_axis_time_format: '%d %b',
      value_bounds: [null, null],
      row_limit: ROWS_MAX,
      ...shown(formatOf(dataset, metric)),
    },
    queries: [{ columns: [x, y], metrics: [metric] }],
    width,
    height: MIDDLE,
  }
}

interface Table<Key extends DatasetKey> {
  dataset: Key
  by: readonly string[]
  metrics: readonly MetricOf<Key>[]
  order: string
  ascending?: boolean
  height?: number
}

/** Each number with a bar behind it. */
export function table<Key extends DatasetKey>(
  name: string,
  { dataset, by, metrics, order, ascending = false, height = TALL }: Table<Key>,
): Chart {
  const config = metrics.map((metric) => {
    const format = formatOf(dataset, metric)
    // So that no amount is broken after its sign.
    return [metric, { d3NumberFormat: D3[format], ...(format === 'rupees' ? { currencyFormat: RUPEES, columnWidth: 110 } : {}) }] as const
  })
  return {
    name,
    dataset,
    viz: 'table',
    params: {
      query_mode: 'aggregate',
      groupby: by,
      metrics,
      all_columns: [],
      percent_metrics: [],
      order_by_cols: [],
      timeseries_limit_metric: order,
      order_desc: !ascending,
      row_limit: 1_000,
      server_page_length: 10,
      page_length: 20,
      include_search: true,
      show_cell_bars: true,
      color_pn: false,
      table_timestamp_format: '%Y-%m-%d',
      temporal_columns_lookup: { [dayOf(dataset)]: true },
      column_config: Object.fromEntries(config),
    },
    queries: [{ columns: by, metrics, orderby: [[order, ascending]] }],
    width: 12,
    height,
  }
}

const titleOf = (dataset: DatasetKey, column: string) => (DATASETS[dataset] as Dataset).titles?.[column] ?? column

/** By which the days chosen above reach the chart. */
const inDays = (day: string) => [
  { clause: 'WHERE', comparator: 'No filter', expressionType: 'SIMPLE', operator: 'TEMPORAL_RANGE', subject: day },
]

/** As it lies in Superset's export. The ids of chart and dataset are made where it is imported. */
export function chartFile({ name, dataset, viz, params, queries, only }: Chart): object {
  const { day } = DATASETS[dataset]
  const adhoc = only && { clause: 'WHERE', expressionType: 'SIMPLE', subject: only.column, operator: 'IN', comparator: only.values }
  const filters = [...inDays(day), ...(adhoc ? [adhoc] : [])]
  const form = { viz_type: viz, ...params, adhoc_filters: filters, extra_form_data: {}, annotation_layers: [] }
  const asked = queries.map(({ columns, metrics, orderby = [] }) => ({
    columns,
    metrics,
    orderby,
    filters: filters.map(({ subject, operator, comparator }) => ({ col: subject, op: operator, val: comparator })),
    extras: { having: '', where: '' },
    row_limit: ROWS_MAX,
  }))
  const context = {
    datasource: { id: 0, type: 'table' },
    force: false,
    queries: asked,
    form_data: form,
    result_format: 'json',
    result_type: 'full',
  }
  return {
    slice_name: name,
    description: null,
    certified_by: null,
    certification_details: null,
    viz_type: viz,
    params: form,
    query_context: JSON.stringify(context),
    cache_timeout: null,
    uuid: uuidOf('chart', name),
    version: '1.0.0',
    dataset_uuid: uuidOf('dataset', DATASETS[dataset].name),
  }
}
