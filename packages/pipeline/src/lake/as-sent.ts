import { hash } from 'node:crypto'
import { canonicalJson, CLICKS, GENERAL, isoOf, ORDERS, parseLogged, parseTimestamp } from '@flowguard/contract'
import type { LakeRecord } from './parquet.ts'

export interface SentEvent {
  /** As it is to be sent. */
  text: string
  ts: number
}

type Json = Record<string, unknown>
/** Takes one of the gateway's additions away again; undefined where this event has none of the kind. */
type Undoing = (event: Json) => Json | undefined

/** How often a form of event is looked at in vain before it is looked at no more. */
const MISSES_MAX = 3
const FORMS_COUNT_MAX = 1_000
/** Every choice among them is tried. */
const UNDOINGS_COUNT_MAX = 6

/**
 * What to send so that a gateway makes the same event of a record again: what it wrote over the event is left out; the id stays, so that a repeat is known as
 * one; the time stays, also where the client had sent none. A gateway that knows the id takes it for a repeat only if the content is the same to the byte, and
 * the record has its hash: so what the gateway had filled in or written otherwise is undone where that gives the hash. Where nothing does (the client had sent
 * no id or no time of its own), an empty system comes to the same, and one that has the event already says that its content is another.
 *
 * `addressed` are orders whose status was changed by the gateway's id: in another system they have another, so that one is sent as the client's own.
 */
export function sender(addressed: ReadonlySet<string>): (record: LakeRecord) => SentEvent | { fault: string; detail: string } {
  const forms = new Map<string, { choice: number; misses: number }>()
  /** The client's ids of those orders. */
  const clientIds = new Map<string, unknown>()

  return ({ topic, text, contentHash }) => {
    if (text === undefined) return { fault: 'not_utf8', detail: 'the record is not UTF-8' }
    const logged = parseLogged(text)
    if ('invalid' in logged) return { fault: 'invalid_event', detail: logged.invalid }
    const { ts } = logged
    const event = { ...(logged as unknown as Json) }
    for (const name of ['received_at', 'is_bot', 'ts']) delete event[name]
    keepTime(event, ts, topic === GENERAL)
    if (topic === ORDERS) nameOrder(event, addressed, clientIds)
    if (topic === CLICKS && event['is_click'] !== undefined) event['is_click'] = event['event_type'] === 'click'
    return { text: JSON.stringify(contentHash === undefined ? event : restored(event, contentHash, forms)), ts }
  }
}

/** What a general event says of its own time is the workers' to judge. */
function keepTime(event: Json, ts: number, isGeneral: boolean): void {
  const { timestamp } = event
  const sent = typeof timestamp === 'string' ? parseTimestamp(timestamp) : undefined
  if (sent === undefined || (sent !== ts && !isGeneral)) event['timestamp'] = isoOf(ts)
}

function nameOrder(event: Json, addressed: ReadonlySet<string>, clientIds: Map<string, unknown>): void {
  const { order_id: given, client_order_id: own } = event as { order_id: string; client_order_id?: unknown }
  delete event['order_id']
  delete event['client_order_id']
  const isPlaced = event['order_type'] === 'placed'
  if (isPlaced && addressed.has(given)) clientIds.set(given, own ?? given)
  const id = own === given || (isPlaced && addressed.has(given)) ? (clientIds.get(given) ?? own) : own
  if (id !== undefined) event['order_id'] = id
}

/** The event with those of the gateway's additions undone that give the hash; as it is where none do. */
function restored(event: Json, contentHash: string, forms: Map<string, { choice: number; misses: number }>): Json {
  const possible = UNDOINGS.filter((undo) => undo(event) !== undefined).slice(0, UNDOINGS_COUNT_MAX)
  const form = `${Object.keys(event).join()} ${possible.map((undo) => UNDOINGS.indexOf(undo)).join()}`
  let known = forms.get(form)
  if (!known) {
    if (forms.size >= FORMS_COUNT_MAX) forms.clear()
    forms.set(form, (known = { choice: 0, misses: 0 }))
  }
  if (known.misses >= MISSES_MAX) return event
  // What one event of the form came to comes first: one client sends them all alike.
  for (let at = 0; at < 2 ** possible.length; at += 1) {
    const choice = at ^ known.choice
    let tried = event
    possible.forEach((undo, bit) => {
      if (choice & (1 << bit)) tried = undo(tried) ?? tried
    })
    if (hash('sha256', canonicalJson(tried), 'base64url') !== contentHash) continue
    known.choice = choice
    known.misses = -Infinity
    return tried
  }
  known.misses += 1
  return event
}

const UNDOINGS: readonly Undoing[] = [
  numeric('user_id'),
  filled('item_name'),
  filled('price'),
  filled('quantity', 1),
  filled('order_type', 'placed'),
  numeric('order_id'),
  (event) => (event['event_type'] === 'order' ? undefined : filled('item_id')(event)),
  numeric('ad_id'),
  numeric('ad_campaign_id'),
  (event) => (event['event_type'] === 'impression' && event['is_click'] === false ? { ...event, event_type: 'click' } : undefined),
]

/** It was sent as a number and is carried as text. */
function numeric(name: string): Undoing {
  return (event) => {
    const value = event[name]
    const number = typeof value === 'string' ? Number(value) : Number.NaN
    return Number.isSafeInteger(number) && String(number) === value ? { ...event, [name]: number } : undefined
  }
}

/** It was not sent. */
function filled(name: string, value?: unknown): Undoing {
  return (event) => {
    if (event[name] === undefined || (value !== undefined && event[name] !== value)) return undefined
    const { [name]: _filled, ...rest } = event
    return rest
  }
}
