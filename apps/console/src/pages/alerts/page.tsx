import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react'
import type { AlertShown, AlertsPage as Answer } from 'flowguard/answers'
import { liveState } from '../../api/live.ts'
import { useAsk } from '../../api/use-ask.ts'
import { count } from '../../model/format.ts'
import { lastSeen } from '../../model/unseen.ts'
import { useAddress } from '../../state/address.ts'
import { markSeen, seenAlerts } from '../../state/seen-alerts.ts'
import { useStore } from '../../state/store.ts'
import { Badge, Button, Empty, Failure, Loading, Page, Panel, Time } from '../../ui/basics.tsx'
import { Pager, Select } from '../../ui/pick.tsx'
import { SEVERITIES, SEVERITY_TONES } from '../../ui/severity.ts'
import { Table, type Column } from '../../ui/table.tsx'
import { AlertAside } from './alert.tsx'
import { useAct } from './use-act.ts'
import { StateBadge } from './words.tsx'

const PAGE_COUNT = 100

export function AlertsPage() {
  const { get, set } = useAddress()
  const [kind, severity, after, open] = [get('kind'), get('severity'), get('after'), get('id')]
  const query = new URLSearchParams({ limit: String(PAGE_COUNT) })
  for (const [name, value] of Object.entries({ kind, severity, after })) if (value !== '') query.set(name, value)
  const all = useAsk<Answer>(`/api/alerts?${query}`)
  const openNow = useAsk<Answer>(`/api/alerts?state=open&limit=${PAGE_COUNT}`)
  const isNew = useNew()
  const [reloadAll, reloadOpen] = [all.reload, openNow.reload]
  const reload = useCallback(() => {
    reloadAll()
    reloadOpen()
  }, [reloadAll, reloadOpen])
  // What has come, grown or ended is shown by itself.
  const { newest, changed } = useStore(liveState)?.alerts ?? {}
  const state = newest === undefined ? undefined : `${newest} ${changed}`
  const before = useRef(state)
  useEffect(() => {
    if (before.current !== undefined && before.current !== state) reload()
    before.current = state
  }, [state, reload])
  const close = useCallback(() => set({ id: null }), [set])
  const onOpen = (id: string) => set({ id })

  return (
    <Page title="Alerts" about="What somebody should know of, the moment it happens.">
      <div className={`grid items-start gap-3 px-4 pb-6 md:px-6 ${open ? 'lg:grid-cols-[minmax(0,1fr)_27rem]' : ''}`}>
        <div className="flex min-w-0 flex-col gap-3">
          {openNow.data && openNow.data.total > 0 && (
            <OpenNow data={openNow.data} isNew={isNew} chosen={open} onOpen={onOpen} onDone={reload} />
          )}
          <All of={all} filter={{ kind, severity, after }} isNew={isNew} chosen={open} onOpen={onOpen} onFilter={set} />
        </div>
        {open && <AlertAside key={open} id={open} version={state ?? ''} onClose={close} onDone={reload} />}
      </div>
    </Page>
  )
}

interface ListProps {
  isNew: (offset: number) => boolean
  /** The id of the one that is open beside. */
  chosen: string
  onOpen: (id: string) => void
}

/** What is open, with what an operator can do about it. */
function OpenNow({ data, isNew, chosen, onOpen, onDone }: ListProps & { data: Answer; onDone: () => void }) {
  const { run, busy, error } = useAct(onDone)
  const acts = (shown: AlertShown) => {
    const { alert_id: id, title } = shown.alert
    return (
      <div className="flex flex-wrap gap-1.5 @3xl:justify-end">
        {shown.acknowledged_at === null && (
          <Button disabled={busy === id} aria-label={`Acknowledge ${title}`} onClick={() => void run('acknowledge', id)}>
            Acknowledge
          </Button>
        )}
        <Button disabled={busy === id} aria-label={`Resolve ${title}`} onClick={() => void run('resolve', id)}>
          Resolve
        </Button>
      </div>
    )
  }
  return (
    <Panel title="Open now" actions={<span className="num text-muted">{count(data.open)}</span>}>
      {error && <Failure error={error} />}
      <Table
        label="Open alerts"
        columns={[...columnsOf(isNew, onOpen, acts), { name: 'what to do', isMinor: true, show: acts }]}
        rows={data.alerts}
        keyOf={({ alert }) => alert.alert_id}
        isChosen={({ alert }) => alert.alert_id === chosen}
      />
      {data.total > data.alerts.length && <p className="px-3 py-2 text-muted">And {count(data.total - data.alerts.length)} more.</p>}
    </Panel>
  )
}

