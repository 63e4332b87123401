import { lazy, Suspense, useEffect, useRef, type ComponentType } from 'react'
import { Link, Route, Switch, useLocation } from 'wouter'
import { connection, liveState } from './api/live.ts'
import { brief, duration, rate } from './model/format.ts'
import { unseenCount } from './model/unseen.ts'
import { seenAlerts } from './state/seen-alerts.ts'
import { nextTheme, setTheme, setZone, theme, zone } from './state/preferences.ts'
import { useStore } from './state/store.ts'
import { AlertToast } from './ui/alert-toast.tsx'
import { Empty, Loading, Page } from './ui/basics.tsx'
import { Boundary } from './ui/boundary.tsx'
import { Icon, type IconName } from './ui/icons.tsx'
import { KeyDialog } from './ui/key-dialog.tsx'
import { useOverflow } from './ui/use-overflow.ts'

interface Place {
  path: string
  name: string
  icon: IconName
  page: ComponentType
}

const PLACES: readonly Place[] = [
  {
    path: '/',
    name: 'Pipeline',
    icon: 'pipeline',
    page: lazy(async () => ({ default: (await import('./pages/pipeline/page.tsx')).PipelinePage })),
  },
  {
    path: '/trace',
    name: 'Trace',
    icon: 'trace',
    page: lazy(async () => ({ default: (await import('./pages/trace/page.tsx')).TracePage })),
  },
  {
    path: '/journeys',
    name: 'Journeys',
    icon: 'journeys',
    page: lazy(async () => ({ default: (await import('./pages/journey/page.tsx')).JourneyPage })),
  },
  {
    path: '/topics',
    name: 'Topics',
    icon: 'topics',
    page: lazy(async () => ({ default: (await import('./pages/topics/page.tsx')).TopicsPage })),
  },
  {
    path: '/dead',
    name: 'Dead letters',
    icon: 'dead',
    page: lazy(async () => ({ default: (await import('./pages/dead/page.tsx')).DeadPage })),
  },
  {
    path: '/groups',
    name: 'Groups',
    icon: 'groups',
    page: lazy(async () => ({ default: (await import('./pages/groups/page.tsx')).GroupsPage })),
  },
  {
    path: '/audit',
    name: 'Audit',
    icon: 'audit',
    page: lazy(async () => ({ default: (await import('./pages/audit/page.tsx')).AuditPage })),
  },
  {
    path: '/business',
    name: 'Business',
    icon: 'business',
    page: lazy(async () => ({ default: (await import('./pages/business/page.tsx')).BusinessPage })),
  },
  {
    path: '/billing',
    name: 'Billing',
    icon: 'billing',
    page: lazy(async () => ({ default: (await import('./pages/billing/page.tsx')).BillingPage })),
  },
  {
    path: '/alerts',
    name: 'Alerts',
    icon: 'alerts',
    page: lazy(async () => ({ default: (await import('./pages/alerts/page.tsx')).AlertsPage })),
  },
  { path: '/etl', name: 'ETL', icon: 'etl', page: lazy(async () => ({ default: (await import('./pages/etl/page.tsx')).EtlPage })) },
]

export function App() {
  const [at] = useLocation()
  const main = useFreshMain(at)
  return (
    <div className="flex h-full flex-col md:flex-row">
      <a href="#main" className="sr-only z-50 rounded bg-panel px-3 py-2 focus:not-sr-only focus:absolute focus:top-2 focus:left-2">
        Skip to the content
      </a>
      <Side />
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <Pulse />
        <main ref={main} id="main" tabIndex={-1} className="flex min-h-0 flex-1 flex-col overflow-y-auto outline-none">
          <Boundary key={at}>
            <Suspense fallback={<Loading what="the page" />}>
              <Switch>
                {PLACES.map(({ path, page }) => (
                  <Route key={path} path={path} component={page} />
                ))}
                <Route>
                  <Page title="Not found" about="There is no such page.">
                    <Empty title="Nothing is here">
                      <Link href="/" className="text-accent underline">
                        To the pipeline
                      </Link>
                    </Empty>
                  </Page>
                </Route>
              </Switch>
            </Suspense>
          </Boundary>
        </main>
      </div>
      <AlertToast />
      <KeyDialog />
    </div>
  )
}

/** Another page begins at its top, and with the focus there; the first one leaves it to the browser. */
function useFreshMain(at: string) {
  const main = useRef<HTMLElement>(null)
  const before = useRef(at)
  useEffect(() => {
    if (before.current === at) return
    before.current = at
    main.current?.scrollTo(0, 0)
    main.current?.focus({ preventScroll: true })
  }, [at])
  return main
}

