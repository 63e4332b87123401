'use client'

import { readTheme, THEME_AGE_S, THEME_COOKIE } from '../lib/theme.ts'

function switchTheme() {
  const root = document.documentElement
  const shown = readTheme(root.dataset.theme) ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')
  const next = shown === 'dark' ? 'light' : 'dark'
  root.dataset.theme = next
  document.cookie = `${THEME_COOKIE}=${next}; path=/; max-age=${THEME_AGE_S}; samesite=lax`
}

export function ThemeToggle() {
  return (
    <button
      type="button"
      onClick={switchTheme}
      aria-label="Switch between light and dark"
      className="grid size-11 place-items-center rounded-full text-muted transition-colors hover:bg-sunken hover:text-ink"
    >
      <svg viewBox="0 0 24 24" className="only-light size-5" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true">
        <path d="M20 14.2A8.2 8.2 0 0 1 9.8 4a8.2 8.2 0 1 0 10.2 10.2Z" strokeLinejoin="round" />
      </svg>
      <svg viewBox="0 0 24 24" className="only-dark size-5" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true">
        <circle cx="12" cy="12" r="4.2" />
        <path
          d="M12 2.5v2.2M12 19.3v2.2M2.5 12h2.2M19.3 12h2.2M5.3 5.3l1.5 1.5M17.2 17.2l1.5 1.5M18.7 5.3l-1.5 1.5M6.8 17.2l-1.5 1.5"
          strokeLinecap="round"
        />
      </svg>
    </button>
  )
}
