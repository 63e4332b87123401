/** All that the tracker has from the browser, so that a test can hand in its own. `null`: there is no such thing here. */
export interface Environment {
  /** What outlives the page. Any call of it may throw. */
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'> | null
  fetch: (url: string, init: RequestInit) => Promise<Response>
  sendBeacon: ((url: string, body: Blob) => boolean) | null
  /** Shared by all tabs of the site. */
  locks: { request: (name: string, work: () => Promise<boolean>) => Promise<boolean> } | null
  Observer: typeof IntersectionObserver | null
  page: Page
  /** What each click and impression says about where it happened. */
  context: () => Context
  /** Integer ms. */
  now: () => number
  /** In [0, 1). */
  random: () => number
  /** A UUID. */
  newId: () => string
  /** Runs the work later; returns what calls it off. */
  after: (ms: number, work: () => void) => () => void
}

export interface Page {
  isHidden: () => boolean
  /** Returns what ends it. */
  listen: (type: PageEvent, work: (event: Event) => void) => () => void
}

export type PageEvent = 'visibilitychange' | 'pagehide' | 'pageshow' | 'online'

export interface Context {
  page_url?: string | undefined
  referrer?: string | undefined
  device_type?: string | undefined
  user_agent?: string | undefined
}

/** The gateway refuses longer ones; half an address is better than no event. */
const URL_CHARS_MAX = 2048
const USER_AGENT_CHARS_MAX = 1024

/** This browser. On a server, where pages are rendered too, most of it is missing, and nothing happens. */
export function browserEnvironment(): Environment {
  const isPage = typeof document !== 'undefined'
  return {
    storage: isPage ? ownStorage() : null,
    fetch: (url, init) => fetch(url, init),
    sendBeacon: isPage && 'sendBeacon' in navigator ? (url, body) => navigator.sendBeacon(url, body) : null,
    locks: isPage && 'locks' in navigator ? { request: (name, work) => navigator.locks.request(name, work) } : null,
    Observer: typeof IntersectionObserver === 'undefined' ? null : IntersectionObserver,
    page: isPage ? { isHidden: () => document.visibilityState === 'hidden', listen } : { isHidden: () => true, listen: () => () => {} },
    context: isPage ? pageContext : () => ({}),
    now: Date.now,
    random: Math.random,
    newId,
    after(ms, work) {
      const timer = setTimeout(work, ms)
      return () => clearTimeout(timer)
    },
  }
}

/** Even to name it throws where the customer has forbidden storage. */
function ownStorage(): Storage | null {
  try {
    return localStorage
  } catch {
    return null
  }
}

function listen(type: PageEvent, work: (event: Event) => void): () => void {
  const target = type === 'visibilitychange' ? document : window
  target.addEventListener(type, work)
  return () => target.removeEventListener(type, work)
}

function pageContext(): Context {
  const { userAgent } = navigator
  return {
    page_url: location.href.slice(0, URL_CHARS_MAX),
    referrer: document.referrer.slice(0, URL_CHARS_MAX) || undefined,
    device_type: /Mobi|Android/i.test(userAgent) ? 'mobile' : 'desktop',
    user_agent: userAgent.slice(0, USER_AGENT_CHARS_MAX),
  }
}

/** `randomUUID` is there on https and localhost only; a shop in a local network has an address without either. */
function newId(): string {
  if ('randomUUID' in crypto) return crypto.randomUUID()
  const bytes = (crypto as Crypto).getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
