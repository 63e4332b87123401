import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FlowGuardError } from '../kernel/errors.ts'
import { checkOf, type Check } from './checks.ts'
import { rendered, type Dialect } from './dialect.ts'

/** Which other days of a table change with a day of what it reads. */
const REOPENINGS = ['same day', 'next day', 'later days', 'open sessions'] as const
export type Reopening = (typeof REOPENINGS)[number]

const LAYERS = ['silver', 'gold'] as const
const FIRST_LINE = /^-- grain: (?<grain>\S.*)\. partition: (?<partition>\w+)\. reads: (?<reads>\w+\.\w+(, \w+\.\w+)*)$/
const HEADER_LINE = /^-- (?:(?<severity>stop) |(?<column>column) )?(?<key>[a-z_]+): (?<value>.+)$/
const TABLE = /\b(?:bronze|silver|gold|ref|etl)\.[a-z_]+/g
const PLACEHOLDERS = [':from_date', ':to_date']

/** A table of silver or gold: what its file says of it, and the SELECT that makes a range of its days. */
export interface Model {
  /** `gold.daily_gmv_metrics`. */
  name: string
  grain: string
  reads: readonly string[]
  reopens: readonly Reopening[]
  checks: readonly Check[]
  /** What its header says of its columns; what it does not is as in a model that it reads. */
  columns: ReadonlyMap<string, string>
  /** What its text says besides, as one paragraph. */
  about: string
  /** With `:from_date` and `:to_date` in place of days. */
  sql: string
}

/** Every model of the folder, each after those that it reads. Throws `file_invalid` that names the file and what is wrong there. */
export function readModels(folder: string): readonly Model[] {
  const models = LAYERS.flatMap((layer) =>
    readdirSync(join(folder, layer))
      .filter((file) => file.endsWith('.sql'))
      .map((file) => parseModel(`${layer}.${file.slice(0, -'.sql'.length)}`, readFileSync(join(folder, layer, file), 'utf8'))),
  )
  return inOrder(models)
}

/** The header in its fixed form (CONTRIBUTING, Add a model), and the statement. */
export function parseModel(name: string, text: string): Model {
  const refused = (detail: string) => new FlowGuardError('file_invalid', `model ${name}: ${detail}`)
  const [first = '', ...lines] = text.split('\n')
  const head = FIRST_LINE.exec(first)?.groups as { grain: string; partition: string; reads: string } | undefined
  if (!head) throw refused('its first line must be "-- grain: … . partition: date. reads: schema.table, …"')
  if (head.partition !== 'date') throw refused(`it must be partitioned by date, not ${head.partition}`)
  let reopens: readonly Reopening[] | undefined
  const checks: Check[] = []
  const columns = new Map<string, string>()
  const headerLines = lines.slice(
    0,
    lines.findIndex((line) => !/^-- \S/.test(line)),
  )
  for (const line of headerLines) {
    const { severity, column, key, value } = HEADER_LINE.exec(line)?.groups ?? {}
    if (key === undefined || value === undefined)
      throw refused(
        `"${line}" is not of the form "-- word: text", "-- stop word: text" or "-- column name: text"; an empty "--" ends the header`,
      )
    if (column) columns.set(key, value)
    else if (key === 'reopens') reopens = reopeningsOf(value, refused)
    else checks.push(checkOf(severity === 'stop' ? 'stop' : 'warn', key, value, refused))
  }
  if (!reopens) throw refused(`it must say "-- reopens: …", of ${REOPENINGS.join(', ')}`)
  if (checks.length === 0) throw refused('it has no check')
  const statement = text.replaceAll(/--.*$/gm, '').trim()
  const reads = head.reads.split(', ')
  const named = [...new Set(statement.match(TABLE))]
  const differing = [...reads.filter((each) => !named.includes(each)), ...named.filter((each) => !reads.includes(each))]
  if (differing.length > 0) throw refused(`"reads" and the statement do not name the same tables: ${differing.join(', ')}`)
  for (const each of PLACEHOLDERS) if (!statement.includes(each)) throw refused(`${each} is nowhere in the statement`)
  return { name, grain: head.grain, reads, reopens, checks, columns, about: aboutOf(lines.slice(headerLines.length)), sql: statement }
}

/** The comment between the header and the statement. */
function aboutOf(lines: readonly string[]): string {
  const end = lines.findIndex((line) => !line.startsWith('--'))
  return lines
    .slice(0, end)
    .map((line) => line.slice(2).trim())
    .join(' ')
    .trim()
}

function reopeningsOf(text: string, refused: (detail: string) => Error): readonly Reopening[] {
  return text.split(', ').map((word) => {
    if (!(REOPENINGS as readonly string[]).includes(word)) throw refused(`"reopens" knows ${REOPENINGS.join(', ')}; not "${word}"`)
    return word as Reopening
  })
}

/** Each model after those that it reads; of those that could come next, by name. Throws `file_invalid` where some read each other in a circle. */
export function inOrder(models: readonly Model[]): readonly Model[] {
  const waiting = new Map(models.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((each) => [each.name, each]))
  const unknown = models.flatMap(({ name, reads }) =>
    reads
      .filter((each) => LAYERS.some((layer) => each.startsWith(`${layer}.`)) && !waiting.has(each))
      .map((each) => `${name} reads ${each}`),
  )
  if (unknown.length > 0) throw new FlowGuardError('file_invalid', `there is no such model: ${unknown.join(', ')}`)
  const ordered: Model[] = []
  while (waiting.size > 0) {
    const next = [...waiting.values()].find(({ reads }) => reads.every((each) => !waiting.has(each)))
    if (!next) throw new FlowGuardError('file_invalid', `models read each other in a circle: ${[...waiting.keys()].join(', ')}`)
    waiting.delete(next.name)
    ordered.push(next)
  }
  return ordered
}

/** The statement for days that lie in a row. Days are checked before they come here: nothing else is written into it. */
export function selectOf({ sql }: Pick<Model, 'sql'>, { from, to }: Stretch, dialect: Dialect): string {
  return rendered(sql, dialect).replaceAll(':from_date', `date '${from}'`).replaceAll(':to_date', `date '${to}'`)
}

/** For what hangs on no day: the columns of a statement. */
export const ANY_STRETCH = { from: '1970-01-01', to: '1970-01-01' } as const satisfies Stretch

/** Days from one to another, both included: `2026-01-31`. */
export interface Stretch {
  from: string
  to: string
}
