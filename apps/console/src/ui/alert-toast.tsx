import { useEffect, useRef, useState } from 'react'
import { Link, useLocation } from 'wouter'
import type { AlertsPage } from 'flowguard/answers'
import { liveState } from '../api/live.ts'
import { useAsk } from '../api/use-ask.ts'
import { linkTo } from '../state/address.ts'
import { useStore } from '../state/store.ts'
import { Badge } from './basics.tsx'
import { Icon } from './icons.tsx'
import { SEVERITY_TONES } from './severity.ts'

const SHOWN_MS = 12_000

/** Says that an alert has come while the console is open, wherever one is but on the page of alerts, where it can be seen to come. */
export function AlertToast() {
  const alerts = useStore(liveState)?.alerts
  const [at] = useLocation()
  const [shown, setShown] = useState<{ newest: number; count: number }>()
  const known = useRef<{ log: string | null; newest: number }>(undefined)
  const isOnPage = at === '/alerts'
  const { log, newest } = alerts ?? {}

  useEffect(() => {
    if (log === undefined || newest === undefined) return
    const before = known.current
    known.current = { log, newest: newest ?? -1 }
    // The first state of a log only says where it stands.
    if (!before || before.log !== log || newest === null || newest <= before.newest || isOnPage) return
    setShown((last) => ({ newest, count: (last?.count ?? 0) + newest - before.newest }))
  }, [log, newest, isOnPage])
  useEffect(() => {
    if (!shown) return
    const timer = window.setTimeout(() => setShown(undefined), SHOWN_MS)
    return () => window.clearTimeout(timer)
  }, [shown])
  useEffect(() => {
    if (isOnPage) setShown(undefined)
  }, [isOnPage])

  const { data } = useAsk<AlertsPage>(shown ? `/api/alerts?limit=1&after=${shown.newest + 1}` : null)
  const newestAlert = data?.alerts[0]
  return (
    <div role="status" aria-label="New alerts" className="pointer-events-none fixed inset-x-3 bottom-3 z-40 flex justify-end">
      {shown && newestAlert && (
        <div className="panel pointer-events-auto flex w-full max-w-sm items-start gap-2 p-3 shadow-lg">
          <div className="flex min-w-0 flex-1 flex-col items-start gap-0.5">
            <span className="flex items-center gap-2">
              <Badge tone={SEVERITY_TONES[newestAlert.alert.severity]}>{newestAlert.alert.severity}</Badge>
              {newestAlert.alert.state === 'resolved' && <Badge tone="good">resolved</Badge>}
              {shown.count > 1 && <span className="num text-xs text-muted">and {shown.count - 1} more</span>}
            </span>
            <Link
              href={linkTo('/alerts', { id: newestAlert.alert.alert_id })}
              className="line-clamp-2 font-medium break-words text-accent underline underline-offset-2"
            >
              {newestAlert.alert.title}
            </Link>
          </div>
          <button type="button" aria-label="Dismiss" className="rounded p-1 text-muted hover:bg-hover" onClick={() => setShown(undefined)}>
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  )
}
