import { createStore } from './store.ts'

export type Theme = 'system' | 'light' | 'dark'
export type Zone = 'utc' | 'local'

const THEMES: readonly Theme[] = ['system', 'light', 'dark']
const THEME_KEY = 'flowguard.console.theme'
const ZONE_KEY = 'flowguard.console.zone'

export const theme = createStore<Theme>(THEMES.find((each) => each === localStorage.getItem(THEME_KEY)) ?? 'system')
export const zone = createStore<Zone>(localStorage.getItem(ZONE_KEY) === 'local' ? 'local' : 'utc')

export function setTheme(next: Theme): void {
  localStorage.setItem(THEME_KEY, next)
  theme.set(next)
  showTheme()
}

/** On the document, where the style sheet looks. */
export function showTheme(): void {
  const { dataset } = document.documentElement
  if (theme.get() === 'system') delete dataset['theme']
  else dataset['theme'] = theme.get()
}

export const nextTheme = (now: Theme): Theme => THEMES[(THEMES.indexOf(now) + 1) % THEMES.length] as Theme

export function setZone(next: Zone): void {
  localStorage.setItem(ZONE_KEY, next)
  zone.set(next)
}
