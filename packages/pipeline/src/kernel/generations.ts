/** Something by key, for as long as it was set within the window; at most for two of them. So nothing has to be looked through to forget. */
export function generations<T>(window: number) {
  let current = new Map<string, T>()
  let previous = new Map<string, T>()
  let since = -Infinity

  return {
    clear() {
      current = new Map()
      previous = new Map()
      since = -Infinity
    },
    /** It is that time now, in the unit of the window; time does not go back. */
    turn(now: number) {
      if (now - since < window) return
      previous = now - since < 2 * window ? current : new Map()
      current = new Map()
      since = now
    },
    get: (key: string): T | undefined => current.get(key) ?? previous.get(key),
    set(key: string, value: T) {
      current.set(key, value)
    },
  }
}
