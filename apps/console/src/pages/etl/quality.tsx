import { useState } from 'react'
import type { CheckNow } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { count } from '../../model/format.ts'
import { Empty, Failure, Loading, Panel } from '../../ui/basics.tsx'
import { Segments } from '../../ui/segments.tsx'
import { Table, type Column } from '../../ui/table.tsx'
import { CheckBadge, STATE_DOTS, STATE_WORDS } from './check-look.tsx'

const EVERY_MS = 15_000
/** What is to be looked at comes first. */
const ORDER: readonly CheckNow['state'][] = ['failed', 'no_history', 'no_reference', 'never_run', 'passed']

/** Every check of silver and gold, and what came of it in the last runs that looked at it. */
export function Quality({ onRun }: { onRun: (runId: number) => void }) {
  const { data, error, reload } = useAsk<{ checks: CheckNow[] }>('/api/etl/checks', { everyMs: EVERY_MS })
  const [shown, setShown] = useState<'open' | 'all'>('open')
  const checks = data?.checks ?? []
  const open = checks.filter(({ state }) => state !== 'passed')
  const rows = (shown === 'all' ? checks : open).toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))
  const columns: Column<CheckNow>[] = [
    { name: 'state', show: ({ state, severity }) => <CheckBadge state={state} severity={severity} /> },
    { name: 'table', show: ({ model }) => model },
    { name: 'check', isName: true, show: ({ name }) => name },
    { name: 'if it fails', isMinor: true, show: ({ severity }) => (severity === 'stop' ? 'keeps the day out' : 'warns') },
    { name: 'failing', isNumber: true, show: ({ latest }) => (latest ? count(latest.failing_rows) : '–') },
    { name: 'last runs', isMinor: true, show: ({ history }) => <History of={history} /> },
    {
      name: 'run',
      isNumber: true,
      show: ({ latest }) =>
        latest ? (
          <button type="button" className="text-accent underline underline-offset-2" onClick={() => onRun(latest.run_id)}>
            {latest.run_id}
          </button>
        ) : (
          '–'
        ),
    },
  ]
  return (
    <Panel title="Data quality">
      <div className="flex flex-wrap items-center gap-3 px-3 py-2">
        <Segments
          label="Which checks"
          choices={[
            ['open', 'Not passed'],
            ['all', 'All'],
          ]}
          chosen={shown}
          onChoose={setShown}
        />
        {data && (
          <span className="text-muted" role="status">
            {count(checks.length - open.length)} of {count(checks.length)} checks passed when they last looked
          </span>
        )}
      </div>
      {error && !data ? (
        <Failure error={error} onRetry={reload} />
      ) : !data ? (
        <Loading what="the checks" />
      ) : rows.length === 0 ? (
        <Empty title="All checks passed">Nothing in silver and gold breaks what its models declare.</Empty>
      ) : (
        <Table label="Checks of silver and gold" columns={columns} rows={rows} keyOf={({ model, name }) => `${model} ${name}`} />
      )}
    </Panel>
  )
}

/** The oldest on the left, as time goes. */
function History({ of }: { of: CheckNow['history'] }) {
  const said = of.map(({ run_id: id, state }) => `run ${id}: ${STATE_WORDS[state]}`).join(', ')
  return (
    <span className="inline-flex items-center gap-0.5" role="img" aria-label={said || 'never run'} title={said}>
      {of.toReversed().map(({ run_id: id, state }) => (
        <span key={id} className={`h-3 w-1.5 rounded-xs ${STATE_DOTS[state]}`} />
      ))}
    </span>
  )
}
