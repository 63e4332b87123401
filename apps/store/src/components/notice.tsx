import Link from 'next/link'
import type { ReactNode } from 'react'

/** A page that has only something to say. */
export function Notice({ title, children, action }: { title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-2xl flex-col items-center px-5 pt-16 text-center sm:pt-24">
      <EmptyPlate />
      <h1 className="mt-8 text-4xl font-semibold sm:text-5xl">{title}</h1>
      <p className="mt-4 max-w-prose text-lg text-pretty text-muted">{children}</p>
      <div className="mt-8 flex flex-wrap justify-center gap-3">
        {action}
        <Link href="/" className={action ? QUIET_BUTTON : BUTTON}>
          To the menu
        </Link>
      </div>
    </div>
  )
}

export const BUTTON =
  'inline-flex min-h-12 items-center justify-center rounded-full bg-action px-7 font-semibold text-on-action transition-colors hover:bg-action-over'
export const QUIET_BUTTON =
  'inline-flex min-h-12 items-center justify-center rounded-full border border-field px-7 font-semibold transition-colors hover:bg-sunken'

function EmptyPlate() {
  return (
    <svg viewBox="0 0 240 160" className="w-56" aria-hidden="true">
      <ellipse cx="124" cy="92" rx="86" ry="56" className="fill-sunken" />
      <circle cx="120" cy="80" r="64" className="fill-surface stroke-line" strokeWidth="2" />
      <circle cx="120" cy="80" r="42" className="fill-none stroke-line" strokeWidth="2" />
      <path d="M93 99c9 6 18 4 22-2" className="fill-none stroke-turmeric" strokeWidth="5" strokeLinecap="round" />
      <path d="M128 70h.1M136 90h.1M112 66h.1M141 76h.1" className="fill-none stroke-field" strokeWidth="4" strokeLinecap="round" />
      <path d="M34 34v24a8 8 0 0 0 16 0V34M42 34v92" className="fill-none stroke-field" strokeWidth="4" strokeLinecap="round" />
      <path
        d="M204 126V34c-12 6-16 22-14 44h14"
        className="fill-none stroke-field"
        strokeWidth="4"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  )
}
