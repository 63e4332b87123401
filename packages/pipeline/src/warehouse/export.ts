import { FlowGuardError } from '../kernel/errors.ts'
import type { Copied, CopiedTable, Session, Warehouse } from './warehouse.ts'

/** What an export came to. `file` is null where other programs ask the warehouse itself. */
export interface Exported extends Copied {
  file: string | null
  /** Days of the ledger that the warehouse did not have as they are. */
  charged_days: number
  seconds: number
}

export interface ExportDeps {
  warehouse: Pick<Warehouse, 'session' | 'copyTo'>
  file: string
  /** Makes what is not there yet. */
  tables: () => Promise<readonly CopiedTable[]>
  /** Brings the charges in the warehouse to what the ledger has; resolves to the days that changed. */
  publish: (session: Session) => Promise<number>
}

/** The warehouse for programs that make charts of it: charges beside gold, and a copy where no other program can open the warehouse. One at a time. */
export function createExport({ warehouse, file, tables, publish }: ExportDeps, signal: AbortSignal): () => Promise<Exported> {
  let last: Promise<unknown> = Promise.resolve()

  async function exported(): Promise<Exported> {
    if (signal.aborted) throw new FlowGuardError('query_stopped', 'FlowGuard is stopping: the copy stays as it was')
    const startedAt = performance.now()
    const wanted = await tables()
    using session = await warehouse.session()
    const charged = await publish(session)
    const copied = await warehouse.copyTo?.(file, wanted)
    const seconds = (performance.now() - startedAt) / 1_000
    return { file: copied ? file : null, ...(copied ?? { bytes: 0, tables: [] }), charged_days: charged, seconds }
  }

  return () => {
    const made = last.then(exported)
    last = made.catch(() => undefined)
    return made
  }
}

/**
 * What business people look at: gold, the charges, and the days that were made. No copy says who somebody is: a user there is a number, in the order of first
 * orders, that means nothing outside of it.
 */
export function copiedTables(gold: readonly string[]): CopiedTable[] {
  const people = `select user_id, cast(row_number() over (order by min(first_order_date), user_id) as varchar) as number
    from gold.user_cohort_metrics group by user_id`
  const numbered = `select c.* replace (p.number as user_id) from gold.user_cohort_metrics c join (${people}) p on p.user_id = c.user_id`
  return [
    ...gold.map((name) => ({ name, select: name === 'gold.user_cohort_metrics' ? numbered : `select * from ${name}` })),
    { name: 'billing.charges_daily', select: 'select * from billing.charges_daily' },
    { name: 'etl.days', select: 'select date, computed_at from etl.days where computed_at is not null' },
  ]
}
