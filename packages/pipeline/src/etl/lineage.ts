import { createHash } from 'node:crypto'
import { nextDay } from './days.ts'
import type { ModelDoc } from './docs.ts'
import type { RunDetail, RunShown } from './store.ts'

/** OpenLineage 2-0-2. Facets are the ones of the specification, each by the version that it is written to. */
const EVENT_SCHEMA = 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent'
const FACETS = {
  documentation: '1-0-0/DocumentationDatasetFacet',
  schema: '1-0-0/SchemaDatasetFacet',
  sql: '1-0-0/SQLJobFacet',
  jobType: '2-0-4/JobTypeJobFacet',
  parent: '1-0-0/ParentRunFacet',
  nominalTime: '1-0-0/NominalTimeRunFacet',
  errorMessage: '1-0-0/ErrorMessageRunFacet',
  outputStatistics: '1-0-0/OutputStatisticsOutputDatasetFacet',
  dataQualityAssertions: '1-0-0/DataQualityAssertionsDatasetFacet',
} as const

type Facets = Readonly<Record<string, object>>
type EventType = 'START' | 'COMPLETE' | 'ABORT' | 'FAIL'

interface Dataset {
  namespace: string
  name: string
  facets?: Facets
  inputFacets?: Facets
  outputFacets?: Facets
}

export interface RunEvent {
  eventType: EventType
  eventTime: string
  producer: string
  schemaURL: string
  run: { runId: string; facets: Facets }
  job: { namespace: string; name: string; facets: Facets }
  inputs: readonly Dataset[]
  outputs: readonly Dataset[]
}

/** The whole run, the one of each table that it made, and the one of its checks. */
const RUN_JOB = 'etl'
const CHECKS_JOB = 'etl.checks'
const ENDS = { done: 'COMPLETE', failed: 'FAIL', interrupted: 'ABORT', running: 'START' } as const

export interface LineageOptions {
  /** Of the jobs. */
  namespace: string
  /** Of the tables: where the warehouse is. */
  warehouse: string
  /** Who says all this: an address. */
  producer: string
}

