import Link from 'next/link'
import { NotificationBell } from './notification-bell.tsx'
import { ThemeToggle } from './theme-toggle.tsx'

export function SiteHeader() {
  return (
    <header className="bg-canvas">
      <a
        href="#main"
        className="fixed top-3 left-3 z-50 -translate-y-20 rounded-full bg-action px-5 py-3 font-semibold text-on-action focus:translate-y-0"
      >
        Skip to the food
      </a>
      <div className="mx-auto flex h-18 max-w-7xl items-center justify-between px-5 sm:px-8">
        <Link href="/" className="flex items-center gap-3 rounded-lg" aria-label="FlowGuard Kitchen, the menu">
          <Mark />
          <span className="text-[1.0625rem] leading-none font-semibold tracking-tight">
            FlowGuard <span className="font-normal text-muted">Kitchen</span>
          </span>
        </Link>
        <div className="flex items-center gap-1">
          <NotificationBell />
          <ThemeToggle />
        </div>
      </div>
    </header>
  )
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" className="size-9" aria-hidden="true">
      <rect width="32" height="32" rx="10" className="fill-leaf" />
      <path d="M7 16.5h18a9 9 0 0 1-18 0Z" className="fill-turmeric" />
      <path
        d="M11.5 12.5c0-2 2-2.2 2-4.2M16 12.5c0-2 2-2.2 2-4.2M20.5 12.5c0-2 2-2.2 2-4.2"
        fill="none"
        className="stroke-turmeric"
        strokeWidth="1.8"
        strokeLinecap="round"
      />
    </svg>
  )
}
