import { useCallback, useEffect, useRef, useState } from 'react'
import type { AlertShown, AlertsPage as Answer } from 'flowguard/answers'
import { liveState } from '../../api/live.ts'
import { useAsk } from '../../api/use-ask.ts'
import { count } from '../../model/format.ts'
import { lastSeen } from '../../model/unseen.ts'
import { useAddress } from '../../state/address.ts'
import { markSeen, seenAlerts } from '../../state/seen-alerts.ts'
import { useStore } from '../../state/store.ts'
import { Badge, Empty, Failure, Loading, Page, Panel, Time } from '../../ui/basics.tsx'
import { Pager, Select } from '../../ui/pick.tsx'
import { SEVERITIES, SEVERITY_TONES } from '../../ui/severity.ts'
import { Table, type Column } from '../../ui/table.tsx'
import { AlertAside } from './alert.tsx'

const PAGE_COUNT = 100

export function AlertsPage() {
  const { get, set } = useAddress()
  const [kind, severity, after, open] = [get('kind'), get('severity'), get('after'), get('open')]
  const query = new URLSearchParams({ limit: String(PAGE_COUNT) })
  for (const [name, value] of Object.entries({ kind, severity, after })) if (value !== '') query.set(name, value)
  const { data, error, reload } = useAsk<Answer>(`/api/alerts?${query}`)
  const isNew = useNew()
  // What has come is at the top by itself.
  const newest = useStore(liveState)?.alerts.newest
  const before = useRef(newest)
  useEffect(() => {
    if (before.current !== undefined && before.current !== newest) reload()
    before.current = newest
  }, [newest, reload])
  const close = useCallback(() => set({ open: null }), [set])
  const isFiltered = kind !== '' || severity !== ''

  return (
    <Page title="Alerts" about="What somebody should know of, the moment it happens.">
      <div className={`grid items-start gap-3 px-4 pb-6 md:px-6 ${open ? 'lg:grid-cols-[minmax(0,1fr)_27rem]' : ''}`}>
        <Panel
          title={isFiltered ? [severity, kind].filter(Boolean).join(' ') : 'All alerts'}
          actions={
            <Filters groups={data?.groups ?? []} kind={kind} severity={severity} onChoose={(next) => set({ ...next, after: null })} />
          }
        >
          {error && !data ? (
            <Failure error={error} onRetry={reload} />
          ) : !data ? (
            <Loading what="the alerts" />
          ) : data.alerts.length === 0 ? (
            <None isFiltered={isFiltered} isPage={after !== ''} onAll={() => set({ kind: null, severity: null, after: null })} />
          ) : (
            <>
              <Table
                label="Alerts"
                columns={columnsOf(isNew, (offset) => set({ open: offset }))}
                rows={data.alerts}
                keyOf={({ offset }) => String(offset)}
                isChosen={({ offset }) => String(offset) === open}
              />
              <div className="flex flex-wrap items-center gap-3 border-t border-line px-3 py-2 text-muted">
                <span className="num">{count(data.total)} fit</span>
                <Pager
                  first={after !== '' && { name: 'To the newest', onChoose: () => set({ after: null }) }}
                  next={data.next_after !== null && { name: 'Older', onChoose: () => set({ after: data.next_after }) }}
                />
              </div>
            </>
          )}
        </Panel>
        {open && <AlertAside key={open} offset={open} onClose={close} />}
      </div>
    </Page>
  )
}

/** Which alerts had not been seen when the page was opened; from then on they have been. */
function useNew(): (offset: number) => boolean {
  const alerts = useStore(liveState)?.alerts
  const [before, setBefore] = useState<number>()
  const log = alerts?.log
  useEffect(() => {
    if (log !== undefined) setBefore(lastSeen(log, seenAlerts.get()))
  }, [log])
  useEffect(() => {
    const look = () => document.visibilityState === 'visible' && alerts && before !== undefined && markSeen(alerts)
    look()
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  }, [alerts, before])
  return (offset) => before !== undefined && offset > before
}

function columnsOf(isNew: (offset: number) => boolean, onOpen: (offset: number) => void): Column<AlertShown>[] {
  return [
    { name: 'severity', show: ({ alert: { severity } }) => <Badge tone={SEVERITY_TONES[severity]}>{severity}</Badge> },
    {
      name: 'alert',
      isName: true,
      show: ({ offset, alert: { title, detail, raised_at: raised } }) => (
        <div className="min-w-56">
          <button
            type="button"
            className="text-left font-medium break-words text-accent underline underline-offset-2"
            onClick={() => onOpen(offset)}
          >
            {title}
          </button>{' '}
          {isNew(offset) && <Badge tone="accent">new</Badge>}
          <span className="block text-xs text-muted @3xl:hidden">
            <Time iso={raised} />
          </span>
          <span className="line-clamp-2 text-xs break-words text-muted">{detail}</span>
        </div>
      ),
    },
    { name: 'kind', isMinor: true, show: ({ alert: { kind } }) => <span className="whitespace-nowrap">{kind}</span> },
    { name: 'raised', isNumber: true, isMinor: true, show: ({ alert }) => <Time iso={alert.raised_at} /> },
  ]
}

interface FiltersProps {
  groups: Answer['groups']
  kind: string
  severity: string
  onChoose: (filter: { kind?: string; severity?: string }) => void
}

function Filters({ groups, kind, severity, onChoose }: FiltersProps) {
  const counted = (fits: (group: Answer['groups'][number]) => boolean) =>
    count(groups.filter(fits).reduce((sum, group) => sum + group.count, 0))
  const kinds = [...new Set([...groups.map((group) => group.kind), ...(kind === '' ? [] : [kind])])]
  return (
    <div role="search" aria-label="Alerts" className="flex flex-wrap items-center gap-2">
      <Select
        label="Kind"
        value={kind}
        all="any kind"
        options={kinds.map((each) => [each, `${each} (${counted((group) => group.kind === each)})`] as const)}
        onChoose={(chosen) => onChoose({ kind: chosen })}
      />
      <Select
        label="Severity"
        value={severity}
        all="any severity"
        options={SEVERITIES.map((each) => [each, `${each} (${counted((group) => group.severity === each)})`] as const)}
        onChoose={(chosen) => onChoose({ severity: chosen })}
      />
    </div>
  )
}

function None({ isFiltered, isPage, onAll }: { isFiltered: boolean; isPage: boolean; onAll: () => void }) {
  if (isFiltered || isPage)
    return (
      <Empty title={isPage ? 'Nothing is older' : 'No alert fits'}>
        <button type="button" className="text-accent underline" onClick={onAll}>
          Show all
        </button>
      </Empty>
    )
  return (
    <Empty title="No alert has been raised">
      <p>
        Billing raises one the moment an ad's charges of a day pass its daily budget (<code>budget_passed</code>): it trims nothing. It
        comes here by itself, and in <code>alerts.v1</code>.
      </p>
    </Empty>
  )
}
