import type { Session } from '../warehouse/warehouse.ts'
import type { Severity } from './checks.ts'
import { columnsOf } from './dialect.ts'
import { ANY_STRETCH, selectOf, type Model } from './model.ts'

export interface ModelColumn {
  name: string
  type: string
  /** What its model's header says of it, or that of a model that this one reads. */
  about: string
}

/** A model as people and lineage tools see it: all of it from its file, and from what the database makes of its statement. */
export interface ModelDoc {
  name: string
  grain: string
  about: string
  reads: readonly string[]
  read_by: readonly string[]
  reopens: readonly string[]
  checks: readonly { name: string; severity: Severity }[]
  columns: readonly ModelColumn[]
}

/** Of all models, whose tables are there. */
export async function modelDocs(session: Session, models: readonly Model[]): Promise<ModelDoc[]> {
  const docs: ModelDoc[] = []
  for (const model of models) {
    const found = await columnsOf(session, selectOf(model, ANY_STRETCH, session.dialect))
    docs.push({
      name: model.name,
      grain: model.grain,
      about: model.about,
      reads: model.reads,
      read_by: models.filter(({ reads }) => reads.includes(model.name)).map(({ name }) => name),
      reopens: model.reopens,
      checks: model.checks.map(({ name, severity }) => ({ name, severity })),
      columns: found.map(({ column_name: name, column_type: type }) => ({ name, type, about: aboutColumn(model, name, models) })),
    })
  }
  return docs
}

/** Its own header's, or what a model says that it reads: a name means the same all the way. */
function aboutColumn(model: Model, column: string, models: readonly Model[]): string {
  const own = model.columns.get(column)
  if (own !== undefined) return own
  const read = models.filter(({ name }) => model.reads.includes(name)).map((each) => aboutColumn(each, column, models))
  return read.find((about) => about !== '') ?? ''
}

const cell = (text: string) => text.replaceAll('|', '\\|')
const id = (table: string) => table.replace('.', '_')
const link = (table: string, docs: readonly ModelDoc[]) =>
  docs.some(({ name }) => name === table) ? `[\`${table}\`](#${table.replace('.', '')})` : `\`${table}\``

/** docs/MODELS.md: written by `npm run docs:models`, held by docs.test.ts to be what the models say. */
export function modelsPage(docs: readonly ModelDoc[]): string {
  const edges = docs.flatMap(({ name, reads }) => reads.map((read) => `  ${id(read)}["${read}"] --> ${id(name)}["${name}"]`))
  const sections = docs.map((doc) => {
    const { name, grain, about, reads, read_by: readBy, reopens, checks, columns } = doc
    return `## ${name}

${grain[0]?.toUpperCase()}${grain.slice(1)}. ${about}

- reads ${reads.map((table) => link(table, docs)).join(', ')}${readBy.length === 0 ? '' : `; is read by ${readBy.map((table) => link(table, docs)).join(', ')}`}
- a changed day of what it reads also changes: ${reopens.join(', ')}
${checks.map(({ name: check, severity }) => `- ${severity === 'stop' ? '**keeps a day out**' : 'warns'}: \`${check}\``).join('\n')}

| column | type | |
| --- | --- | --- |
${columns.map(({ name: column, type, about: said }) => `| \`${column}\` | ${type} | ${cell(said)} |`).join('\n')}
`
  })
  return `# Models

Every table of silver and gold: its grain, where it comes from, its columns and its checks. Written from [the models](../packages/pipeline/models) by
\`npm run docs:models\`; a test holds it to be current. [CONTRIBUTING.md](../CONTRIBUTING.md) says how to add one.

\`\`\`mermaid
flowchart LR
${edges.join('\n')}
\`\`\`

${sections.join('\n')}`
}
