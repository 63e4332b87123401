import { useState } from 'react'
import { api, type ApiError } from '../../api/client.ts'
import type { Plan, PlannedTable } from 'flowguard/answers'
import { count } from '../../model/format.ts'
import { useAddress } from '../../state/address.ts'
import { Badge, Button, Empty, Failure, Panel } from '../../ui/basics.tsx'
import { DayField, useToday } from '../../ui/days.tsx'
import { Table } from '../../ui/table.tsx'

/** A day, or a stretch of them: first what it would do, then done. */
export function Backfill({ isRunning, hasRest, onStarted }: { isRunning: boolean; hasRest: boolean; onStarted: (runId: number) => void }) {
  const { get, set } = useAddress()
  const today = useToday()
  const [from, to] = [get('from') || today, get('to') || get('from') || today]
  const [plan, setPlan] = useState<{ of: string; plan: Plan }>()
  const [error, setError] = useState<ApiError>()
  const [isAsking, setAsking] = useState(false)
  const stretch = `from=${from}&to=${to}`

  async function asked(work: () => Promise<void>) {
    setAsking(true)
    setError(undefined)
    await work().catch((refused: unknown) => setError(refused as ApiError))
    setAsking(false)
  }
  const planned = () => asked(async () => setPlan({ of: stretch, plan: await api<Plan>(`/api/etl/plan?${stretch}`) }))
  const started = (body: { from: string; to: string } | { resume: true }) =>
    asked(async () => {
      const { run_id: id } = await api<{ run_id: number }>('/api/etl/runs', { body })
      setPlan(undefined)
      onStarted(id)
    })

  const current = plan?.of === stretch ? plan.plan : undefined
  return (
    <Panel title="Run a day, or a backfill">
      <form
        className="flex flex-wrap items-end gap-2 p-3"
        onSubmit={(event) => {
          event.preventDefault()
          void planned()
        }}
      >
        <DayField
          isLabelSeen
          label="From (UTC day)"
          value={from}
          today={today}
          onChange={(day) => set({ from: day, to: to < day ? day : to }, { replace: true })}
        />
        <DayField
          isLabelSeen
          label="To, included"
          value={to}
          today={today}
          onChange={(day) => set({ from: from > day ? day : from, to: day }, { replace: true })}
        />
        <Button type="submit" disabled={isAsking}>
          Plan
        </Button>
        <Button
          kind="primary"
          disabled={isAsking || isRunning || !current}
          title={current ? undefined : 'plan it first'}
          onClick={() => void started({ from, to })}
        >
          {isRunning ? 'A run is at work' : 'Start'}
        </Button>
        {hasRest && !isRunning && (
          <Button
            disabled={isAsking}
            title="the days that runs which were cut off or failed have left"
            onClick={() => void started({ resume: true })}
          >
            Go on with what is left
          </Button>
        )}
        {!current && !isRunning && <span className="pb-1.5 text-muted">Plan it first: what hangs on these days is made anew too.</span>}
      </form>
      {error && <Failure error={error} />}
      {current && <Planned plan={current} />}
    </Panel>
  )
}

const changing = ({ rows }: PlannedTable) => (rows ? rows.added + rows.changed + rows.removed : 0)

function Planned({ plan: { days, tables, is_counted: isCounted } }: { plan: Plan }) {
  if (days.length === 0) return <Empty title="Nothing to make">All of these days are level with what bronze holds.</Empty>
  const rows = days.reduce((sum, { bronze_rows: each }) => sum + each, 0)
  return (
    <div className="border-t border-line">
      <p className="px-3 py-2" role="status">
        <strong className="num">{days.length}</strong> {days.length === 1 ? 'day' : 'days'} of{' '}
        <strong className="num">{count(rows)}</strong> bronze rows, <strong className="num">{tables.length}</strong> tables:{' '}
        {isCounted ? (
          <>
            <strong className="num">{count(tables.reduce((sum, table) => sum + changing(table), 0))}</strong> rows of them would change.
          </>
        ) : (
          'what would change is not counted here.'
        )}
      </p>
      <div className="grid gap-x-4 md:grid-cols-2">
        <Table
          label="Days"
          columns={[
            { name: 'day', show: ({ date }) => <span className="num">{date}</span> },
            { name: 'why', show: ({ why }) => <Badge>{why}</Badge> },
            { name: 'because', show: ({ because }) => because },
            { name: 'bronze rows', isNumber: true, show: ({ bronze_rows: each }) => count(each) },
          ]}
          rows={days}
          keyOf={({ date }) => date}
        />
        <Table
          label="Tables"
          columns={[
            { name: 'table', show: ({ table }) => table },
            { name: 'days', isNumber: true, show: (table) => table.days },
            { name: 'of them hanging', isNumber: true, isMinor: true, show: ({ hanging }) => hanging },
            { name: 'rows now', isNumber: true, isMinor: true, show: ({ rows_now: rows }) => count(rows) },
            { name: 'added', isNumber: true, show: ({ rows: change }) => (change ? count(change.added) : '?') },
            { name: 'changed', isNumber: true, show: ({ rows: change }) => (change ? count(change.changed) : '?') },
            { name: 'removed', isNumber: true, show: ({ rows: change }) => (change ? count(change.removed) : '?') },
          ]}
          rows={tables}
          keyOf={({ table }) => table}
        />
      </div>
    </div>
  )
}
