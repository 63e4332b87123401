import { openBackoff } from './backoff.ts'
import { browserEnvironment, type Environment } from './environment.ts'
import { eventsBy, type Ad, type ImpressionKind, type OrderDetails, type TrackedEvent } from './events.ts'
import { openGateway, type GatewayAddress, type Refusal } from './gateway.ts'
import { openIdentity } from './identity.ts'
import { createOrders, type OrderAnswer } from './orders.ts'
import { openQueue } from './queue.ts'
import { createSender, SEND_DELAY_MS } from './sender.ts'
import { openStore } from './store.ts'
import { createWatcher } from './watch.ts'

export interface TrackerOptions extends GatewayAddress, Partial<Environment> {
  /** Told of every event that will not be sent again. */
  onLost?: (loss: Loss) => void
}

/** `refused` by the gateway, or `dropped` because the queue was full. */
export interface Loss extends Refusal {
  event: TrackedEvent
  reason: 'refused' | 'dropped'
}

/** Of this tab, since the page was loaded; `queued` is what waits now, of all tabs. */
export interface Counts {
  queued: number
  sent: number
  refused: number
  dropped: number
  /** Found in the queue, and no event any more. */
  unreadable: number
}

export interface Tracker {
  userId: () => string
  /** Who the customer is, from now on and in all tabs; made up where nobody has said. Throws RangeError for what is no id. */
  setUser: (id: string | number) => void
  sessionId: () => string
  /** Returns the event's id, as `impression` does. */
  click: (ad: Ad) => string
  impression: (ad: Ad, kind: ImpressionKind) => string
  /** Resolves to the gateway's answer. Rejects with an `OrderError`. Called again with the same details before an answer came, it is the same order. */
  order: (details: OrderDetails) => Promise<OrderAnswer>
  /** An impression once half of the element was in view for a second without a break. Returns what ends the watch. */
  watchViewable: (element: Element, ad: Ad) => () => void
  /** An impression once the pointer has stayed on the element. Returns what ends the watch. */
  watchHover: (element: Element, ad: Ad) => () => void
  /** A single-page site shows another page: what was seen on the last counts anew. */
  newPageView: () => void
  /** Sends what waits now. Resolves to whether all of it went out. */
  flush: () => Promise<boolean>
  counts: () => Counts
  /** Ends all watching and sending. What is queued stays for the next page. */
  stop: () => void
}

export function createTracker({ onLost, ...options }: TrackerOptions): Tracker {
  const env: Environment = { ...browserEnvironment(), ...options }
  const counts = { sent: 0, refused: 0, dropped: 0, unreadable: 0 }
  const store = openStore(env.storage)
  const identity = openIdentity(store, env)
  const events = eventsBy(env, identity)

  function lose(reason: Loss['reason'], event: TrackedEvent, { code, detail }: Refusal): void {
    counts[reason] += 1
    try {
      onLost?.({ event, reason, code, detail })
    } catch (error) {
      // The site's mistake: shown as such, and no reason to stop sending.
      env.after(0, () => {
        throw error
      })
    }
  }

  const queue = openQueue(store, env.now, {
    dropped: (event) => lose('dropped', event, { code: 'queue_full', detail: 'too many events wait for the gateway' }),
    unreadable: () => (counts.unreadable += 1),
  })
  const gateway = openGateway(options, env)
  const sender = createSender({
    env,
    queue,
    backoff: openBackoff(store, env),
    gateway,
    told: {
      sent: (count) => (counts.sent += count),
      refused: ({ line }, refusal) => lose('refused', JSON.parse(line) as TrackedEvent, refusal),
    },
  })

  function record(event: TrackedEvent): string {
    if (queue.add(event)) sender.schedule(SEND_DELAY_MS)
    else lose('refused', event, { code: 'invalid_event', detail: 'cannot be written as JSON of at most 32 KiB' })
    return event.event_id
  }

  const impression = (ad: Ad, kind: ImpressionKind) => record(events.impression(ad, kind))
  const watcher = createWatcher(env, impression)

  const unlisten = [
    env.page.listen('visibilitychange', () => {
      watcher.visibilityChanged()
      if (env.page.isHidden()) sender.beacon()
      else sender.seen()
    }),
    env.page.listen('pagehide', () => sender.beacon()),
    env.page.listen('pageshow', (event) => {
      // Back from the browser's cache: shown anew without having been loaded.
      if ((event as PageTransitionEvent).persisted) watcher.newPageView()
      sender.seen()
    }),
    env.page.listen('online', () => void sender.flush(true)),
  ]
  // What an earlier page left behind.
  if (queue.count() > 0) sender.schedule(0)

  return {
    ...identity,
    click: (ad) => record(events.click(ad)),
    impression,
    order: createOrders({ env, store, sender, gateway, userId: identity.userId, newOrder: events.order }),
    watchViewable: watcher.viewable,
    watchHover: watcher.hover,
    newPageView: watcher.newPageView,
    flush: () => sender.flush(true),
    counts: () => ({ queued: queue.count(), ...counts }),
    stop() {
      for (const end of unlisten) end()
      watcher.stop()
      sender.stop()
    },
  }
}
