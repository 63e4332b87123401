import { useCallback, useEffect, useRef, useState } from 'react'
import { liveState } from '../../api/live.ts'
import type { Progress, RunShown } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { count, duration } from '../../model/format.ts'
import { useAddress } from '../../state/address.ts'
import { useStore } from '../../state/store.ts'
import { Badge, Empty, Failure, Loading, Page, Panel, Time } from '../../ui/basics.tsx'
import { Table, type Column } from '../../ui/table.tsx'
import { Backfill } from './backfill.tsx'
import { RUN_TONES, utc } from './run-look.ts'
import { Quality } from './quality.tsx'
import { RunAside } from './run.tsx'

const EVERY_MS = 5_000
/** How a run ends that has left something. */
const HAS_REST = new Set<string | undefined>(['interrupted', 'failed'])

export function EtlPage() {
  const { get, set } = useAddress()
  const { data, error, reload } = useAsk<{ running: Progress | null; runs: RunShown[] }>('/api/etl/runs?limit=50', { everyMs: EVERY_MS })
  const progress = useStore(liveState)?.etl ?? null
  const open = get('run')
  const close = useCallback(() => set({ run: null }), [set])
  // What ended or began is in the list at once.
  const runId = progress?.run_id
  const before = useRef(runId)
  const [said, setSaid] = useState('')
  useEffect(() => {
    if (before.current === runId) return
    setSaid(runId === undefined ? `Run ${before.current} has ended` : `Run ${runId} has begun`)
    before.current = runId
    reload()
  }, [runId, reload])

  const columns: Column<RunShown>[] = [
    {
      name: 'run',
      show: ({ run_id: id }) => (
        <button type="button" className="text-accent underline underline-offset-2" onClick={() => set({ run: id })}>
          {id}
        </button>
      ),
    },
    { name: 'state', show: ({ state }) => <Badge tone={RUN_TONES[state]}>{state}</Badge> },
    {
      name: 'asked',
      show: ({ asked_by: by, from_date: from, to_date: to, tables }) => (
        <span className="whitespace-nowrap">
          {from === null ? 'what is stale' : from === to ? from : `${from} to ${to}`} {tables} <span className="text-muted">by {by}</span>
        </span>
      ),
    },
    { name: 'began', isMinor: true, show: ({ started_at: at }) => <Time iso={utc(at)} /> },
    { name: 'took', isMinor: true, isNumber: true, show: ({ seconds }) => duration(seconds * 1_000) },
    { name: 'days', isMinor: true, isNumber: true, show: ({ days, days_done: done }) => (done === days ? days : `${done} of ${days}`) },
    { name: 'rows in', isMinor: true, isNumber: true, show: ({ rows_in: rows }) => count(rows) },
    { name: 'rows out', isMinor: true, isNumber: true, show: ({ rows_out: rows }) => count(rows) },
    {
      name: 'checks failed',
      isNumber: true,
      show: ({ checks_failed: failed, state }) => (failed > 0 ? <Badge tone={state === 'failed' ? 'bad' : 'warn'}>{failed}</Badge> : 0),
    },
  ]
  return (
    <Page title="ETL" about="Silver and gold from bronze: by day, the newest first, each checked before it is seen.">
      <div className={`grid items-start gap-3 px-4 pb-6 md:px-6 ${open ? 'lg:grid-cols-[minmax(0,1fr)_30rem]' : ''}`}>
        <div className="flex min-w-0 flex-col gap-3">
          <p role="status" className="sr-only">
            {said}
          </p>
          {progress && <AtWork progress={progress} />}
          <Backfill isRunning={progress !== null} hasRest={HAS_REST.has(data?.runs[0]?.state)} onStarted={(id) => set({ run: id })} />
          <Panel title="Runs">
            {error && !data ? (
              <Failure error={error} onRetry={reload} />
            ) : !data ? (
              <Loading what="the runs" />
            ) : data.runs.length === 0 ? (
              <Empty title="No run yet">Plan one above; the schedule begins one each night besides.</Empty>
            ) : (
              <Table
                label="Runs"
                columns={columns}
                rows={data.runs}
                keyOf={({ run_id: id }) => String(id)}
                isChosen={({ run_id: id }) => String(id) === open}
              />
            )}
          </Panel>
          <Quality onRun={(id) => set({ run: id })} />
        </div>
        {open && <RunAside key={open} id={open} isRunning={progress !== null && String(progress.run_id) === open} onClose={close} />}
      </div>
    </Page>
  )
}

function AtWork({ progress: { run_id: id, days, days_done: done, chunk, chunks, at, from, to } }: { progress: Progress }) {
  return (
    <div className="panel flex flex-wrap items-center gap-x-4 gap-y-1 border-accent px-3 py-2">
      <strong>Run {id} is at work</strong>
      <span>{at || 'beginning'}</span>
      <progress className="h-1.5 min-w-40 flex-1" max={Math.max(1, days)} value={done} aria-label="Days done" />
      <span className="num text-muted">
        {done} of {days} days{chunks > 0 && `, part ${chunk} of ${chunks}`}
        {from !== null && `: ${from === to ? from : `${from} to ${to}`}`}
      </span>
    </div>
  )
}
