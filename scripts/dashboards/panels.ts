import { VizLegendOptionsBuilder } from '@grafana/grafana-foundation-sdk/common'
import { DashboardBuilder, DatasourceVariableBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

/** What a panel shows: queries, each with what its lines are called. */
export interface PanelSpec {
  title: string
  about?: string
  /** Grafana's name of the unit: `s`, `bytes`, `percentunit`, … */
  unit: string
  as: 'lines' | 'figure'
  queries: readonly (readonly [expr: string, legend: string])[]
}

export interface DashboardSpec {
  /** The name of its file, and of its address. */
  name: string
  title: string
  about: string
  rows: readonly { title: string; panels: readonly PanelSpec[] }[]
}

const SOURCE = { type: 'prometheus', uid: '${datasource}' }
const LINES = { height: 8, span: 8 } as const
const FIGURE = { height: 4, span: 4 } as const

export const lines = (title: string, unit: string, ...queries: PanelSpec['queries']): PanelSpec => ({ title, unit, as: 'lines', queries })
export const figure = (title: string, unit: string, expr: string): PanelSpec => ({ title, unit, as: 'figure', queries: [[expr, title]] })

export const quantileOf = (share: number, metric: string, by = '', where = '') =>
  `histogram_quantile(${share}, sum by (le${by && `, ${by}`}) (rate(${metric}_bucket${where}[$__rate_interval])))`

/** The median and the 99th percentile of a histogram. */
export const spread = (title: string, metric: string, by = '', where = ''): PanelSpec =>
  lines(
    title,
    's',
    [quantileOf(0.5, metric, by, where), by ? `p50 {{${by}}}` : 'p50'],
    [quantileOf(0.99, metric, by, where), by ? `p99 {{${by}}}` : 'p99'],
  )

/** What every process says of itself, of those whose `job` fits. */
export const processPanels = (job: string): PanelSpec[] => [
  lines('Processor', 'percentunit', [`rate(process_cpu_seconds_total{job=~"${job}"}[$__rate_interval])`, '{{job}} {{instance}}']),
  lines('Memory', 'bytes', [`process_resident_memory_bytes{job=~"${job}"}`, '{{job}} {{instance}}']),
  lines('Event loop held up, p99', 's', [`nodejs_eventloop_lag_p99_seconds{job=~"${job}"}`, '{{job}} {{instance}}']),
]

/** The form that every Grafana from 9 on can import: its successor needs the newest. */
export function dashboardOf({ name, title, about, rows }: DashboardSpec): object {
  // oxlint-disable-next-line typescript/no-deprecated -- as said
  const builder = new DashboardBuilder(`FlowGuard: ${title}`)
    .uid(`flowguard-${name}`)
    .description(about)
    .tags(['flowguard'])
    .refresh('10s')
    .time({ from: 'now-30m', to: 'now' })
    .timezone('browser')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title))
    for (const panel of row.panels) builder.withPanel(panelOf(panel))
  }
  return builder.build()
}

function panelOf({ title, about, unit, as, queries }: PanelSpec) {
  const panel =
    as === 'figure'
      ? new StatBuilder().height(FIGURE.height).span(FIGURE.span)
      : new LinesBuilder()
          .height(LINES.height)
          .span(LINES.span)
          .min(0)
          .fillOpacity(8)
          .legend(new VizLegendOptionsBuilder().showLegend(true))
  panel.title(title).unit(unit).datasource(SOURCE)
  if (about !== undefined) panel.description(about)
  queries.forEach(([expr, legend], at) => {
    panel.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode(65 + at))
        .expr(expr)
        .legendFormat(legend)
        .datasource(SOURCE),
    )
  })
  return panel
}
