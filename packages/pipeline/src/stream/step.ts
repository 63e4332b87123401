import { toPaise, type AttributedEvent, type ClickEvent } from '@flowguard/contract'

/** As they are ordered where they are of one time: as in `silver.user_sessions`. */
const KINDS = ['click', 'impression', 'order'] as const
export type StepKind = (typeof KINDS)[number]

/** What a user did, as far as windows, sessions and signs of fraud go by it. */
export interface Step {
  kind: StepKind
  /** The event's id. */
  id: string
  ts: number
  userId: string
  itemId: number | null
  /** An order has none. */
  adId: string | null
  /** Of a click or impression its own; of an order its click's. */
  campaignId: string | null
  /** Where the request came from, as the client said. */
  address: string | null
  /** Price times quantity of an order; else 0. */
  paise: number
  /** An order that is due to a click. */
  isAttributed: boolean
  /** It came when time had passed it already: it may earn an order, and counts in no window or session. */
  isBehind?: boolean
}

export function clickStep({ event_type, event_id, ts, user_id, item_id, ad_id, ad_campaign_id, ip_address }: ClickEvent): Step {
  return {
    kind: event_type === 'click' ? 'click' : 'impression',
    id: event_id,
    ts,
    userId: user_id,
    itemId: item_id ?? null,
    adId: ad_id,
    campaignId: ad_campaign_id === undefined ? null : String(ad_campaign_id),
    address: typeof ip_address === 'string' ? ip_address : null,
    paise: 0,
    isAttributed: false,
  }
}

type PlacedOrder = Pick<AttributedEvent, 'event_id' | 'user_id' | 'item_id' | 'price' | 'quantity'>

/** `click`: what it is due to, or null. */
export function orderStep(
  { event_id, user_id, item_id, price, quantity }: PlacedOrder,
  ts: number,
  click: { campaign_id: string | null } | null,
): Step {
  return {
    kind: 'order',
    id: event_id,
    ts,
    userId: user_id,
    itemId: item_id,
    adId: null,
    campaignId: click?.campaign_id ?? null,
    address: null,
    paise: toPaise(price) * quantity,
    isAttributed: click !== null,
  }
}

/** The order in which a session tells its steps: by time, then kind, then item, as `silver.user_sessions` does; one without an item is the last. */
export function byVisit(a: Step, b: Step): number {
  return (
    a.ts - b.ts ||
    rankOf(a.kind) - rankOf(b.kind) ||
    (a.itemId ?? Infinity) - (b.itemId ?? Infinity) ||
    Number(a.isAttributed) - Number(b.isAttributed) ||
    0
  )
}

const rankOf = (kind: StepKind) => KINDS.indexOf(kind)

/** One line of JSON: what every step has, then what most have not, as far as it has any of it. */
export function encodeStep({ kind, id, ts, userId, itemId, adId, campaignId, address, paise, isAttributed, isBehind }: Step): string {
  const fields: unknown[] = [userId, itemId, ts, id, adId, campaignId]
  if (kind !== 'click' || address !== null || isBehind) fields.push(rankOf(kind))
  if (kind === 'order' || address !== null || isBehind) fields.push(address)
  if (kind === 'order' || isBehind) fields.push(paise, isAttributed)
  if (isBehind) fields.push(true)
  return JSON.stringify(fields)
}

type Fields = [string, number | null, number, string, string | null, string | null, number?, (string | null)?, number?, boolean?, true?]

export function decodeStep(line: string): Step {
  const [userId, itemId, ts, id, adId, campaignId, rank = 0, address = null, paise = 0, isAttributed = false, isBehind] = JSON.parse(
    line,
  ) as Fields
  const step: Step = { kind: KINDS[rank] as StepKind, id, ts, userId, itemId, adId, campaignId, address, paise, isAttributed }
  return isBehind ? { ...step, isBehind } : step
}
