import type { RunDetail } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { count, duration } from '../../model/format.ts'
import { Badge, Facts, Failure, Loading, Time } from '../../ui/basics.tsx'
import { Aside } from '../../ui/dialog.tsx'
import { Json } from '../../ui/json.tsx'
import { Table } from '../../ui/table.tsx'
import { CheckBadge } from './check-look.tsx'
import { RUN_TONES, utc } from './run-look.ts'

const WATCH_MS = 1_000

/** One run: its steps as they come, its checks, and rows that failed them. */
export function RunAside({ id, isRunning, onClose }: { id: string; isRunning: boolean; onClose: () => void }) {
  const { data, error, reload } = useAsk<RunDetail>(`/api/etl/runs/${id}`, { everyMs: isRunning ? WATCH_MS : 10 * WATCH_MS })
  return (
    <Aside title={`Run ${id}`} onClose={onClose}>
      {error && !data ? <Failure error={error} onRetry={reload} /> : data ? <Shown run={data} /> : <Loading what="the run" />}
    </Aside>
  )
}

function Shown({ run }: { run: RunDetail }) {
  const { state, asked_by: by, started_at: started, ended_at: ended, is_level: isLevel, days, days_done: done, seconds, error } = run
  return (
    <>
      <div className="flex flex-col gap-3 border-b border-line p-3">
        {error !== null && <p className="rounded-md bg-bad-soft px-2 py-1.5 break-words text-bad">{error}</p>}
        <Facts
          of={[
            [
              'state',
              <Badge key="state" tone={RUN_TONES[state]}>
                {state}
              </Badge>,
            ],
            ['asked by', by],
            ['began', <Time key="began" iso={utc(started)} />],
            ...(ended === null ? [] : [['ended', <Time key="ended" iso={utc(ended)} />] as const]),
            ['took', duration(seconds * 1_000)],
            ['days', `${done} of ${days}`],
            ...(run.engine === null ? [] : [['made by', run.engine] as const]),
            ...(run.tables === null ? [] : [['tables', run.tables] as const]),
            ...(run.days_kept_out === 0 ? [] : [['kept out', [...new Set(run.kept_out.map(({ date }) => date))].join(', ')] as const]),
            ['all was loaded first', isLevel ? 'yes' : 'no'],
            ['rows in, out', `${count(run.rows_in)}, ${count(run.rows_out)}`],
          ]}
        />
      </div>
      <h3 className="px-3 pt-3 font-semibold">Steps</h3>
      <Table
        label="Steps"
        columns={[
          { name: 'table', show: ({ model }) => model },
          { name: 'days', isNumber: true, show: (step) => step.days },
          { name: 'in', isNumber: true, show: ({ rows_in: rows }) => count(rows) },
          { name: 'out', isNumber: true, show: ({ rows_out: rows }) => count(rows) },
          { name: 'took', isNumber: true, show: (step) => duration(step.seconds * 1_000) },
        ]}
        rows={run.steps}
        keyOf={({ model, from_date: from, started_at: at }) => `${model} ${from} ${at}`}
      />
      <h3 className="border-t border-line px-3 pt-3 font-semibold">Checks</h3>
      <Table
        label="Checks"
        columns={[
          { name: 'state', show: ({ state, severity }) => <CheckBadge state={state} severity={severity} /> },
          { name: 'table', show: ({ model }) => model },
          { name: 'check', isName: true, show: ({ name }) => name },
          { name: 'failing', isNumber: true, show: ({ failing_rows: rows }) => count(rows) },
        ]}
        rows={run.checks}
        keyOf={({ model, name, from_date: from }) => `${model} ${name} ${from}`}
      />
      {run.failed_rows.length > 0 && (
        <>
          <h3 className="border-t border-line px-3 pt-3 font-semibold">Rows that failed</h3>
          {run.failed_rows.map(({ model, name, row_json: row }) => (
            <details key={`${model} ${name} ${row}`} className="px-3 py-1">
              <summary>
                {model}: {name}
              </summary>
              <Json value={JSON.parse(row)} label={`A row of ${model}`} />
            </details>
          ))}
        </>
      )}
    </>
  )
}
