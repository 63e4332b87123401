import type { Environment } from './environment.ts'
import type { Store } from './store.ts'

const USER_KEY = 'flowguard:user'
const SESSION_KEY = 'flowguard:session'
const ID_CHARS_MAX = 128
/** As the pipeline has it: a session is a user's events with no gap longer than this. */
export const SESSION_GAP_MS = 30 * 60_000

/** Who acts, the same in all tabs: read anew each time, since another tab may have changed it. */
export function openIdentity(store: Store, { now, newId }: Pick<Environment, 'now' | 'newId'>) {
  function setUser(id: string | number): void {
    const text = String(id)
    if (!isId(text)) throw new RangeError(`a user id has 1 to ${ID_CHARS_MAX} characters`)
    if (store.get(USER_KEY) === text) return
    store.set(USER_KEY, text)
    store.remove(SESSION_KEY)
  }

  return {
    setUser,
    userId: (): string => {
      const known = store.get(USER_KEY)
      if (isId(known)) return known
      setUser(newId())
      return store.get(USER_KEY)!
    },
    /** Of an event that happens now: it keeps the session going. */
    sessionId: (): string => {
      const [, id, at] = /^([\w-]{1,128}) (\d{1,15})$/.exec(store.get(SESSION_KEY) ?? '') ?? []
      const isOpen = id !== undefined && Math.abs(now() - Number(at)) <= SESSION_GAP_MS
      const session = isOpen ? id : newId()
      store.set(SESSION_KEY, `${session} ${now()}`)
      return session
    },
  }
}

export type Identity = ReturnType<typeof openIdentity>

function isId(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== '' && text.length <= ID_CHARS_MAX
}