/** What a run is to OpenLineage: the same run comes to the same events, so that one told again is the same run. */
export function lineageOf({ namespace, warehouse, producer }: LineageOptions) {
  const facet = (name: keyof typeof FACETS, content: object) => {
    const [version, kind] = FACETS[name].split('/')
    return {
      [name]: { _producer: producer, _schemaURL: `https://openlineage.io/spec/facets/${version}/${kind}.json#/$defs/${kind}`, ...content },
    }
  }
  const jobType = (type: string) => facet('jobType', { processingType: 'BATCH', integration: 'FLOWGUARD', jobType: type })
  const idOf = (run: RunShown, job: string) => uuidOf(`${namespace}/${warehouse}/${run.started_at}/${run.run_id}/${job}`)

  function event(
    type: EventType,
    at: string,
    run: RunShown,
    job: string,
    more: Partial<RunEvent> & { jobFacets: Facets; runFacets?: Facets },
  ) {
    const { jobFacets, runFacets = {}, inputs = [], outputs = [] } = more
    const parent = facet('parent', { run: { runId: idOf(run, RUN_JOB) }, job: { namespace, name: RUN_JOB } })
    return {
      eventType: type,
      eventTime: zoned(at),
      producer,
      schemaURL: EVENT_SCHEMA,
      run: { runId: idOf(run, job), facets: { ...(job === RUN_JOB ? {} : parent), ...nominal(run), ...runFacets } },
      job: { namespace, name: job, facets: jobFacets },
      inputs,
      outputs,
    } satisfies RunEvent
  }

  const nominal = ({ from_date: from, to_date: to }: RunShown): Facets =>
    from === null || to === null
      ? {}
      : facet('nominalTime', { nominalStartTime: `${from}T00:00:00.000Z`, nominalEndTime: `${nextDay(to)}T00:00:00.000Z` })

  const table = (name: string, models: readonly ModelDoc[]): Dataset => {
    const doc = models.find((each) => each.name === name)
    if (!doc) return { namespace: warehouse, name }
    const fields = doc.columns.map(({ name: column, type, about }) => ({ name: column, type, description: about }))
    const facets = { ...facet('documentation', { description: `${doc.grain}. ${doc.about}` }), ...facet('schema', { fields }) }
    return { namespace: warehouse, name, facets }
  }

  const wholeRun = (models: readonly ModelDoc[]) => {
    const outside = new Set(models.flatMap(({ reads }) => reads).filter((read) => !models.some(({ name }) => name === read)))
    return {
      jobFacets: { ...jobType('DAG'), ...facet('documentation', { description: 'Silver and gold from bronze, by day.' }) },
      inputs: [...outside].map((name) => table(name, [])),
      outputs: models.map(({ name }) => table(name, models)),
    }
  }

  const failure = (message: string | null): Facets =>
    message === null ? {} : facet('errorMessage', { message, programmingLanguage: 'SQL' })

  /** Of a table that was made: begun and ended, told together once that stands. */
  function ofModel(run: RunDetail, model: ModelDoc, models: readonly ModelDoc[]): RunEvent[] {
    const steps = run.steps.filter((step) => step.model === model.name)
    const [first] = steps
    const last = steps.at(-1)
    if (!first || !last) return []
    const rowCount = steps.reduce((sum, step) => sum + step.rows_out, 0)
    const inputs = model.reads.map((read) => table(read, []))
    const output = { ...table(model.name, models), outputFacets: facet('outputStatistics', { rowCount }) }
    const jobFacets = jobType('MODEL')
    const ended = new Date(Date.parse(zoned(last.started_at)) + last.seconds * 1_000).toISOString()
    return [
      event('START', first.started_at, run, model.name, { jobFacets, inputs, outputs: [table(model.name, models)] }),
      event('COMPLETE', ended, run, model.name, { jobFacets, inputs, outputs: [output] }),
    ]
  }

  function ofChecks(run: RunDetail, at: string): RunEvent[] {
    if (run.checks.length === 0) return []
    const inputs = [...Map.groupBy(run.checks, ({ model }) => model)].map(([name, checks]) => {
      // What could not be judged is neither.
      const judged = checks.filter(({ state }) => state === 'passed' || state === 'failed')
      const assertions = judged.map((check) => ({ assertion: check.name, success: check.state === 'passed' }))
      return { ...table(name, []), inputFacets: facet('dataQualityAssertions', { assertions }) }
    })
    const isStopped = run.checks.some(({ state, severity }) => state === 'failed' && severity === 'stop')
    const jobFacets = jobType('TEST')
    return [
      event('START', at, run, CHECKS_JOB, { jobFacets, inputs }),
      event(isStopped ? 'FAIL' : 'COMPLETE', at, run, CHECKS_JOB, { jobFacets, inputs, runFacets: isStopped ? failure(run.error) : {} }),
    ]
  }

  return {
    began: (run: RunShown, models: readonly ModelDoc[]): RunEvent[] => [event('START', run.started_at, run, RUN_JOB, wholeRun(models))],
    ended(run: RunDetail, models: readonly ModelDoc[]): RunEvent[] {
      const at = run.ended_at ?? run.started_at
      return [
        ...models.flatMap((model) => ofModel(run, model, models)),
        ...ofChecks(run, at),
        event(ENDS[run.state], at, run, RUN_JOB, { ...wholeRun(models), runFacets: failure(run.error) }),
      ]
    },
  }
}

/** The warehouse's timestamps are UTC, and may say no zone. */
const zoned = (at: string) => new Date(`${at.replace(' ', 'T').replace(/Z$/, '')}Z`).toISOString()

/** Of the form of version 5, by name: the same text is the same run. */
function uuidOf(text: string): string {
  const bytes = createHash('sha1').update(text).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
