import { stringify } from 'yaml'
import { chartFile, type Chart } from './charts.ts'
import { D3, DATASETS, RUPEES, uuidOf, type Dataset, type DatasetKey } from './datasets.ts'
import { TABS } from './tabs.ts'

export const SUPERSET_FOLDER = 'engines/superset/dashboards'

const VERSION = '1.0.0'
const DATABASE = 'FlowGuard'
const NAME = 'FlowGuard'
/** Superset writes the time of an export; ours says nothing but when Superset's form of it was settled. */
const TIMESTAMP = '2026-01-01T00:00:00.000000+00:00'

/** Superset takes colours by chance where it is not told: two of one chart may be the same. */
const COLORS = {
  new: '#1FA8C9',
  active: '#5AC189',
  vip: '#454E7C',
  at_risk: '#FCC700',
  churned: '#E04355',
  cpm: '#5AC189',
  cpc: '#1FA8C9',
  cpa: '#454E7C',
  // Light, for their names are written over them.
  Impressions: '#8FD3E4',
  Clicks: '#FEC0A1',
  'Attributed orders': '#ACE1C4',
}

const nameOf = (title: string) => title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')

/** Every file of the export that is committed, by its path in the folder: YAML 1.1, as Superset reads it. The address of the database is put in where it is imported. */
export function supersetFiles(): Map<string, string> {
  const charts = TABS.flatMap(({ rows }) => rows.flat())
  const files: [string, object][] = [
    ['metadata.yaml', { version: VERSION, type: 'Dashboard', timestamp: TIMESTAMP }],
    [`databases/${nameOf(DATABASE)}.yaml`, database()],
    ...Object.values(DATASETS).map((each): [string, object] => [
      `datasets/${nameOf(DATABASE)}/${nameOf(each.name)}.yaml`,
      datasetFile(each),
    ]),
    ...charts.map((each): [string, object] => [`charts/${nameOf(each.name)}.yaml`, chartFile(each)]),
    [`dashboards/${nameOf(NAME)}.yaml`, dashboard()],
  ]
  return new Map(files.map(([path, content]) => [path, stringify(content, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false })]))
}

function database(): object {
  return {
    database_name: DATABASE,
    sqlalchemy_uri: 'duckdb:////data/reports.duckdb',
    cache_timeout: null,
    expose_in_sqllab: true,
    allow_run_async: false,
    allow_ctas: false,
    allow_cvas: false,
    allow_dml: false,
    allow_file_upload: false,
    // The file is replaced by each export: nobody may write to it, and no lock is taken that keeps others from reading.
    extra: {
      engine_params: { connect_args: { read_only: true } },
      metadata_params: {},
      schemas_allowed_for_file_upload: [],
      allows_virtual_table_explore: true,
    },
    uuid: uuidOf('database', DATABASE),
    version: VERSION,
  }
}

function datasetFile({ name, about, table, sql, day, columns, titles = {}, metrics }: Dataset): object {
  const [schema, tableName] = table?.split('.') ?? [null, name]
  return {
    table_name: tableName,
    main_dttm_col: day,
    description: about,
    default_endpoint: null,
    offset: 0,
    cache_timeout: null,
    schema,
    catalog: null,
    sql: sql ?? null,
    source_db_engine: sql === undefined ? null : 'duckdb',
    params: null,
    template_params: null,
    filter_select_enabled: true,
    fetch_values_predicate: null,
    extra: null,
    uuid: uuidOf('dataset', name),
    columns: Object.entries(columns).map(([column, type]) => ({
      column_name: column,
      verbose_name: titles[column] ?? null,
      is_dttm: type === 'DATE',
      is_active: true,
      type,
      groupby: true,
      filterable: true,
      expression: null,
      description: null,
      python_date_format: null,
      extra: null,
    })),
    metrics: Object.entries(metrics).map(([metric, { title, format, sql: expression }]) => ({
      metric_name: metric,
      verbose_name: title,
      metric_type: null,
      expression,
      description: null,
      d3format: D3[format],
      currency: format === 'rupees' ? RUPEES : null,
      extra: null,
      warning_text: null,
    })),
    version: VERSION,
    database_uuid: uuidOf('database', DATABASE),
  }
}