interface AllProps extends ListProps {
  of: ReturnType<typeof useAsk<Answer>>
  filter: { kind: string; severity: string; after: string }
  onFilter: (change: Record<string, string | number | null>) => void
}

function All({ of: { data, error, reload }, filter: { kind, severity, after }, isNew, chosen, onOpen, onFilter }: AllProps) {
  const isFiltered = kind !== '' || severity !== ''
  return (
    <Panel
      title={isFiltered ? [severity, kind].filter(Boolean).join(' ') : 'All alerts'}
      actions={
        <Filters groups={data?.groups ?? []} kind={kind} severity={severity} onChoose={(next) => onFilter({ ...next, after: null })} />
      }
    >
      {error && !data ? (
        <Failure error={error} onRetry={reload} />
      ) : !data ? (
        <Loading what="the alerts" />
      ) : data.alerts.length === 0 ? (
        <None isFiltered={isFiltered} isPage={after !== ''} onAll={() => onFilter({ kind: null, severity: null, after: null })} />
      ) : (
        <>
          <Table
            label="Alerts"
            columns={columnsOf(isNew, onOpen)}
            rows={data.alerts}
            keyOf={({ alert }) => alert.alert_id}
            isChosen={({ alert }) => alert.alert_id === chosen}
          />
          <div className="flex flex-wrap items-center gap-3 border-t border-line px-3 py-2 text-muted">
            <span className="num">{count(data.total)} fit</span>
            <Pager
              first={after !== '' && { name: 'To the newest', onChoose: () => onFilter({ after: null }) }}
              next={data.next_after !== null && { name: 'Older', onChoose: () => onFilter({ after: data.next_after }) }}
            />
          </div>
        </>
      )}
    </Panel>
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

/** `acts`: what can be done about an alert, below it where there is little room. */
function columnsOf(
  isNew: (offset: number) => boolean,
  onOpen: (id: string) => void,
  acts?: (shown: AlertShown) => ReactNode,
): Column<AlertShown>[] {
  return [
    {
      name: 'severity',
      show: (shown) => (
        <span className="flex flex-col items-start gap-1">
          <Badge tone={SEVERITY_TONES[shown.alert.severity]}>{shown.alert.severity}</Badge>
          <StateBadge {...shown} />
        </span>
      ),
    },
    {
      name: 'alert',
      isName: true,
      show: (shown) => {
        const {
          place,
          alert: { alert_id: id, title, detail, reason, raised_at: raised },
        } = shown
        return (
          <div className="min-w-56">
            <button
              type="button"
              className="text-left font-medium break-words text-accent underline underline-offset-2"
              onClick={() => onOpen(id)}
            >
              {title}
            </button>{' '}
            {place !== null && isNew(place.offset) && <Badge tone="accent">new</Badge>}
            <span className="block text-xs text-muted @3xl:hidden">
              <Time iso={raised} />
            </span>
            <span className="line-clamp-2 text-xs break-words text-muted">{reason ?? detail}</span>
            {acts && <div className="mt-1.5 @3xl:hidden">{acts(shown)}</div>}
          </div>
        )
      },
    },
    { name: 'kind', isMinor: true, show: ({ alert: { kind } }) => <span className="whitespace-nowrap">{kind}</span> },
    { name: 'seen', isNumber: true, isMinor: true, show: ({ alert: { count: seen } }) => (seen === undefined ? '' : count(seen)) },
    { name: 'raised', isNumber: true, isMinor: true, show: ({ alert }) => <Time iso={alert.raised_at} /> },
    {
      name: 'last seen',
      isNumber: true,
      isMinor: true,
      show: ({ alert: { last_seen: last } }) => (last === undefined ? '' : <Time iso={last} />),
    },
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
        They come here by themselves: what is out of the usual, signs of fraud, faults of the pipeline (<code>config/alerts.yaml</code> says
        when), and ads that pass their daily budget.
      </p>
    </Empty>
  )
}
