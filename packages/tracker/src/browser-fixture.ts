import type { Environment, PageEvent } from './environment.ts'
import type { TrackedEvent } from './events.ts'
import { createTracker, type Loss, type TrackerOptions } from './tracker.ts'

/** A little of a browser: storage and locks that tabs share, a clock that stands still until it is told to move, and a gateway. */

export const AD = { ad_id: 'food_7', item_id: 7 }

/** More turns of the event loop than a request and its answer take, since nothing but promises stands between them. */
const TURNS = 6

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise<void>((resolve) => void setImmediate(resolve))
}

function fakeClock(startMs = Date.UTC(2026, 0, 31, 12)) {
  let nowMs = startMs
  const timers = new Set<{ at: number; work: () => void }>()
  return {
    now: () => nowMs,
    timerCount: () => timers.size,
    after: (ms: number, work: () => void) => {
      const timer = { at: nowMs + ms, work }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    advance: async (ms: number) => {
      const end = nowMs + ms
      await settle()
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
        if (!next) break
        timers.delete(next)
        nowMs = Math.max(nowMs, next.at)
        next.work()
        await settle()
      }
      nowMs = end
    },
  }
}

export function fakeStorage(charsMax = Number.POSITIVE_INFINITY) {
  const values = new Map<string, string>()
  let keys: string[] | undefined
  const chars = () => [...values].reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  return {
    values,
    get length() {
      return values.size
    },
    key(at: number) {
      if (keys?.length !== values.size) keys = [...values.keys()]
      return keys[at] ?? null
    },
    getItem: (key: string) => values.get(key) ?? null,
    removeItem(key: string) {
      keys = undefined
      values.delete(key)
    },
    setItem(key: string, value: string) {
      if (chars() + key.length + value.length > charsMax) throw new DOMException('full', 'QuotaExceededError')
      keys = undefined
      values.set(key, value)
    },
  }
}

function fakeLocks() {
  let last: Promise<unknown> = Promise.resolve()
  return {
    request(_name: string, work: () => Promise<boolean>) {
      const turn = last.then(work)
      last = turn.catch(() => {})
      return turn
    },
  }
}

export interface FakeRequest {
  path: string
  headers: Record<string, string>
  body: string
  events: TrackedEvent[]
}

type Answer = { status: number; body?: unknown; headers?: Record<string, string> } | 'down' | 'hang'

/** Answers as the gateway does, where `told` has nothing else to say. */
export function fakeGateway() {
  const gateway = {
    requests: [] as FakeRequest[],
    openMost: 0,
    told: (_request: FakeRequest): Answer | undefined => undefined,
    batches: () => gateway.requests.filter(({ path }) => path.endsWith('/batch')),
    fetch: async (url: string, init: RequestInit): Promise<Response> => {
      gateway.openMost = Math.max(gateway.openMost, (open += 1))
      try {
        const body = init.body as string
        const path = new URL(url).pathname
        const events = body.split('\n').map((line) => JSON.parse(line) as TrackedEvent)
        const request = { path, headers: init.headers as Record<string, string>, body, events }
        gateway.requests.push(request)
        const answer = gateway.told(request) ?? usual(request)
        await Promise.resolve()
        if (answer === 'down') throw new TypeError('Failed to fetch')
        if (answer === 'hang') await new Promise((_, reject) => init.signal?.addEventListener('abort', () => reject(new Error('aborted'))))
        const { status, body: told, headers = {} } = answer as Exclude<Answer, string>
        return new Response(typeof told === 'string' ? told : JSON.stringify(told ?? {}), { status, headers })
      } finally {
        open -= 1
      }
    },
  }
  let open = 0
  return gateway
}

export type FakeGateway = ReturnType<typeof fakeGateway>

function usual({ path, events }: FakeRequest): Answer {
  if (path.endsWith('/orders'))
    return { status: 201, body: { success: true, order_id: 'o-1', event_id: events[0]?.event_id, status: 'confirmed' } }
  return { status: 200, body: events.map(({ event_id }, index) => ({ index, status: 'accepted', event_id })) }
}

function fakePage() {
  const target = new EventTarget()
  let isHidden = false
  return {
    isHidden: () => isHidden,
    listen(type: PageEvent, work: (event: Event) => void) {
      target.addEventListener(type, work)
      return () => target.removeEventListener(type, work)
    },
    fire: (type: PageEvent, more: object = {}) => target.dispatchEvent(Object.assign(new Event(type), more)),
    hide(hidden: boolean) {
      isHidden = hidden
      target.dispatchEvent(new Event('visibilitychange'))
    },
  }
}

/** Tells what a test says is in view. */
function fakeObservers() {
  const observers = new Set<{ element: Element | undefined; tell: (ratios: readonly number[]) => void; threshold: unknown }>()
  class Observer {
    readonly entry: { element: Element | undefined; tell: (ratios: readonly number[]) => void; threshold: unknown }
    constructor(callback: (entries: { intersectionRatio: number }[]) => void, options: { threshold?: unknown }) {
      const tell = (ratios: readonly number[]) => callback(ratios.map((intersectionRatio) => ({ intersectionRatio })))
      this.entry = { element: undefined, tell, threshold: options.threshold }
    }
    observe(element: Element) {
      this.entry.element = element
      observers.add(this.entry)
    }
    disconnect() {
      observers.delete(this.entry)
    }
  }
  return {
    Observer: Observer as unknown as typeof IntersectionObserver,
    observers,
    show(element: Element, ...ratios: number[]) {
      for (const each of observers) if (each.element === element) each.tell(ratios)
    },
  }
}

/** What several tabs of one site have in common. */
export function fakeSite() {
  return { clock: fakeClock(), storage: fakeStorage(), locks: fakeLocks(), gateway: fakeGateway() }
}

let tabs = 0

export function openTab(site: ReturnType<typeof fakeSite>, options: Partial<TrackerOptions> = {}) {
  const tab = (tabs += 1)
  let ids = 0
  const page = fakePage()
  const views = fakeObservers()
  const losses: Loss[] = []
  const beacons: { url: string; body: Blob }[] = []
  const environment: Environment = {
    storage: site.storage,
    fetch: site.gateway.fetch,
    sendBeacon: (url, body) => beacons.push({ url, body }) > 0,
    locks: site.locks,
    Observer: views.Observer,
    page,
    context: () => ({ page_url: 'https://shop.example/' }),
    now: site.clock.now,
    random: () => 0.5,
    newId: () => `id-${tab}-${(ids += 1)}`,
    after: site.clock.after,
  }
  const tracker = createTracker({
    gatewayUrl: 'http://gateway.example/',
    onLost: (loss) => losses.push(loss),
    ...environment,
    ...options,
  })
  const beaconed = async () => (await Promise.all(beacons.map(({ body }) => body.text()))).map((text) => JSON.parse(text) as TrackedEvent[])
  return { tracker, page, views, losses, beacons, beaconed }
}

/** The ids of what was sent in each batch. */
export const idsIn = (gateway: FakeGateway) => gateway.batches().map(({ events }) => events.map(({ event_id }) => event_id))
