import { GENERAL_TYPES, LIVE_MS, parseTimestamp, type GeneralEvent, type LoggedEvent } from '@flowguard/contract'

/** A general event with the fields that the gateway leaves to the workers. */
export type LaneEvent = GeneralEvent & { timestamp?: unknown; properties?: unknown }

export function isGeneral(event: LoggedEvent): event is GeneralEvent {
  return (GENERAL_TYPES as readonly string[]).includes(event.event_type)
}

/** When it happened as its client says, else when it was received, ms. */
export function claimedTime({ timestamp, ts }: LaneEvent): number {
  return (typeof timestamp === 'string' ? parseTimestamp(timestamp) : undefined) ?? ts
}

/** What is wrong with an event that the gateway took, or undefined. To try it again cannot help (CONTRACT, Events: general). */
export function laneFault(event: LaneEvent, receivedMs: number): string | undefined {
  const { event_type: type, user_id: user, properties } = event
  if (properties !== undefined && (typeof properties !== 'object' || properties === null || Array.isArray(properties)))
    return '/properties must be an object'
  if (type === 'purchase' && !(amountOf(event) > 0)) return '/properties/amount must be a positive number'
  if (type === 'user_signup' && user === undefined) return '/user_id is required for a sign-up'
  const aheadMs = claimedTime(event) - receivedMs
  if (aheadMs > LIVE_MS) return `/timestamp is ${aheadMs} ms after it was received`
  return undefined
}

/** NaN where there is none. */
export function amountOf({ properties }: LaneEvent): number {
  const amount = (properties as { amount?: unknown } | undefined)?.amount
  return typeof amount === 'number' ? amount : Number.NaN
}
