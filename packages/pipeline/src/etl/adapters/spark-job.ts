import { DAY_MS, dayOf } from '@flowguard/contract'
import type { LoadedTopic } from '../../warehouse/schema.ts'
import type { Batch } from '../engine.ts'
import { selectOf, type Model, type Stretch } from '../model.ts'
import { between } from '../checks.ts'
import { bronzeSelect, bronzeTopics, LAKE_COLUMNS, type Held } from './spark-bronze.ts'

/** What engines/spark/run.py takes. */
export interface SparkJob {
  name: string
  master: string
  conf: Readonly<Record<string, string>>
  given: readonly Given[]
  models: readonly ModelJob[]
}

interface Given {
  /** The name that statements know it by. */
  view: string
  paths: readonly string[]
  schema?: string
  /** The folder below which folders' names are columns. */
  base?: string
  /** What the view is, over the files under its name. */
  sql?: string
}

interface ModelJob {
  name: string
  parts: readonly { sql: string; out: string }[]
  /** Where another model reads it: its name there, and the rows of days that this job does not make. */
  view?: string
  before?: { paths: readonly string[] }
}

/** Of one topic: what bronze holds of it, and the lake's files in which that is. */
export interface InLake {
  held: readonly Held[]
  files: readonly string[]
}

/** Where things lie, as Spark reaches them. */
export interface Addresses {
  lake: string
  exchange: string
}

const TABLE = /\b(?:bronze|silver|gold|ref|etl)\.[a-z_]+/g
const viewOf = (table: string) => table.replace('.', '_')
/** Spark has no tables of the warehouse's names, but views of its own. */
const overViews = (sql: string) => sql.replaceAll(TABLE, viewOf)

type Tables = Batch['tables']

/** What the warehouse is to give: every table that is read and not made here, and of those made here and read the days that are not. By the name of its file. */
export function wanted(tables: Tables): Map<string, string> {
  const found = new Map<string, string>()
  const read = new Set(tables.flatMap(({ model }) => model.reads.filter((each) => !each.startsWith('bronze.'))))
  for (const table of read) {
    if (!table.startsWith('silver.') && !table.startsWith('gold.')) {
      found.set(table, `select * from ${table}`)
      continue
    }
    const looks = tables
      .filter(({ model }) => model.reads.includes(table))
      .flatMap(({ model, stretches }) => stretches.map((each) => looksAt(model, each)))
    const made = tables.find(({ model }) => model.name === table)?.stretches ?? []
    const isMade = made.map((stretch) => `(${between('date', stretch)})`).join(' or ') || 'false'
    found.set(table, `select * from ${table} where (${looks.join(' or ')}) and not (${isMade})`)
  }
  return found
}

/** The days of what it reads that a table's days hang on: what its `reopens` says, the other way about. */
function looksAt({ reopens }: Model, { from, to }: Stretch): string {
  const first = reopens.includes('next day') ? dayOf(Date.parse(from) - DAY_MS) : from
  const since = reopens.includes('later days') ? 'true' : `date >= date '${first}'`
  const until = reopens.includes('open sessions') ? 'true' : `date <= date '${to}'`
  return `(${since} and ${until})`
}

export const givenFile = (table: string) => `in/${table}.parquet`
export const madeFolder = (model: Pick<Model, 'name'>, { from }: Stretch) => `out/${model.name}/${from}`

interface Rendering extends Pick<SparkJob, 'name' | 'master' | 'conf'> {
  tables: Tables
  lake: ReadonlyMap<LoadedTopic, InLake>
  at: Addresses
}

export function sparkJob({ name, master, conf, tables, lake, at }: Rendering): SparkJob {
  const path = (file: string) => `${at.exchange}/${file}`
  const isMade = (table: string) => tables.some(({ model }) => model.name === table)
  const isRead = (table: string) => tables.some(({ model }) => model.reads.includes(table))
  const bronze = bronzeTopics
    .filter(([, table]) => isRead(table))
    .map(([topic, table]): Given => {
      const { held, files } = lake.get(topic) ?? { held: [], files: [] }
      const view = viewOf(table)
      const paths = files.map((file) => `${at.lake}/${file}`)
      return { view, paths, base: at.lake, schema: LAKE_COLUMNS, sql: bronzeSelect(topic, held, view) }
    })
  const given = [...wanted(tables).keys()]
    .filter((table) => !isMade(table))
    .map((table): Given => ({ view: viewOf(table), paths: [path(givenFile(table))] }))
  const models = tables.map(({ model, stretches }): ModelJob => {
    const parts = stretches.map((stretch) => ({ sql: overViews(selectOf(model, stretch, 'spark')), out: path(madeFolder(model, stretch)) }))
    const read = isRead(model.name) ? { view: viewOf(model.name), before: { paths: [path(givenFile(model.name))] } } : {}
    return { name: model.name, parts, ...read }
  })
  return { name, master, conf, given: [...bronze, ...given], models }
}
