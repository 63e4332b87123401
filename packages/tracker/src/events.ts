import type { Environment } from './environment.ts'
import type { Identity } from './identity.ts'

/** What is shown and clicked. The gateway finds the dish by the ad where `item_id` is missing. */
export interface Ad {
  ad_id: string | number
  item_id?: number
  ad_campaign_id?: string | number
  /** banner, native, video, … */
  ad_type?: string
  city?: string
  metadata?: Readonly<Record<string, unknown>>
}

/** Pointed at for a moment, or half in view for a second. Travels as `metadata.impression`. */
export type ImpressionKind = 'hover' | 'viewable'

export interface OrderDetails {
  item_id: number
  /** The shop's own id. The order's is the gateway's to give. */
  order_id?: string | number
  item_name?: string
  /** Rupees. */
  price?: number
  quantity?: number
  restaurant_id?: string | number
  city?: string
  location?: string | Readonly<Record<string, unknown>>
  metadata?: Readonly<Record<string, unknown>>
}

/** An act as it is sent: made once, when it happens, and the same in every try. */
export interface TrackedEvent {
  event_type: 'click' | 'impression' | 'order'
  event_id: string
  timestamp: string
  user_id: string
  session_id: string
  [field: string]: unknown
}

/** Makes events of acts: who, when and where are added here, and nowhere else. */
export function eventsBy({ now, newId, context }: Environment, identity: Identity) {
  const act = <T extends TrackedEvent['event_type']>(type: T) => ({
    event_type: type,
    event_id: newId(),
    timestamp: new Date(now()).toISOString(),
    user_id: identity.userId(),
    session_id: identity.sessionId(),
  })
  return {
    click: (ad: Ad): TrackedEvent => ({ ...context(), ...ad, ...act('click') }),
    impression: (ad: Ad, kind: ImpressionKind): TrackedEvent => ({
      ...context(),
      ...ad,
      metadata: { ...ad.metadata, impression: kind },
      ...act('impression'),
    }),
    order: (details: OrderDetails): TrackedEvent => ({ user_agent: context().user_agent, ...details, ...act('order') }),
  }
}
