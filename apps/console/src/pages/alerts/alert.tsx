import { useEffect, useRef, useState } from 'react'
import { Link } from 'wouter'
import type { AlertShown } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { count, duration } from '../../model/format.ts'
import { linkTo } from '../../state/address.ts'
import { Badge, Button, Facts, Failure, Loading, RecordLink, Time } from '../../ui/basics.tsx'
import { Aside } from '../../ui/dialog.tsx'
import { Json } from '../../ui/json.tsx'
import { SEVERITY_TONES } from '../../ui/severity.ts'
import { useAct } from './use-act.ts'
import { seenOf, StateBadge } from './words.tsx'

const TOPIC = 'alerts.v1'
const LINK = 'inline-flex h-7.5 items-center text-accent underline underline-offset-2'
const NOTE_CHARS_MAX = 500

interface Props {
  id: string
  /** Another one once anything may be another: it is asked for again. */
  version: string
  onClose: () => void
  onDone: () => void
}

/** One alert: what it says, what was done about it, all of it as JSON, and the way to what it is about. */
export function AlertAside({ id, version, onClose, onDone }: Props) {
  const { data, error, reload } = useAsk<AlertShown>(`/api/alerts/${encodeURIComponent(id)}`)
  const before = useRef(version)
  useEffect(() => {
    if (before.current !== version) reload()
    before.current = version
  }, [version, reload])
  const done = () => {
    reload()
    onDone()
  }
  return (
    <Aside title="Alert" onClose={onClose}>
      {data ? <Shown shown={data} onDone={done} /> : error ? <Failure error={error} onRetry={reload} /> : <Loading what="the alert" />}
    </Aside>
  )
}

function Shown({ shown, onDone }: { shown: AlertShown; onDone: () => void }) {
  const { alert, place } = shown
  // What its kind says besides.
  const text = (name: string) => (typeof alert[name] === 'string' ? alert[name] : null)
  const [advertiser, ad, date] = [text('advertiser_id'), text('ad_id'), text('date')]
  return (
    <>
      <div className="flex flex-col gap-3 border-b border-line p-3">
        <div>
          <p className="font-medium break-words">{alert.title}</p>
          {alert.reason !== undefined && <p className="break-words">{alert.reason}</p>}
          {alert.detail !== '' && <p className="break-words text-muted">{alert.detail}</p>}
        </div>
        <Facts of={factsOf(shown)} />
        {alert.state === 'open' && <Acts shown={shown} onDone={onDone} />}
        <div className="flex flex-wrap gap-x-4">
          {advertiser !== null && (
            <Link href={linkTo('/billing', { advertiser, ad, from: date, to: date })} className={LINK}>
              Its statement{date !== null && ' of that day'}
            </Link>
          )}
          {place !== null && (
            <span className="inline-flex h-7.5 items-center">
              <RecordLink topic={TOPIC} partition={place.partition} offset={place.offset}>
                In its topic
              </RecordLink>
            </span>
          )}
        </div>
      </div>
      <Json value={alert} label="The alert as JSON" />
    </>
  )
}

function factsOf(shown: AlertShown) {
  const { alert, acknowledged_at: acknowledged, note } = shown
  const { rule, subject, count: seen, since, last_seen: last, resolved_at: resolved } = alert
  const text = (name: string) => (typeof alert[name] === 'string' ? alert[name] : undefined)
  const facts: [string, React.ReactNode][] = [
    [
      'severity',
      <Badge key="severity" tone={SEVERITY_TONES[alert.severity]}>
        {alert.severity}
      </Badge>,
    ],
    ['state', alert.state && <StateBadge key="state" {...shown} />],
    ['kind', alert.kind],
    ['rule', rule],
    ['about', subject],
    ['seen', seenOf(shown)],
    ['times', seen === undefined ? undefined : count(seen)],
    ['first', since && <Time key="since" iso={since} />],
    ['last', last && <Time key="last" iso={last} />],
    ['raised', <Time key="raised" iso={alert.raised_at} />],
    ['over', resolved && <Time key="over" iso={resolved} />],
    ['lasted', typeof alert.duration_ms !== 'number' ? undefined : `${duration(alert.duration_ms)}, ended by ${alert.resolved_by}`],
    ['acknowledged', acknowledged && <Time key="acknowledged" iso={acknowledged} />],
    ['note', note],
    ['advertiser', text('advertiser_id')],
    ['ad', text('ad_id')],
    ['day', text('date')],
  ]
  return facts.filter(([, value]) => value !== undefined && value !== null && value !== '')
}

function Acts({ shown, onDone }: { shown: AlertShown; onDone: () => void }) {
  const { run, busy, error } = useAct(onDone)
  const [note, setNote] = useState('')
  const id = shown.alert.alert_id
  return (
    <div className="flex flex-col gap-2">
      <label className="flex flex-col gap-1">
        <span className="font-medium">Note</span>
        <input
          className="field"
          maxLength={NOTE_CHARS_MAX}
          placeholder="kept with what is done"
          value={note}
          onChange={(event) => setNote(event.target.value)}
        />
      </label>
      <div className="flex gap-2">
        {shown.acknowledged_at === null && (
          <Button kind="primary" disabled={busy !== undefined} onClick={() => void run('acknowledge', id, note)}>
            Acknowledge
          </Button>
        )}
        <Button disabled={busy !== undefined} onClick={() => void run('resolve', id, note)}>
          Resolve
        </Button>
      </div>
      {error && <Failure error={error} />}
    </div>
  )
}
