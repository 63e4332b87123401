import { createStore } from '../state/store.ts'

const KEY = 'flowguard.console.key'

// In the address that `up` shows: kept for this tab, and out of the address before anybody copies it.
const given = /^#key=(.+)$/.exec(window.location.hash)?.[1]
if (given !== undefined) {
  sessionStorage.setItem(KEY, decodeURIComponent(given))
  window.history.replaceState(null, '', window.location.pathname + window.location.search)
}

/** The operator's key, for as long as this tab is open. */
export const operatorKey = createStore<string>(sessionStorage.getItem(KEY) ?? '')
/** Why a key is asked for; empty where none is. */
export const keyWanted = createStore<string>('')

export function keepKey(key: string): void {
  sessionStorage.setItem(KEY, key)
  operatorKey.set(key)
  keyWanted.set('')
}

export function authorization(): Record<string, string> {
  const key = operatorKey.get()
  return key === '' ? {} : { authorization: `Bearer ${key}` }
}