function Side() {
  const [at] = useLocation()
  const state = useStore(liveState)
  const unseen = unseenCount(state?.alerts, useStore(seenAlerts))
  const here = useRef<HTMLAnchorElement>(null)
  // On a phone not all pages have room.
  const waiting: Record<string, { count: number; what: string }> = {
    '/dead': { count: state?.summary.dead ?? 0, what: 'waiting' },
    '/alerts': { count: unseen, what: 'not seen yet' },
  }
  // A count that comes or goes moves what stands behind it.
  const counted = Object.values(waiting).map(({ count }) => count > 0)
  useEffect(() => {
    here.current?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [at, counted.join()])
  return (
    <header className="flex shrink-0 flex-col border-b border-line bg-panel md:w-48 md:border-r md:border-b-0">
      <div className="flex items-center justify-between px-4 py-2.5 md:py-4">
        <Link href="/" className="flex items-center gap-2 font-semibold tracking-tight">
          <img src="/favicon.svg" alt="" width="22" height="22" />
          FlowGuard
        </Link>
        <span className="flex md:hidden">
          <Preferences />
        </span>
      </div>
      <nav
        aria-label="Pages"
        className="edge-fade flex gap-0.5 overflow-x-auto px-2 pb-2 [scrollbar-width:none] md:flex-col md:overflow-visible"
      >
        {PLACES.map(({ path, name, icon }) => {
          const isHere = at === path
          const told = waiting[path]
          return (
            <Link
              key={path}
              ref={isHere ? here : undefined}
              href={path}
              aria-current={isHere ? 'page' : undefined}
              className={`flex items-center gap-2.5 rounded-md px-2.5 py-1.5 whitespace-nowrap ${isHere ? 'bg-accent-soft font-medium text-accent' : 'text-muted hover:bg-hover hover:text-ink'}`}
            >
              <Icon name={icon} />
              {name}
              {told && told.count > 0 && (
                <span className="num relative ml-auto rounded bg-warn-soft px-1.5 text-2xs text-warn">
                  {brief(told.count)}
                  <span className="sr-only"> {told.what}</span>
                </span>
              )}
            </Link>
          )
        })}
      </nav>
      <div className="mt-auto hidden items-center gap-1 border-t border-line p-2 md:flex">
        <Preferences />
      </div>
    </header>
  )
}

function Preferences() {
  const [shownTheme, shownZone] = [useStore(theme), useStore(zone)]
  const icon = { system: 'system', light: 'sun', dark: 'moon' } as const
  const button = 'flex h-7.5 items-center gap-1.5 rounded-md px-2 text-muted hover:bg-hover hover:text-ink'
  return (
    <>
      <button type="button" className={button} title="Light, dark, or as the system has it" onClick={() => setTheme(nextTheme(shownTheme))}>
        <Icon name={icon[shownTheme]} />
        <span className="sr-only">Theme: </span>
        <span className="capitalize">{shownTheme}</span>
      </button>
      <button
        type="button"
        className={button}
        title="Times in UTC or in this machine's zone"
        onClick={() => setZone(shownZone === 'utc' ? 'local' : 'utc')}
      >
        <span className="sr-only">Times: </span>
        {shownZone === 'utc' ? 'UTC' : 'Local'}
      </button>
    </>
  )
}

const CONNECTIONS = {
  connecting: ['bg-edge', 'Connecting'],
  live: ['bg-good', 'Live'],
  lost: ['bg-bad', 'No connection; trying again'],
} as const

/** How everything does, on every page. */
function Pulse() {
  const [state, connected] = [useStore(liveState), useStore(connection)]
  const [colour, words] = CONNECTIONS[connected]
  const figuresBox = useRef<HTMLDListElement>(null)
  const { canScroll } = useOverflow(figuresBox)
  const summary = state?.summary
  const watermark = state?.watermark_ms ?? undefined
  const behindMs = state === undefined || watermark === undefined ? undefined : Date.parse(state.at) - watermark
  const figures: [string, string][] = summary
    ? [
        ['events/s', rate(summary.events_per_s)],
        ['lag', brief(summary.lag)],
        ['dead', brief(summary.dead)],
        ['outbox', brief(summary.outbox)],
        ['watermark', behindMs === undefined ? '–' : `−${duration(behindMs)}`],
      ]
    : []
  return (
    <section
      aria-label="Right now"
      className="flex h-9 shrink-0 items-center gap-4 border-b border-line bg-panel px-4 text-xs whitespace-nowrap md:px-6"
    >
      <span role="status" className="flex items-center gap-2 font-medium">
        <span aria-hidden className={`size-2 rounded-full ${colour}`} />
        {words}
      </span>
      <dl
        tabIndex={canScroll ? 0 : undefined}
        ref={figuresBox}
        className={`edge-fade flex min-w-0 gap-4 overflow-x-auto [scrollbar-width:none] ${connected === 'lost' ? 'opacity-60' : ''}`}
      >
        {figures.map(([name, value]) => (
          <div key={name} className="flex gap-1.5">
            <dt className="text-muted">{name}</dt>
            <dd className="num font-medium">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
