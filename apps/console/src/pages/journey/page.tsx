import { useEffect, useState } from 'react'
import type { Journey, RecordsPage } from 'flowguard/answers'
import { Link } from 'wouter'
import { useAsk } from '../../api/use-ask.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { Button, Empty, Failure, Loading, Page, Panel } from '../../ui/basics.tsx'
import { IdSearch } from '../../ui/id-search.tsx'
import { Orders } from './orders.tsx'
import { SessionPanel } from './session.tsx'

/** While a session goes on, it is looked at again so often. */
const EVERY_MS = 2_000

export function JourneyPage() {
  const { get, set } = useAddress()
  const [user, before] = [get('user'), get('before')]
  const [isRunning, setRunning] = useState(false)
  const path = `/api/users/${encodeURIComponent(user)}/journey${before === '' ? '' : `?before=${encodeURIComponent(before)}`}`
  const { data, error, reload } = useAsk<Journey>(user === '' ? null : path, isRunning ? { everyMs: EVERY_MS } : {})
  const goesOn = data?.sessions.some((session) => session.is_running) === true
  useEffect(() => setRunning(goesOn), [goesOn, path])
  return (
    <Page title="Journeys" about="What one customer did, session by session, and which orders a click led to.">
      <div className="flex flex-col gap-3 px-4 pb-6 md:px-6">
        <IdSearch
          label="User id"
          action="Show"
          value={user}
          onSearch={(id) => (id === user && before === '' ? reload() : set({ user: id, before: null }))}
        />
        {user === '' ? (
          <Latest />
        ) : error && !data ? (
          <Failure error={error} onRetry={reload} />
        ) : data ? (
          <Way journey={data} isFirst={before === ''} onPage={(to) => set({ before: to })} />
        ) : (
          <Loading what="the journey" />
        )}
      </div>
    </Page>
  )
}

interface WayProps {
  journey: Journey
  isFirst: boolean
  /** Null is the first page. */
  onPage: (before: string | null) => void
}

function Way({ journey: { user_id: user, sessions, attributed_orders: orders, next_before: next }, isFirst, onPage }: WayProps) {
  if (sessions.length === 0 && isFirst)
    return (
      <Panel>
        <Empty title="No session of this user is known">
          Sessions are kept for as long as their topic keeps them. A first one shows within seconds of its first event.
        </Empty>
      </Panel>
    )
  return (
    <div className="grid items-start gap-3 lg:grid-cols-[minmax(0,1fr)_26rem]">
      <div className="flex min-w-0 flex-col gap-3">
        {sessions.map((session) => (
          <SessionPanel key={session.session_id} session={session} />
        ))}
        {(next !== null || !isFirst) && (
          <nav aria-label="Pages" className="flex gap-2">
            {!isFirst && <Button onClick={() => onPage(null)}>The latest</Button>}
            {next !== null && <Button onClick={() => onPage(next)}>Earlier sessions</Button>}
          </nav>
        )}
      </div>
      <Orders user={user} orders={orders} />
    </div>
  )
}

/** Somebody to begin with. */
function Latest() {
  const { data, error, reload } = useAsk<RecordsPage>('/api/topics/raw.clicks.v1/records?limit=50')
  if (error) return <Failure error={error} onRetry={reload} />
  if (!data) return <Loading what="the latest customers" rows={4} />
  const users = [...new Set(data.records.flatMap(({ event_id: id, key }) => (id === null || !key ? [] : [key])))].slice(0, 8)
  if (users.length === 0) return <Empty title="Nobody shown yet">Paste a user id above.</Empty>
  return (
    <Panel title="Here just now">
      <ul>
        {users.map((user) => (
          <li key={user} className="border-b border-line last:border-0">
            <Link
              href={linkTo('/journeys', { user })}
              className="block px-3 py-1.5 font-mono text-xs break-all text-accent hover:bg-raised"
            >
              {user}
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