interface Part {
  id: string
  type: string
  children: string[]
  parents?: string[]
  meta?: object
}

function dashboard(): object {
  return {
    dashboard_title: NAME,
    description: 'What was sold, to whom, when, and what ads did and cost; of the days that gold was made of.',
    css: '',
    slug: 'flowguard',
    certified_by: '',
    certification_details: '',
    published: true,
    uuid: uuidOf('dashboard', NAME),
    position: position(),
    metadata: {
      color_scheme: 'supersetColors',
      cross_filters_enabled: true,
      refresh_frequency: 0,
      timed_refresh_immune_slices: [],
      expanded_slices: {},
      label_colors: COLORS,
      default_filters: '{}',
      chart_configuration: {},
      native_filter_configuration: filters(),
    },
    version: VERSION,
  }
}

const tabId = (name: string) => `TAB-${nameOf(name)}`

function position(): object {
  const parts: Part[] = []
  const tabs = 'TABS-flowguard'
  for (const { name, rows } of TABS) {
    const tab = tabId(name)
    const above = ['ROOT_ID', tabs, tab]
    const rowIds = rows.map((row, at) => {
      const id = `ROW-${nameOf(name)}-${at}`
      parts.push(...row.map((chart) => chartPart(chart, [...above, id])))
      parts.push({
        id,
        type: 'ROW',
        children: row.map(({ name: each }) => chartId(each)),
        parents: above,
        meta: { background: 'BACKGROUND_TRANSPARENT' },
      })
      return id
    })
    parts.push({ id: tab, type: 'TAB', children: rowIds, parents: ['ROOT_ID', tabs], meta: { text: name, defaultText: name } })
  }
  const all: Part[] = [
    { id: 'ROOT_ID', type: 'ROOT', children: [tabs] },
    { id: 'GRID_ID', type: 'GRID', children: [], parents: ['ROOT_ID'] },
    { id: 'HEADER_ID', type: 'HEADER', children: [], meta: { text: NAME } },
    { id: tabs, type: 'TABS', children: TABS.map(({ name }) => tabId(name)), parents: ['ROOT_ID'], meta: {} },
    ...parts,
  ]
  return { DASHBOARD_VERSION_KEY: 'v2', ...Object.fromEntries(all.map((part) => [part.id, part])) }
}

const chartId = (name: string) => `CHART-${nameOf(name)}`

function chartPart({ name, width, height }: Chart, parents: string[]): Part {
  return {
    id: chartId(name),
    type: 'CHART',
    children: [],
    parents,
    meta: { chartId: 0, uuid: uuidOf('chart', name), sliceName: name, width, height },
  }
}

function filters(): object[] {
  return [
    filter('Days', 'filter_time', [{}], ['ROOT_ID']),
    select('Category', 'items', 'category', 'Items'),
    select('Dish', 'items', 'item_name', 'Items'),
    select('Advertiser', 'ads', 'advertiser_id', 'Ads and billing'),
    select('Campaign', 'ads', 'campaign_id', 'Ads and billing'),
  ]
}

const select = (name: string, dataset: DatasetKey, column: string, tab: string) =>
  filter(name, 'filter_select', [{ column: { name: column }, datasetUuid: uuidOf('dataset', DATASETS[dataset].name) }], [tabId(tab)])

function filter(name: string, filterType: string, targets: object[], rootPath: string[]): object {
  return {
    id: `NATIVE_FILTER-${nameOf(name)}`,
    type: 'NATIVE_FILTER',
    name,
    filterType,
    targets,
    scope: { rootPath, excluded: [] },
    controlValues:
      filterType === 'filter_select'
        ? { multiSelect: true, enableEmptyFilter: false, defaultToFirstItem: false, inverseSelection: false, searchAllOptions: false }
        : { enableEmptyFilter: false },
    defaultDataMask: { extraFormData: {}, filterState: {}, ownState: {} },
    cascadeParentIds: [],
    description: '',
  }
}
