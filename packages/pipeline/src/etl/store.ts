import type { Row, Session } from '../warehouse/warehouse.ts'
import type { Severity } from './checks.ts'
import type { Day, DueDay, KnownDay, Why } from './days.ts'
import type { BatchEngine } from './engine.ts'
import type { Stretch } from './model.ts'
import { valuesOf } from './dialect.ts'
import { FAILED_ROWS_MAX, type Checked, type CheckState, type KeptOutDay } from './quality.ts'
import { COUNTED, ETL_SCHEMA, type Counted } from './schema.ts'

export type RunState = 'running' | 'done' | 'failed' | 'interrupted'

export interface RunShown {
  run_id: number
  state: RunState
  asked_by: string
  started_at: string
  ended_at: string | null
  from_date: Day | null
  to_date: Day | null
  /** Which it made, with commas; null: all. */
  tables: string | null
  /** Who worked its rows out; null: of an older version. */
  engine: BatchEngine['name'] | null
  /** Whether all that the log held was loaded when it began, and the orders of its days were answered. */
  is_level: boolean
  days: number
  days_done: number
  /** For a check that stops failed in them: they have what they had before. */
  days_kept_out: number
  rows_in: number
  rows_out: number
  seconds: number
  checks_failed: number
  error: string | null
}

export interface RunDetail extends RunShown {
  /** The days that it set out to make, by why. */
  due: readonly { why: Why; days: number; from_date: Day; to_date: Day }[]
  steps: readonly StepShown[]
  checks: readonly CheckShown[]
  failed_rows: readonly FailedRow[]
  kept_out: readonly KeptOutDay[]
}

interface StepShown {
  model: string
  from_date: Day
  to_date: Day
  days: number
  rows_in: number
  rows_out: number
  seconds: number
  started_at: string
}

export interface CheckShown {
  model: string
  name: string
  severity: Severity
  state: CheckState
  from_date: Day
  to_date: Day
  days: number
  /** Of them, those of which nothing could be said. */
  unjudged_days: number
  failing_rows: number
}

/** What came of a check in one run. */
export interface CheckRun extends CheckShown {
  run_id: number
  started_at: string
}

/** A row as it failed, of those kept. */
interface FailedRow {
  model: string
  name: string
  row_json: string
}

/** Failed rows of older runs are gone: they are for whoever looks at what is wrong now. */
const RUNS_WITH_ROWS = 100
/** Runs of an older version kept nothing out. */
const RUN_COLUMNS = '* exclude (days_kept_out), coalesce(days_kept_out, 0) as days_kept_out'
/** Of a file of an older version, whose checks only warned. */
const CHECK_COLUMNS = `model, name, coalesce(severity, 'warn') as severity,
  coalesce(c.state, case when failing_rows > 0 then 'failed' else 'passed' end) as state, c.from_date, c.to_date, coalesce(c.days, 0) as days,
  coalesce(unjudged_days, 0) as unjudged_days, failing_rows`

const COUNT_OF = Object.entries(COUNTED) as [Counted, string][]
/** An instant as SQL casts it to a timestamp. */
export const textOf = (ms: number) => new Date(ms).toISOString().replace('Z', '')

