'use client'

import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { useCallback, useEffect, useRef, useState } from 'react'
import { parseNotifications, type Notification, type Notifications } from '../lib/notifications.ts'
import { kitchenTime } from '../lib/order.ts'
import { customerId } from '../lib/tracking.ts'

const LOOK_MS = 15_000
const SHOWN_MAX = 9
/** Until when the customer has seen them, in this browser. */
const SEEN_KEY = 'flowguard-store:notified'

/** What became of the customer's orders: a bell with what is new, and the list behind it. */
export function NotificationBell() {
  const { told, look } = useNotifications()
  const panel = useRef<HTMLDivElement>(null)
  const unread = told?.unread ?? 0

  function toggled(isOpen: boolean) {
    if (!isOpen || !told?.latest) return
    localStorage.setItem(SEEN_KEY, told.latest)
    void look()
  }

  return (
    <>
      <button
        type="button"
        popoverTarget="notifications"
        aria-label={unread > 0 ? `Notifications, ${unread} new` : 'Notifications'}
        className="relative grid size-11 place-items-center rounded-full text-muted transition-colors hover:bg-sunken hover:text-ink"
      >
        <Bell />
        {unread > 0 && (
          <span
            aria-hidden="true"
            className="absolute top-1 right-0.5 grid h-5 min-w-5 place-items-center rounded-full bg-action px-1 text-xs font-semibold text-on-action tabular-nums"
          >
            {unread > SHOWN_MAX ? `${SHOWN_MAX}+` : unread}
          </span>
        )}
      </button>
      <div
        ref={panel}
        id="notifications"
        popover="auto"
        role="dialog"
        aria-label="Notifications"
        onToggle={(event) => toggled(event.newState === 'open')}
        className="fixed inset-auto top-18 right-4 max-h-[70dvh] w-[min(24rem,calc(100vw-2rem))] overflow-y-auto rounded-dish border border-line bg-surface p-5 text-ink shadow-lift sm:right-8"
      >
        <h2 className="text-lg font-semibold">Notifications</h2>
        <List told={told} onFollow={() => panel.current?.hidePopover()} />
      </div>
    </>
  )
}

interface ListProps {
  told: Notifications | undefined
  /** A link in it is followed: on the page that it leads to, the list is in the way. */
  onFollow: () => void
}

function List({ told, onFollow }: ListProps) {
  if (!told) return <p className="mt-3 text-muted">They cannot be shown just now.</p>
  if (told.list.length === 0) return <p className="mt-3 text-muted">Nothing yet. What becomes of your orders is told here.</p>
  return (
    <ul className="mt-2 divide-y divide-line">
      {told.list.map((each) => (
        <Entry key={each.id} {...each} onFollow={onFollow} />
      ))}
    </ul>
  )
}

function Entry({ title, message, orderId, timestamp, onFollow }: Notification & Pick<ListProps, 'onFollow'>) {
  return (
    <li className="py-3">
      <Link href={`/order/${encodeURIComponent(orderId)}`} prefetch={false} onClick={onFollow} className="block rounded-lg hover:underline">
        <span className="font-semibold">{title}</span>
        <span className="mt-0.5 block text-[0.9375rem] leading-snug text-pretty text-muted">{message}</span>
      </Link>
      <time dateTime={timestamp} className="mt-1 block text-sm text-muted tabular-nums">
        {kitchenTime(timestamp)}
      </time>
    </li>
  )
}

/** Asked for on every page and every few seconds while it is seen. Undefined where they cannot be shown. */
function useNotifications() {
  const [told, setTold] = useState<Notifications>()
  const path = usePathname()
  const look = useCallback(async () => {
    if (document.visibilityState === 'visible') setTold(await asked())
  }, [])
  useEffect(() => {
    void look()
    const timer = setInterval(() => void look(), LOOK_MS)
    return () => clearInterval(timer)
  }, [look, path])
  return { told, look }
}

async function asked(): Promise<Notifications | undefined> {
  try {
    const query = new URLSearchParams({ user: customerId(), since: localStorage.getItem(SEEN_KEY) ?? '' })
    const answer = await fetch(`/notifications?${query.toString()}`, { cache: 'no-store' })
    return answer.ok ? parseNotifications(await answer.json()) : undefined
  } catch {
    // No answer, or a browser that keeps nothing: the rest of the page does without.
    return undefined
  }
}

function Bell() {
  return (
    <svg viewBox="0 0 24 24" className="size-5" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true">
      <path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15L6 16.5ZM10 21h4M12 5V3.2" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  )
}
