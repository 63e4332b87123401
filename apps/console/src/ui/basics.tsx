import type { ButtonHTMLAttributes, ReactNode } from 'react'
import type { ApiError } from '../api/client.ts'
import { Link } from 'wouter'
import { keyWanted } from '../api/key.ts'
import { linkTo } from '../state/address.ts'
import { duration, moment } from '../model/format.ts'
import type { Status } from '../model/parts.ts'
import { zone } from '../state/preferences.ts'
import { useStore } from '../state/store.ts'

type Tone = 'good' | 'warn' | 'bad' | 'accent' | 'plain'

const BADGES: Record<Tone, string> = {
  good: 'bg-good-soft text-good',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  accent: 'bg-accent-soft text-accent',
  plain: 'bg-raised text-muted',
}

export function Badge({ tone = 'plain', children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className={`inline-flex items-center gap-1 rounded px-1.5 text-2xs leading-4.5 font-medium whitespace-nowrap ${BADGES[tone]}`}>
      {children}
    </span>
  )
}

const DOTS: Record<Status, string> = { good: 'bg-good', idle: 'bg-edge', busy: 'bg-warn', bad: 'bg-bad' }

export function Dot({ status }: { status: Status }) {
  return <span aria-hidden className={`size-2 shrink-0 rounded-full ${DOTS[status]}`} />
}

const BUTTONS = {
  plain: 'border-edge bg-panel hover:bg-hover',
  primary: 'border-transparent bg-accent text-on-accent hover:opacity-90',
  danger: 'border-bad text-bad bg-panel hover:bg-bad-soft',
} as const

export function Button({
  kind = 'plain',
  className = '',
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { kind?: keyof typeof BUTTONS }) {
  return (
    <button
      type="button"
      className={`inline-flex h-7.5 items-center gap-1.5 rounded-md border px-2.5 font-medium whitespace-nowrap disabled:opacity-50 ${BUTTONS[kind]} ${className}`}
      {...rest}
    />
  )
}

/** An instant, in the zone that was chosen; in UTC when pointed at. */
export function Time({ iso, isTimeOnly = false }: { iso: string; isTimeOnly?: boolean }) {
  const chosen = useStore(zone)
  const { day, time } = moment(iso, chosen)
  return (
    <time dateTime={iso} title={iso} className="num whitespace-nowrap">
      {isTimeOnly ? time : `${day} ${time}`}
    </time>
  )
}

export function Age({ iso, now }: { iso: string; now: number }) {
  return (
    <time dateTime={iso} title={iso} className="num whitespace-nowrap">
      {duration(Math.max(0, now - Date.parse(iso)))}
    </time>
  )
}

export function Page({ title, about, actions, children }: { title: string; about: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <>
      <title>{`${title} · FlowGuard`}</title>
      <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-2 px-4 pt-4 pb-3 md:px-6">
        <div>
          <h1 className="text-lg leading-6 font-semibold tracking-tight">{title}</h1>
          <p className="text-muted">{about}</p>
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </>
  )
}

export function Panel({
  title,
  actions,
  children,
  className = '',
}: {
  title?: string
  actions?: ReactNode
  children: ReactNode
  className?: string
}) {
  return (
    <section aria-label={title} className={`panel min-w-0 ${className}`}>
      {title && (
        <div className="flex min-h-10 flex-wrap items-center justify-between gap-2 border-b border-line px-3 py-1">
          <h2 className="font-semibold">{title}</h2>
          {actions}
        </div>
      )}
      {children}
    </section>
  )
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-1 px-6 py-12 text-center">
      <p className="font-medium">{title}</p>
      {children && <div className="max-w-md text-muted">{children}</div>}
    </div>
  )
}

export function Failure({ error, onRetry }: { error: ApiError | Error; onRetry?: (() => void) | undefined }) {
  return (
    <div role="alert" className="m-3 flex flex-wrap items-center gap-3 rounded-md bg-bad-soft px-3 py-2 text-bad">
      <span className="min-w-0 flex-1 break-words">{error.message}</span>
      {'status' in error && error.status === 401 ? (
        <Button onClick={() => keyWanted.set(error.message)}>Give a key</Button>
      ) : (
        onRetry && <Button onClick={onRetry}>Try again</Button>
      )}
    </div>
  )
}

export function Loading({ what, rows = 6 }: { what: string; rows?: number }) {
  return (
    <div role="status" aria-label={`Loading ${what}`} className="flex flex-col gap-2 p-3">
      {Array.from({ length: rows }, (_, at) => (
        <div key={at} aria-hidden className="h-5 animate-pulse rounded bg-raised" style={{ width: `${96 - ((at * 17) % 40)}%` }} />
      ))}
    </div>
  )
}

export function Facts({ of }: { of: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1">
      {of.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="num min-w-0 text-right break-words">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** The way to a record of the log. */
export function RecordLink({
  topic,
  partition,
  offset,
  children,
}: {
  topic: string
  partition: number
  offset: number
  children: ReactNode
}) {
  return (
    <Link
      href={linkTo('/topics', { topic, partition, offset, open: `${partition}:${offset}` })}
      className="num text-accent underline underline-offset-2"
    >
      {children}
    </Link>
  )
}
