import { useEffect, useState } from 'react'
import { Link } from 'wouter'
import type { RecordsPage, Trace } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { Badge, Button, Empty, Facts, Failure, Loading, Page, Panel, Time } from '../../ui/basics.tsx'
import { Json } from '../../ui/json.tsx'
import { Timeline } from './timeline.tsx'

/** So long after it came in, more becomes of an event: it is looked at again by itself. */
const FRESH_MS = 5 * 60_000
const EVERY_MS = 1_000
const WORTH_KNOWING = /^(charged|credited|attributed to click|it earned)/
const AMISS = /(dead letter|late by|not charged|no click|earned no|not found|pending|not in the log)/

export function TracePage() {
  const { get, set } = useAddress()
  const id = get('id')
  const [text, setText] = useState(id)
  useEffect(() => setText(id), [id])
  const [isFresh, setFresh] = useState(false)
  const { data, error, isLoading, reload } = useAsk<Trace>(id === '' ? null : `/api/trace/${encodeURIComponent(id)}`, {
    alsoGood: [404],
    ...(isFresh && { everyMs: EVERY_MS }),
  })
  useEffect(() => setFresh(data !== undefined && ageOf(data) < FRESH_MS), [data])
  return (
    <Page title="Trace" about="An event's whole way, from the gateway to the warehouse, or why it went no further.">
      <div className="flex flex-col gap-3 px-4 pb-6 md:px-6">
        <form
          role="search"
          className="flex gap-2"
          onSubmit={(event) => {
            event.preventDefault()
            if (text.trim() === id) reload()
            else set({ id: text.trim() })
          }}
        >
          <label className="min-w-0 flex-1">
            <span className="sr-only">Event id or order id</span>
            <input
              className="field h-9 w-full font-mono"
              placeholder="Event id or order id"
              spellCheck={false}
              autoComplete="off"
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </label>
          <Button type="submit" kind="primary" className="h-9" disabled={text.trim() === ''}>
            Trace
          </Button>
        </form>
        {id === '' ? (
          <Latest />
        ) : error && !data ? (
          <Failure error={error} onRetry={reload} />
        ) : data ? (
          <Way trace={data} isFresh={isFresh} onReload={reload} isLoading={isLoading} />
        ) : (
          <Loading what="the trace" />
        )}
      </div>
    </Page>
  )
}

/** Milliseconds since the gateway took it. */
function ageOf({ event }: Trace): number {
  const receivedAt = event?.['received_at']
  return typeof receivedAt === 'string' ? Date.now() - Date.parse(receivedAt) : Infinity
}

interface WayProps {
  trace: Trace
  /** It is looked at again by itself. */
  isFresh: boolean
  onReload: () => void
  isLoading: boolean
}

function Way({ trace, isFresh, onReload, isLoading }: WayProps) {
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
          isFresh ? (
            <span className="text-xs text-muted">looked at again each second</span>
          ) : (
            <Button onClick={onReload} disabled={isLoading}>
              Look again
            </Button>
          )
        }
      >
        <ul className="flex flex-col gap-1.5 border-b border-line p-3">
          {trace.outcome.map((line) => (
            <li key={line} className="flex items-baseline gap-2">
              <Badge tone={WORTH_KNOWING.test(line) ? 'good' : AMISS.test(line) ? 'warn' : 'plain'}>
                {WORTH_KNOWING.test(line) ? 'done' : AMISS.test(line) ? 'note' : 'is'}
              </Badge>
              <span className="min-w-0 break-words">{line}</span>
            </li>
          ))}
        </ul>
        <Timeline steps={trace.steps} />
        <p className="border-t border-line px-3 py-2 text-xs text-muted">Looked for in {trace.searched.join('; ')}.</p>
      </Panel>
      <div className="flex min-w-0 flex-col gap-3">
        <Panel title="Ids">
          <div className="p-3">
            <Facts
              of={known.flatMap(([name, value]) =>
                value === null
                  ? []
                  : [
                      [
                        name,
                        <span key={name} className="font-mono text-xs break-all">
                          {value}
                        </span>,
                      ] as const,
                    ],
              )}
            />
          </div>
          {trace.records.length > 0 && (
            <ul className="flex flex-col gap-1 border-t border-line p-3">
              {trace.records.map(({ topic, partition, offset }) => (
                <li key={`${topic}-${partition}-${offset}`}>
                  <Link
                    href={linkTo('/topics', { topic, partition, offset, open: `${partition}:${offset}` })}
                    className="num text-accent underline underline-offset-2"
                  >
                    {topic}-{partition}@{offset}
                  </Link>
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
  if (orders.length === 0)
    return <Empty title="Nothing traced yet">Paste an event id or an order id above. There are no orders in the log yet.</Empty>
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