/** What the runs know of themselves; all of it in the warehouse, on one session. */
export function etlStore(session: Session) {
  async function addDays(runId: number, due: readonly DueDay[]) {
    if (due.length === 0) return
    const days = valuesOf(
      'd',
      ['date', 'why'],
      due.map(({ date, why }) => [date, why]),
      session.dialect,
    )
    await session.run(`insert into etl.run_days select ${runId}, cast(date as date), why from ${days}`)
  }

  return {
    /** A run that this process did not begin and that never ended was cut off. Resolves to these. */
    async open(now: number): Promise<number[]> {
      for (const sql of ETL_SCHEMA) await session.run(sql)
      const cutOff = await session.rows<{ run_id: number }>(`select run_id from etl.runs where state = 'running' order by run_id`)
      await session.run(`update etl.runs set state = 'interrupted', ended_at = $1::timestamp where state = 'running'`, [textOf(now)])
      return cutOff.map(({ run_id: id }) => id)
    },
    async known(): Promise<KnownDay[]> {
      const rows = await session.rows<Row & { date: Day }>(
        `select date, max(run_id) as run_id, ${COUNT_OF.map(([, column]) => `sum(${column}) as ${column}, sum(was_${column}) as was_${column}`).join(', ')}
         from (
           ${COUNT_OF.map(([table, column]) => `select partition_date as date, null as run_id, ${COUNT_OF.map(([, each]) => `${each === column ? 'count(*)' : '0'} as ${each}, 0 as was_${each}`).join(', ')} from ${table} group by partition_date`).join(' union all ')}
           union all select date, run_id, ${COUNT_OF.map(([, each]) => `0, ${each}`).join(', ')} from etl.days
         ) as counted where date is not null group by date order by date`,
      )
      const counts = (row: Row, before: string) =>
        Object.fromEntries(COUNT_OF.map(([table, column]) => [table, Number(row[before + column])])) as Record<Counted, number>
      return rows.map((row) => ({
        date: row.date,
        rows: counts(row, ''),
        computed: row['run_id'] === null ? undefined : counts(row, 'was_'),
      }))
    },
    /** Days that a run meant to make, and that neither it nor a later one has made; and those that were made in part. */
    async left(): Promise<Map<Day, Why>> {
      const rows = await session.rows<{ date: Day; kept_out: boolean }>(
        `select p.date, max_by(k.date is not null, p.run_id) as kept_out
         from etl.run_days p join etl.runs r on r.run_id = p.run_id left join etl.days d on d.date = p.date
         left join (select distinct run_id, date from etl.kept_out) k on k.run_id = p.run_id and k.date = p.date
         where r.state in ('interrupted', 'failed') and r.tables is null and coalesce(d.run_id < p.run_id, true) group by p.date`,
      )
      const parts = await session.rows<{ date: Day }>('select distinct day as date from etl.parts')
      return new Map([
        ...parts.map(({ date }) => [date, 'made in part'] as const),
        ...rows.map(({ date, kept_out: isKeptOut }) => [date, isKeptOut ? 'kept out' : 'interrupted'] as const),
      ])
    },
    async hasEvents(day: Day): Promise<boolean> {
      const of = COUNT_OF.map(([table]) => `select 1 as found from ${table} where partition_date = date '${day}'`)
      return (await session.rows(`select found from (${of.join(' union all ')}) as events limit 1`)).length > 0
    },
    async openSince(day: Day): Promise<Day | undefined> {
      const [found] = await session.rows<{ date: Day | null }>(
        `select min(date) as date from silver.user_sessions where date < $1::date and ended_at >= $1::date - interval '30 minute'`,
        [day],
      )
      return found?.date ?? undefined
    },
    async begin(
      run: {
        askedBy: string
        engine: BatchEngine['name']
        asked: Stretch | undefined
        only: readonly string[] | undefined
        due: readonly DueDay[]
      },
      now: number,
    ): Promise<number> {
      return session.transaction(async () => {
        const [last] = await session.rows<{ id: number }>('select coalesce(max(run_id), 0) as id from etl.runs')
        const id = last!.id + 1
        await session.run(
          `insert into etl.runs (run_id, started_at, state, asked_by, from_date, to_date, is_level, days, days_done, days_kept_out, rows_in, rows_out, seconds, checks_failed, tables, engine)
           values ($1, $2::timestamp, 'running', $3, $4::date, $5::date, false, $6, 0, 0, 0, 0, 0, 0, $7, $8)`,
          [
            id,
            textOf(now),
            run.askedBy,
            run.asked?.from ?? null,
            run.asked?.to ?? null,
            run.due.length,
            run.only?.join(', ') ?? null,
            run.engine,
          ],
        )
        await addDays(id, run.due)
        await session.run('delete from etl.failed_rows where run_id <= $1', [id - RUNS_WITH_ROWS])
        return id
      })
    },
    /** What is to be made, once the loader was waited for. */
    async settle(runId: number, { isLevel, due }: { isLevel: boolean; due: readonly DueDay[] }) {
      await session.transaction(async () => {
        await session.run('update etl.runs set is_level = $2, days = $3 where run_id = $1', [runId, isLevel, due.length])
        await session.run('delete from etl.run_days where run_id = $1', [runId])
        await addDays(runId, due)
      })
    },
    /**
     * Inside the transaction that makes them: so what is counted is what is read. Tables that the days are not made from anew keep the count that they were
     * made from: what came to these meanwhile is due the next time.
     */
    async markDays(runId: number, due: readonly Pick<DueDay, 'date' | 'changed'>[], now: number) {
      if (due.length === 0) return
      const counts = COUNT_OF.map(
        ([table, column]) =>
          `case when contains(d.changed, '${table}') then (select count(*) from ${table} where partition_date = d.date) else coalesce(before.${column}, 0) end`,
      )
      const days = valuesOf(
        'given',
        ['date', 'changed'],
        due.map(({ date, changed }) => [date, changed.join(' ')]),
        session.dialect,
      )
      await session.run(
        `insert into etl.days select d.date, ${runId}, cast($1 as timestamp), ${counts.join(', ')}
         from (select cast(date as date) as date, changed from ${days}) as d left join etl.days as before on before.date = d.date`,
        [textOf(now)],
      )
      const dates = due.map(({ date }) => `date '${date}'`)
      await session.run(`delete from etl.days where run_id <> ${runId} and date in (${dates.join(', ')})`)
    },
    async addStep(
      runId: number,
      model: string,
      { from, to }: Stretch,
      step: { days: number; rowsIn: number; rowsOut: number; seconds: number },
      now: number,
    ) {
      await session.run(`insert into etl.steps values ($1, $2, $3::date, $4::date, $5, $6, $7, $8, $9::timestamp)`, [
        runId,
        model,
        from,
        to,
        step.days,
        step.rowsIn,
        step.rowsOut,
        step.seconds,
        textOf(now),
      ])
    },
    /** Into the check's one row of the run: a run looks at some tables' days in several stretches. */
    async addCheck(runId: number, { model, name, severity, stretch: { from, to }, days, unjudgedDays, why, failing, kept }: Checked) {
      const of = [runId, model, name]
      const state = `case when failing_rows > 0 then 'failed' when unjudged_days > 0 and unjudged_days >= days then $4 else 'passed' end`
      const isThere = await session.run(
        `update etl.checks set from_date = least(from_date, $4::date), to_date = greatest(to_date, $5::date), days = days + $6, unjudged_days = unjudged_days + $7,
         failing_rows = failing_rows + $8 where run_id = $1 and model = $2 and name = $3`,
        [...of, from, to, days, unjudgedDays, failing],
      )
      if (isThere === 0)
        await session.run(
          `insert into etl.checks (run_id, model, name, from_date, to_date, days, unjudged_days, failing_rows, severity)
           values ($1, $2, $3, $4::date, $5::date, $6, $7, $8, $9)`,
          [...of, from, to, days, unjudgedDays, failing, severity],
        )
      await session.run(`update etl.checks set state = ${state} where run_id = $1 and model = $2 and name = $3`, [
        ...of,
        why ?? 'no_history',
      ])
      if (kept.length === 0) return
      const [before] = await session.rows<{ n: number }>(
        'select count(*) as n from etl.failed_rows where run_id = $1 and model = $2 and name = $3',
        of,
      )
      const rows = kept.slice(0, Math.max(0, FAILED_ROWS_MAX - (before?.n ?? 0))).map((row) => [row])
      if (rows.length === 0) return
      await session.run(
        `insert into etl.failed_rows select $1, $2, $3, row_json from ${valuesOf('failed', ['row_json'], rows, session.dialect)}`,
        of,
      )
    },
    /** With what the chunk made. */
    async chunkDone(
      runId: number,
      done: { days: number; rowsIn: number; rowsOut: number; keptOut: readonly KeptOutDay[]; seconds: number },
    ) {
      for (const { date, model, name } of done.keptOut)
        await session.run('insert into etl.kept_out values ($1, $2::date, $3, $4)', [runId, date, model, name])
      await session.run(
        `update etl.runs set days_done = days_done + $2, rows_in = rows_in + $3, rows_out = rows_out + $4, days_kept_out = coalesce(days_kept_out, 0) + $5, seconds = $6,
         checks_failed = (select count(*) from etl.checks c where c.run_id = $1 and c.state = 'failed') where run_id = $1`,
        [runId, done.days, done.rowsIn, done.rowsOut, done.keptOut.length, done.seconds],
      )
    },
    async end(runId: number, state: RunState, error: string | null, seconds: number, now: number) {
      await session.run(`update etl.runs set state = $2, error = $3, seconds = $4, ended_at = $5::timestamp where run_id = $1`, [
        runId,
        state,
        error,
        seconds,
        textOf(now),
      ])
    },
    runs: (countMax: number) => session.rows<RunShown>(`select ${RUN_COLUMNS} from etl.runs order by run_id desc limit ${countMax}`),
    async run(runId: number): Promise<RunDetail | undefined> {
      const [run] = await session.rows<RunShown>(`select ${RUN_COLUMNS} from etl.runs where run_id = $1`, [runId])
      if (!run) return undefined
      const of = <T>(table: string, order: string) =>
        session.rows<T>(`select * exclude (run_id) from etl.${table} where run_id = $1 order by ${order}`, [runId])
      return {
        ...run,
        due: await session.rows<RunDetail['due'][number]>(
          'select why, count(*) as days, min(date) as from_date, max(date) as to_date from etl.run_days where run_id = $1 group by why order by why',
          [runId],
        ),
        steps: await of<StepShown>('steps', 'started_at, model, from_date'),
        checks: await session.rows<CheckShown>(
          `select ${CHECK_COLUMNS} from etl.checks c where run_id = $1 order by model, name, c.from_date`,
          [runId],
        ),
        failed_rows: await of<FailedRow>('failed_rows', 'model, name, row_json'),
        kept_out: await of<KeptOutDay>('kept_out', 'date, model, name'),
      }
    },
    keptOut: (runId: number) => session.rows<KeptOutDay>('select date, model, name from etl.kept_out where run_id = $1', [runId]),
    /** What came of each check in the last runs that looked at it, or at that day, the latest first. */
    async checks(runsMax: number, day?: Day): Promise<readonly CheckRun[]> {
      const runs = await session.rows<CheckRun>(
        `select c.run_id, r.started_at, ${CHECK_COLUMNS} from etl.checks c join etl.runs r on r.run_id = c.run_id
         ${day === undefined ? '' : `where date '${day}' between c.from_date and c.to_date`}
         qualify row_number() over (partition by model, name order by c.run_id desc) <= ${runsMax} order by c.run_id desc`,
      )
      if (day === undefined) return runs
      const keptOut = await session.rows<{ id: number }>(`select distinct run_id as id from etl.kept_out where date = date '${day}'`)
      // Of the days that a run looked at, a check that stops has failed in those alone that it kept out.
      const isOthers = ({ run_id: run, severity, state }: CheckRun) =>
        severity === 'stop' && state === 'failed' && !keptOut.some(({ id }) => id === run)
      return runs.map((each) => (isOthers(each) ? { ...each, state: 'passed', failing_rows: 0 } : each))
    },
  }
}

export type EtlStore = ReturnType<typeof etlStore>
