import { useEffect, useState } from 'react'
import { Link } from 'wouter'
import type { RecordsPage, Trace } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { Button, Empty, Facts, Failure, Loading, Page, Panel, Time } from '../../ui/basics.tsx'
import { IdSearch } from '../../ui/id-search.tsx'
import { Json } from '../../ui/json.tsx'
import { Mono, RecordLink } from '../../ui/record-link.tsx'
import { duration } from '../../model/format.ts'
import { Outcome } from './outcome.tsx'
import { Timeline } from './timeline.tsx'

/** While more is to come of it, it is looked at again so often; more seldom once that has gone on for long: a reader may stand still. */
const EVERY_MS = 1_000
const LONG_MS = 5 * 60_000
const SELDOM_MS = 15_000

export function TracePage() {
  const { get, set } = useAddress()
  const id = get('id')
  const [everyMs, setEveryMs] = useState<number>()
  const { data, error, isLoading, reload } = useAsk<Trace>(id === '' ? null : `/api/trace/${encodeURIComponent(id)}`, {
    alsoGood: [404],
    ...(everyMs !== undefined && { everyMs }),
  })
  const isOpen = data?.is_open === true
  useEffect(() => {
    setEveryMs(isOpen ? EVERY_MS : undefined)
    if (!isOpen) return
    const timer = window.setTimeout(() => setEveryMs(SELDOM_MS), LONG_MS)
    return () => window.clearTimeout(timer)
  }, [isOpen, id])
  return (
    <Page title="Trace" about="An event's whole way, from the gateway to the warehouse, or why it went no further.">
      <div className="flex flex-col gap-3 px-4 pb-6 md:px-6">
        <IdSearch
          label="Event id or order id"
          action="Trace"
          value={id}
          onSearch={(wanted) => (wanted === id ? reload() : set({ id: wanted }))}
        />
        {id === '' ? (
          <Latest />
        ) : error && !data ? (
          <Failure error={error} onRetry={reload} />
        ) : data ? (
          <Way trace={data} everyMs={everyMs} onReload={reload} isLoading={isLoading} />
        ) : (
          <Loading what="the trace" />
        )}
      </div>
    </Page>
  )
}

interface WayProps {
  trace: Trace
  /** It is looked at again by itself, so often. */
  everyMs: number | undefined
  onReload: () => void
  isLoading: boolean
}

function Way({ trace, everyMs, onReload, isLoading }: WayProps) {
  if (!trace.found)
    return (
      <Panel>
        <Empty title="Nothing has this id">
          Looked for in {trace.searched.join('; ')}.{' '}
          <button type="button" className="text-accent underline" onClick={onReload}>
            Look again
          </button>
        </Empty>
      </Panel>
    )
  const known = [
    ['event', trace.event_id],
    ['order', trace.order_id],
    ['type', trace.event_type],
    ['user', trace.user_id],
    ['trace id', trace.trace_id],
  ] as const
  return (
    <div className="grid items-start gap-3 lg:grid-cols-[minmax(0,1fr)_26rem]">
      <Panel
        title="What became of it"
        actions={
          everyMs === undefined ? (
            <Button onClick={onReload} disabled={isLoading}>
              Look again
            </Button>
          ) : (
            <span className="text-xs text-muted">
              more is to come: looked at again every {everyMs === EVERY_MS ? 'second' : duration(everyMs)}
            </span>
          )
        }
      >
        <Outcome lines={trace.outcome_lines} />
        <Timeline steps={trace.steps} />
        <p className="border-t border-line px-3 py-2 text-xs text-muted">Looked for in {trace.searched.join('; ')}.</p>
      </Panel>
      <div className="flex min-w-0 flex-col gap-3">
        <Panel title="Ids">
          <div className="p-3">
            <Facts of={known.flatMap(([name, value]) => (value === null ? [] : [[name, <Mono key={name}>{value}</Mono>] as const]))} />
          </div>
          {trace.records.length > 0 && (
            <ul className="flex flex-col gap-1 border-t border-line p-3">
              {trace.records.map(({ topic, partition, offset }) => (
                <li key={`${topic}-${partition}-${offset}`}>
                  <RecordLink topic={topic} partition={partition} offset={offset} />
                </li>
              ))}
            </ul>
          )}
        </Panel>
        {trace.event && (
          <Panel title="Event">
            <Json value={trace.event} label="The event as JSON" />
          </Panel>
        )}
      </div>
    </div>
  )
}

/** Something to begin with. */
function Latest() {
  const { data, error, reload } = useAsk<RecordsPage>('/api/topics/raw.orders.v1/records?limit=8')
  if (error) return <Failure error={error} onRetry={reload} />
  if (!data) return <Loading what="the latest orders" rows={4} />
  const orders = data.records.filter(({ event_id: id }) => id !== null)
  if (orders.length === 0) {
    const found = data.next ? `There are no orders among its latest ${data.looked} records.` : 'There are no orders in the log yet.'
    return <Empty title="Nothing traced yet">Paste an event id or an order id above. {found}</Empty>
  }
  return (
    <Panel title="The latest orders">
      <ul>
        {orders.map(({ event_id: id, appended_at: at, key }) => (
          <li key={id} className="border-b border-line last:border-0">
            <Link href={linkTo('/trace', { id })} className="flex flex-wrap items-center gap-x-4 gap-y-1 px-3 py-1.5 hover:bg-raised">
              <Time iso={at} />
              <span className="font-mono text-xs break-all text-accent">{id}</span>
              <span className="text-muted">user {key}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
