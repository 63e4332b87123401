import type { LiveState } from 'flowguard/answers'
import { seenIn, unseenCount, type Seen } from '../model/unseen.ts'
import { createStore } from './store.ts'

const KEY = 'flowguard.console.alerts-seen'

/** Up to where somebody has looked at the alerts in this browser. */
export const seenAlerts = createStore<Seen | undefined>(seenIn(localStorage.getItem(KEY)))

window.addEventListener('storage', ({ key, newValue }) => key === KEY && seenAlerts.set(seenIn(newValue)))

export function markSeen(alerts: LiveState['alerts']): void {
  const { log, newest } = alerts
  if (log === null || newest === null || unseenCount(alerts, seenAlerts.get()) === 0) return
  localStorage.setItem(KEY, JSON.stringify({ log, offset: newest }))
  seenAlerts.set({ log, offset: newest })
}
